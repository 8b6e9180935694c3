"""A sweep's link to a Ray cluster, a process of its own: the only file that imports Ray, and nothing imports this file.

    python -m medqa_sweeps.pool.ray_driver

Ray starts threads, changes how a process takes signals, and ends it when the cluster does: the sweep's process has
none of that. The driver obeys the lines of `ray_lines`. The end of its input, or its own, gives all slots back.
"""

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import ray
from ray._private.services import canonicalize_bootstrap_address  # tells which cluster `auto` is
from ray._private.state import state  # Ray's own libraries look here for nodes that are drained
from ray.exceptions import ActorUnavailableError, RayError

from medqa_sweeps.pool import ray_actor, seat
from medqa_sweeps.pool.ray_lines import MARK, Connection, Told
from medqa_sweeps.pool.ray_request import AUTO, HOW_TO_START, in_words

_PROBE_SECONDS, _RETRY_SECONDS, _DRAINING_EVERY_SECONDS = 10.0, 1.0, 3.0
_STOP_SECONDS = 15.0
_CAUSES = (  # in Ray's words: what happened
    ("running low on memory", "the node ran low on memory, and Ray ended its process"),
    ("OutOfMemory", "the node ran low on memory, and Ray ended its process"),
    ("node has died", "the node failed"),
    ("node was terminated", "the node failed"),
    ("owner has died", "the connection to the Ray cluster was lost"),
    ("ray.kill", "its actor was killed"),
    ("connection error code", "its process ended"),
    ("worker process has died", "its process ended"),
)


class Refused(Exception):
    """A sentence for users."""


def main() -> int:
    """0 when its input has ended; else it has said what is missing."""
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Ray prints there

    def say(what: Told, value: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            lines.write(f"{MARK}{json.dumps({what: value})}\n")
            lines.flush()

    with open(0, "rb", buffering=0, closefd=False) as unbuffered:  # what follows is asyncio's
        connection = Connection(**json.loads(unbuffered.readline())["connect"])
    try:
        nodes = _connect(connection)
    except Refused as refused:
        say(Told.REFUSED, str(refused))
        return 1
    say(Told.READY, nodes)
    asyncio.run(_Driver(connection, say).serve())
    return 0


def _connect(connection: Connection) -> list[str] | None:
    """The names of the nodes that can hold a slot; None: further nodes may come.

    Raises:
        Refused: if there is no such cluster, or it would never grant such a slot.
    """
    try:
        address = canonicalize_bootstrap_address(connection.address)
        assert address is not None
    except (ConnectionError, ValueError, OSError) as error:
        raise Refused(f"No Ray cluster was found ({_first_line(error)}). {HOW_TO_START}.") from None
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PROBE_SECONDS).close()
    except OSError as error:
        raise Refused(
            f"No Ray cluster answers at {address}{_origin(connection.address)} ({error}). {HOW_TO_START}."
        ) from None
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", configure_logging=False)
    except Exception as error:  # RuntimeError, ConnectionError, RpcError, AuthenticationError, …
        raise Refused(_why_not(error, address)) from None
    return None if connection.autoscaling else _large_enough(connection.amounts, ray.nodes())


def _origin(address: str) -> str:
    """Who named the address, if the settings did not."""
    if address != AUTO:
        return ""
    return ", which RAY_ADDRESS names" if os.environ.get("RAY_ADDRESS") else ", the last one that was started here"


def _why_not(error: Exception, address: str) -> str:
    words = str(error)
    if "Version mismatch" in words:
        told = " ".join(words.split())
        return f"{told}. Install the same Ray and Python on this machine and on all nodes."
    if "token" in words.lower():
        hint = "Give this machine the cluster's token (RAY_AUTH_TOKEN, or the file ~/.ray/auth_token)"
    else:
        hint = f"This machine must be part of the cluster: `ray start --address={address} --num-cpus=0`"
    return f"Ray does not connect to the cluster at {address}: {_first_line(error.__cause__ or error)}. {hint}."


def _large_enough(amounts: Mapping[str, float], nodes: Collection[Mapping[str, Any]]) -> list[str]:
    """The names of the nodes that can hold so much.

    Raises:
        Refused: if none is large enough, however long one waits.
    """
    alive = [node for node in nodes if node["Alive"]]
    held = [{name: node["Resources"].get(name, 0) for name in amounts} for node in alive]
    fitting = [all(node[name] >= amount for name, amount in amounts.items()) for node in held]
    if any(fitting):
        return [node["NodeName"] for node, fits in zip(alive, fitting, strict=True) if fits]
    largest = {name: max(node[name] for node in held) for name in amounts}
    short = {name: most for name, most in largest.items() if most < amounts[name]}
    has = f"no node has more than {in_words(short)}" if short else "no node has all of that at once"
    raise Refused(
        f"Ray would never grant a slot of {in_words(amounts)}: {has}. Change hydra.launcher.gpus, cpus, memory or "
        "resources (see `ray status`), or set hydra.launcher.autoscaling=true if larger nodes come when asked for."
    )


