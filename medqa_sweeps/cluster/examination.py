"""Asks probes on the slots of a cluster what a sweep relies on, through a folder that this machine and the nodes share.

This machine takes part: it also writes in trials' folders and reads from them. So one slot suffices to see whether
locks and files reach from one machine to another; a second, on another node, shows it between nodes.
"""

import contextlib
import tempfile
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import Timeout

from medqa_sweeps.cluster import exchange, probe
from medqa_sweeps.cluster.timing import Round
from medqa_sweeps.durable.claim import claim
from medqa_sweeps.durable.lines import append_lines
from medqa_sweeps.errors import ConfigError, InternalError
from medqa_sweeps.exit_codes import describe_exit
from medqa_sweeps.jobs.child_process import log_tail
from medqa_sweeps.pool.contract import Pool

PROBE = "medqa_sweeps.cluster.probe"
HERE = "this machine"
RELEASE_SECONDS = 150.0  # for the lock of a killed process to be free: an NFS server keeps it for its lease, 90 s
_ROUNDS = 10
_SECOND_SLOT_SECONDS = 60.0  # for a second slot, once the first is there
_POLL_SECONDS = 0.2

MakePool = Callable[[Collection[str]], Pool]  # of one slot, on none of these nodes
Say = Callable[[str], None]


@dataclass
class Probed:
    """What was found out on one slot."""

    node: str
    slot: str  # its name
    described: dict[str, Any]  # as `probe.description`
    files: list[Round] = field(default_factory=list)  # of questions that are files which appear
    lines: list[Round] = field(default_factory=list)  # of questions that are lines of a file which grows
    silent: str = ""  # what was not seen in time, there or here; empty: everything was


@dataclass
class Locks:
    """What was found out about locks of a folder, which the first probe held."""

    by_file: bool  # the disk has none: a file names the holder
    not_refused: list[str]  # machines that got the lock while it was held
    refused: list[str]
    freed_seconds: float | None  # after the holder was killed; None: not within RELEASE_SECONDS


@dataclass
class Examined:
    """What was found out about a cluster."""

    here: dict[str, Any]  # this machine, as `probe.description`
    probes: list[Probed]  # one or two
    locks: Locks | None  # None: a probe did not answer
    no_second: str = ""  # why there is no second slot; empty: there is


class _Asker:
    """One probe, from this side."""

    def __init__(self, pool: Pool, folder: Path, environment: dict[str, str]) -> None:
        folder.mkdir()
        self.folder, self._pool, self._number = folder, pool, 0
        self._log = folder.with_suffix(".log")
        while not pool.free:
            pool.wait(_POLL_SECONDS)
        self.process = pool.start(PROBE, [str(folder)], environment, self._log)
        try:
            described, _ = self.ask("describe")
        except exchange.Silent:
            raise ConfigError(
                f"{self.process.slot.name} was asked in {folder.parent}, and no answer was seen in "
                f"{exchange.ANSWER_SECONDS:g} seconds. Choose a folder that all nodes share: --folder."
            ) from None
        self.probed = Probed(self.process.slot.device_id, self.process.slot.name, described)

    def ask(self, what: str) -> tuple[dict[str, Any], Round]:
        """The answer, and its times.

        Raises:
            exchange.Silent: if it is not seen in time.
            InternalError: if the probe has ended.
        """
        asked_at = time.time()
        exchange.ask(self.folder, self._number, {"what": what})
        reply = exchange.await_answer(self.folder, self._number, self.look)
        self._number += 1
        return reply, Round(asked_at, reply["seen"], reply["answered"], time.time())

    def grow(self, count: int) -> list[Round]:
        """Have each line of a file answered by a line of another.

        Raises:
            exchange.Silent, InternalError: as `ask`.
        """
        exchange.ask(self.folder, self._number, {"what": "lines", "count": count})
        rounds = []
        for number in range(1, count + 1):
            asked_at = time.time()
            append_lines(self.folder / probe.ASKED_LINES, [{"number": number}])
            line = exchange.await_line(self.folder, probe.ANSWERED_LINES, number, self.look)
            rounds.append(Round(asked_at, line["seen"], line["answered"], time.time()))
        exchange.await_answer(self.folder, self._number, self.look)
        self._number += 1
        return rounds

    def look(self) -> None:
        """Hear the pool, which keeps its slot by that.

        Raises:
            InternalError: if the probe has ended.
        """
        for ended in self._pool.wait(0):
            how = describe_exit(ended.code, ended.cause)
            output = log_tail(self._log)  # the file is gone with the folder
            raise InternalError(f"the probe on {ended.slot.name} ended with {how}. Its output:\n{output}")

    def kill(self) -> None:
        """Kill it, as a node's end would, and wait until it is gone."""
        self._pool.kill(self.process)
        while not self._pool.wait(_POLL_SECONDS):
            pass


