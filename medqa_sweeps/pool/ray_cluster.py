"""Ray as a pool: a slot is an actor that holds resources on a node, where its `seat` starts processes.

This process has nothing of Ray: `ray_driver`, a process of its own, has the connection and the actors. The kernel ends
it when this process dies, and Ray then ends its actors. The processes themselves start without Ray, so that a fresh
process finds what it needs imported.
"""

import contextlib
import importlib.util
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.installation import PROJECT, install_extra
from medqa_sweeps.pool.child import die_with_parent
from medqa_sweeps.pool.contract import Slot
from medqa_sweeps.pool.pilots import News, Pilot, PilotPool, Start
from medqa_sweeps.pool.ray_lines import MARK, Connection, Told
from medqa_sweeps.pool.ray_request import RayRequest
from medqa_sweeps.pool.seat_talk import SeatTalk, slot_of

_ANSWER_SECONDS = 90.0  # of a cluster to its driver
_PATIENCE_SECONDS = 30.0  # for a driver that was told to end; then it is killed, and Ray ends its actors by itself
_OF_RAY = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing leaves this machine
    "RAY_DEDUP_LOGS": "0",
    # Under `uv run` Ray would upload the current folder, and start each actor there by `uv run` again.
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
}


def ray_pool(
    request: RayRequest,
    folder: Path,
    preload: Sequence[str],
    say: Callable[[str], None] = lambda sentence: None,
    excluded: Collection[str] = (),
) -> PilotPool:
    """A pool on as many actors as there is work for.

    Args:
        folder: that this machine and the nodes share.
        preload: modules that are imported on each slot before processes start.
        say: tells users what happens to slots on which nothing runs, and to nodes that fail.
        excluded: names of nodes not to use.

    Raises:
        ConfigError: if there is no Ray here, no cluster that answers, or it would never grant such a slot.
    """
    link = _Link(request, folder, preload)
    link.driver().wait_until_ready()
    return PilotPool(
        lambda without: RayPilot(link, [*excluded, *without]),
        link.listen,
        request.slots,
        request.at_least,
        request.sentences(),
        say,
        runs_without=link.runs_without,
        look_at=lambda node: "ray status",
        leave=link.close,
    )


def refuse_ungrantable(request: RayRequest) -> None:
    """Ask Ray whether it could grant the request, now or later. Allocates nothing.

    Raises:
        ConfigError: if not, or if there is no Ray here, or no cluster that answers.
    """
    link = _Link(request, Path("/"), ())
    try:
        link.driver().wait_until_ready()
    finally:
        link.close()


class _Link:
    """The driver of a sweep; another one if it has ended, as it does with the cluster."""

    def __init__(self, request: RayRequest, folder: Path, preload: Sequence[str]) -> None:
        """
        Raises:
            ConfigError: if Ray is not installed.
        """
        if importlib.util.find_spec("ray") is None:
            raise ConfigError(f"hydra/launcher=ray needs Ray, which is not installed: {install_extra('ray')}.")
        self.request = request
        shipped = "working_dir" in request.runtime_env
        self._connection = Connection(
            address=request.address,
            options=request.options(),
            amounts=request.amounts(),
            autoscaling=request.autoscaling,
            project=None if shipped else str(PROJECT),
            seat_arguments=[str(folder.absolute()), *preload],
            threads=request.threads,
        )
        self._selector = selectors.DefaultSelector()
        self._driver: _Driver | None = None
        self.pilots = 0  # that were asked for

    def driver(self) -> "_Driver":
        """The one that runs."""
        if self._driver is None or self._driver.ended:
            self._driver = _Driver(self._connection, self._selector)
        return self._driver

    def runs_without(self, nodes: Collection[str]) -> bool:
        """Whether the cluster has, or may get, other nodes that can hold a slot."""
        able = self.driver().able
        return able is None or not set(able) <= set(nodes)

    def close(self) -> None:
        """End the connection, and all slots with it."""
        if self._driver is not None:
            self._driver.close()

    def listen(self, seconds: float) -> None:
        """Wait until a driver may have written something."""
        if self._selector.get_map():
            self._selector.select(seconds)
        else:
            time.sleep(seconds)