@dataclass
class _Slot:
    """An actor of ours."""

    actor: Any
    lines: "asyncio.Queue[bytes]" = field(default_factory=asyncio.Queue)
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)
    node_id: str = ""
    node: str = ""
    name: str = ""  # for users, once it is somewhere

    def note(self, place: Mapping[str, Any]) -> None:
        """Where it is, as its actor says."""
        self.node_id, self.node = place["node_id"], place["node"]
        self.name = f"Ray actor {place['job']} on {place['node']}"


class _Driver:
    """Actors, and the lines between their seats and the sweep."""

    def __init__(self, connection: Connection, say: Any) -> None:
        ray.cloudpickle.register_pickle_by_value(ray_actor)
        self._command = ray_actor.SeatCommand(
            connection.project, connection.seat_arguments, seat.PLACE, connection.threads
        )
        self._actor = ray.remote(max_restarts=0, **connection.options)(ray_actor.SlotActor)
        self._say = say
        self._slots: dict[int, _Slot] = {}

    async def serve(self) -> None:
        """Obey until the input ends; then give all slots back."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=1 << 26)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        watching = asyncio.create_task(self._watch_draining())
        while line := await reader.readline():
            ((key, value),) = json.loads(line).items()
            if key == "ask":
                self._ask(*value)
            elif key == "tell" and (slot := self._slots.get(value[0])):
                slot.lines.put_nowait(value[1].encode())
            elif key == "end" and value in self._slots:
                self._slots[value].tasks.append(asyncio.create_task(self._end(value)))
        watching.cancel()
        await asyncio.gather(*(self._end(number) for number in list(self._slots)))

    def _ask(self, number: int, excluded: Collection[str]) -> None:
        nodes = [node["NodeID"] for node in ray.nodes() if node["NodeName"] in excluded]
        where = {"label_selector": {"ray.io/node-id": f"!in({','.join(nodes)})"}} if nodes else {}
        slot = self._slots[number] = _Slot(self._actor.options(**where).remote(self._command))
        slot.tasks += [asyncio.create_task(self._listen(number, slot)), asyncio.create_task(self._tell(slot))]

    async def _listen(self, number: int, slot: _Slot) -> None:
        heard = 0
        while True:
            try:
                said, end = await slot.actor.listen.remote(heard)
            except ActorUnavailableError:  # its node is slow or dead; Ray will say which
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            except RayError as error:
                self._over(number, _cause(error), has_failed=True)
                return
            heard += len(said)
            if not slot.node_id and b'"here"' in said:
                slot.note(json.loads(said.split(b"\n")[0].partition(b" ")[2])["here"])
            self._say(Told.HEARD, [number, said.decode(errors="replace")])
            if end is not None:
                slot.note(end)
                words = [line for line in end["errors"].splitlines() if line.strip()]
                why = words[-1].strip() if words else f"its process ended with exit code {end['code']}"
                self._over(number, why, has_failed=end["code"] != 0)
                return

    async def _tell(self, slot: _Slot) -> None:
        """Pass lines on, each once and in their order."""
        number = 0
        while True:
            line, number = await slot.lines.get(), number + 1
            while True:
                try:
                    await slot.actor.tell.remote(number, line)
                    break
                except ActorUnavailableError:
                    await asyncio.sleep(_RETRY_SECONDS)
                except RayError:
                    return  # as `_listen` tells

    async def _end(self, number: int) -> None:
        """Give a slot back: its seat ends first, so that nothing of it is left."""
        slot = self._slots[number]
        if slot.node_id:
            with contextlib.suppress(RayError, TimeoutError):
                await asyncio.wait_for(_answer(slot.actor.stop.remote()), _STOP_SECONDS)
        self._over(number, "it was given back")

    def _over(self, number: int, why: str, has_failed: bool = False) -> None:
        slot = self._slots.pop(number, None)
        if slot is None:
            return
        ray.kill(slot.actor)
        for task in slot.tasks:
            if task is not asyncio.current_task():
                task.cancel()
        about = f"{slot.name}: {why}" if slot.name else why
        self._say(Told.OVER, [number, [about, slot.node if has_failed else ""]])

    async def _watch_draining(self) -> None:
        """Say which slots will end because Ray empties their nodes, as before a preemption."""
        while True:
            await asyncio.sleep(_DRAINING_EVERY_SECONDS)
            try:
                draining = await asyncio.to_thread(state.get_draining_nodes)
            except Exception:  # the head does not answer now; that is for `_listen` to tell
                continue
            for number, slot in self._slots.items():
                if slot.node_id in draining:
                    self._say(Told.NOTICE, [number, f"{slot.name}: Ray drains the node"])


async def _answer(reference: Any) -> Any:
    return await reference


def _cause(error: Exception) -> str:
    """What happened to an actor, in a few words for users."""
    words = " ".join(str(error).split())
    for sign, meaning in _CAUSES:
        if sign in words:
            return meaning
    return words[:300]


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].strip().rstrip(".")


if __name__ == "__main__":
    sys.exit(main())