def examine_cluster(make_pool: MakePool, folder: Path, environment: dict[str, str], say: Say) -> Examined:
    """Try what a sweep relies on, on one slot or two. Leaves nothing behind.

    Args:
        folder: of the disk that studies are to be on; it exists.
        environment: of the probes.
        say: is told what is being done.

    Raises:
        ConfigError: as `make_pool` for the first slot; if that slot does not answer through the folder.
        InternalError: if a probe ends by itself.
    """
    with (
        tempfile.TemporaryDirectory(prefix="doctor-", dir=folder, ignore_cleanup_errors=True) as made,
        contextlib.ExitStack() as pools,
    ):
        shared = Path(made).resolve()
        (shared / probe.LOCKED).mkdir()
        here = probe.description(shared)
        say("waiting for a slot")
        first = _Asker(pools.enter_context(make_pool(())), shared / "first", environment)
        say(f"waiting for a slot on another node, {_SECOND_SLOT_SECONDS:.0f} seconds at most")
        second, no_second = _second(make_pool, pools, shared, environment, first)
        askers = [first, *([second] if second else [])]
        for asker in askers:
            say(f"trying files, lines and clock of {asker.probed.node}")
            _exchange(asker)
        say("trying locks")
        with contextlib.suppress(exchange.Silent):
            return Examined(here, [one.probed for one in askers], _locks(shared, first, second, say), no_second)
        return Examined(here, [one.probed for one in askers], None, no_second)


def _second(
    make_pool: MakePool, pools: contextlib.ExitStack, folder: Path, environment: dict[str, str], first: _Asker
) -> tuple[_Asker | None, str]:
    """A probe on another node, or why there is none."""
    node = first.probed.node
    try:
        pool = pools.enter_context(make_pool([node]))
        end = time.monotonic() + _SECOND_SLOT_SECONDS
        while not pool.free and time.monotonic() < end:
            pool.wait(_POLL_SECONDS)
            first.look()
        if not pool.free:
            return None, f"none came in {_SECOND_SLOT_SECONDS:.0f} seconds"
        return _Asker(pool, folder / "second", environment), ""
    except ConfigError as error:
        return None, str(error)


def _exchange(asker: _Asker) -> None:
    """Ask many times, by files that appear and by lines of a file that grows."""
    try:
        asker.probed.files = [asker.ask("echo")[1] for _ in range(_ROUNDS)]
    except exchange.Silent:
        asker.probed.silent = "a file that appears"
        return
    try:
        asker.probed.lines = asker.grow(_ROUNDS)
    except exchange.Silent:
        asker.probed.silent = "a line of a file that grows"


def _locks(folder: Path, first: _Asker, second: _Asker | None, say: Say) -> Locks:
    """Whether a lock that the first probe holds is refused elsewhere, and when it is free after that one was killed.

    Raises:
        exchange.Silent: if a probe does not answer in time.
    """
    held, _ = first.ask("claim")
    got: dict[str, bool] = {HERE: _gets_lock(folder / probe.LOCKED)}
    if second is not None:
        got[second.probed.node] = second.ask("try_claim")[0]["claimed"]
    say(f"trying how long a lock outlives its process, {RELEASE_SECONDS:.0f} seconds at most")
    first.kill()
    killed_at = time.monotonic()
    freed: float | None = None
    while freed is None and time.monotonic() - killed_at < RELEASE_SECONDS:
        if _gets_lock(folder / probe.LOCKED):
            freed = time.monotonic() - killed_at
        else:
            time.sleep(_POLL_SECONDS)
            if second is not None:
                second.look()
    return Locks(held.get("by_file", False), *_parted(got), freed)


def _parted(got: dict[str, bool]) -> tuple[list[str], list[str]]:
    return [name for name, does in got.items() if does], [name for name, does in got.items() if not does]


def _gets_lock(folder: Path) -> bool:
    """Whether this process gets the folder's lock, which it gives back at once."""
    try:
        claim(folder).release()
    except Timeout:
        return False
    return True