class _Driver:
    """A process of `ray_driver`, and what it has told that no pilot has read yet."""

    def __init__(self, connection: Connection, selector: selectors.BaseSelector) -> None:
        self._selector, self._unread = selector, b""
        self._told: dict[int, list[tuple[str, Any]]] = defaultdict(list)
        self._ready, self._refused = False, ""
        self.able: list[str] | None = None  # nodes that can hold a slot, once it is ready; None: others may come
        self._errors = tempfile.TemporaryFile()
        parent = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "medqa_sweeps.pool.ray_driver"],
            cwd=PROJECT,
            env={**os.environ, **_OF_RAY},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            process_group=0,
            preexec_fn=lambda: die_with_parent(parent, signal.SIGKILL),
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests, self._output = self._process.stdin, self._process.stdout.fileno()
        os.set_blocking(self._output, False)
        selector.register(self._output, selectors.EVENT_READ)
        self.send({"connect": asdict(connection)})

    @property
    def ended(self) -> bool:
        """Whether nothing more will be told."""
        return self._process.poll() is not None

    def wait_until_ready(self) -> None:
        """Return when it is connected.

        Raises:
            ConfigError: if it cannot be, in its words.
        """
        end = time.monotonic() + _ANSWER_SECONDS
        while not self._ready and not self.ended and time.monotonic() < end:
            self._selector.select(0.2)
            self._read()
        self._read()
        if not self._ready:
            slow = f"The Ray cluster has not answered in {_ANSWER_SECONDS:g} seconds; `ray status` may tell more."
            words = self.why_it_ended() if self.ended else slow
            self.close()
            raise ConfigError(words)

    def told(self, number: int) -> list[tuple[str, Any]]:
        """Key and value of what is new of one slot."""
        self._read()
        return self._told.pop(number, [])

    def send(self, request: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError, ValueError):  # it has ended, as the next look tells
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()

    def why_it_ended(self) -> str:
        if self._refused or self._errors.closed:
            return self._refused or "the connection to Ray was closed"
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        words = re.sub(r"^\[.*?\] \S+: ", "", lines[-1].strip()) if lines else ""  # without a log's time and place
        why = words.partition(". ")[0] or f"exit code {self._process.returncode}"
        return f"the connection to the Ray cluster was lost ({why})"

    def close(self) -> None:
        """Return when it has ended; all its slots are given back. Nothing if it was closed."""
        if self._errors.closed:
            return
        if not self._ready and not self.ended:  # it may never answer
            self._process.kill()
        with contextlib.suppress(BrokenPipeError):
            self._requests.close()
        try:
            self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._read()
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(self._output)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._errors.close()

    def _read(self) -> None:
        while not self._errors.closed:
            try:
                received = os.read(self._output, 1 << 16)
            except BlockingIOError:
                break
            if not received:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(self._output)
                break
            self._unread += received
        *lines, self._unread = self._unread.split(b"\n")
        for line in lines:
            _, mark, text = line.decode(errors="replace").partition(MARK)
            if mark:
                self._take(*json.loads(text).popitem())

    def _take(self, key: str, value: Any) -> None:
        if key == Told.READY:
            self._ready, self.able = True, value
        elif key == Told.REFUSED:
            self._refused = value
        else:
            self._told[value[0]].append((key, value[1]))


class RayPilot(Pilot):
    """One actor: pending until its seat has said where it is, over when the driver says so or has ended.

    Args:
        excluded: names of nodes that are not to be used.
    """

    def __init__(self, link: _Link, excluded: Collection[str]) -> None:
        link.pilots += 1
        self._number, self._request, self._driver = link.pilots, link.request, link.driver()
        self._talk = SeatTalk(lambda line: self._driver.send({"tell": [self._number, line.decode()]}))
        self._running = self._given_back = False
        self._silence = ""  # for how long nothing was heard, when it was given up
        self._driver.send({"ask": [self._number, sorted(excluded)]})

    @property
    def id(self) -> str:
        return f"actor {self._talk.here.get('job', '')}"

    def look(self) -> News:
        news = News()
        ended = self._driver.ended  # before its last lines are read
        for key, value in self._driver.told(self._number):
            if key == Told.HEARD:
                heard = self._talk.hear(value.encode())
                news.started, news.ended = news.started or heard.started, heard.ended or news.ended
            elif key == Told.NOTICE:
                self.notice = self.notice or value
            elif key == Told.OVER:
                about, node = value
                node = self._talk.here["node"] if self._silence else node
                self.over = self.over or self._silence or about
                self.failed_node = "" if self.notice else node  # a node that is emptied has not failed
        if self._talk.here and self.slot is None:
            self.slot = self._slot()
        self._running = self._running and news.ended is None
        if self._talk.silence and not self._given_back:  # its process hangs, or the node is cut off
            self._silence = f"Ray {self.id} on {self._talk.here['node']}: {self._talk.silence}"
            self.end()
        if self.notice and not self._running and not self._given_back:
            self.end()
        if ended and not self.over:
            self.over = self._driver.why_it_ended()
        elif self.slot is not None and not self.over:
            self._talk.keep_alive()
        return news

    def start(self, what: Start) -> None:
        self._running = True
        self._talk.start(what)

    def kill(self) -> None:
        self._talk.kill()

    def end(self) -> None:
        self._given_back = True
        self._driver.send({"end": self._number})

    def wait_for_end(self) -> None:
        end = time.monotonic() + _PATIENCE_SECONDS
        while not self.over and time.monotonic() < end:
            self.look()
            time.sleep(0.02)

    def _slot(self) -> Slot:
        here, request = self._talk.here, self._request
        made = slot_of(here, self.id, f"ray.{here['job']}", request.threads, request.cache, request.sharing)
        return replace(made, environment={**request.variables, **made.environment})
