"""What a pilot and its seat say to each other, however the lines travel; and the slot that such a seat is."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from medqa_sweeps.durable.writable_folders import CACHE_VARIABLE, cache_folder
from medqa_sweeps.hardware import CARD_VARIABLE, NODE_VARIABLE
from medqa_sweeps.pool import seat
from medqa_sweeps.pool.contract import Slot
from medqa_sweeps.pool.pilots import Ended, News, Start
from medqa_sweeps.pool.seat import Said

ANSWER_SECONDS = seat.SILENCE_SECONDS + 2 * seat.ALIVE_EVERY_SECONDS  # a seat that cannot be reached has ended by then


class SeatTalk:
    """This side of the lines of one seat.

    Args:
        send: writes a line to the seat, or drops it if the seat is gone.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.here: dict[str, Any] = {}  # as `Said.HERE` says; empty until processes can start
        self.notice = ""  # why the slot is about to end, as `Said.NOTICE` says
        self._send, self._unread, self._told_at = send, b"", 0.0
        self._unanswered_since: float | None = None  # when the first line was sent that nothing was heard after

    @property
    def silence(self) -> str:
        """For users, if the seat has not answered for `ANSWER_SECONDS`; else empty. To be asked after `hear`: what was
        said while this process could not listen is an answer."""
        since = self._unanswered_since
        if since is None or time.monotonic() - since < ANSWER_SECONDS:
            return ""
        return f"it has not answered for {ANSWER_SECONDS:g} seconds"

    def hear(self, received: bytes) -> News:
        """What the seat has said, of which `received` is new."""
        news = News()
        *lines, self._unread = (self._unread + received).split(b"\n")
        for line in lines:
            _, mark, said = line.decode(errors="replace").partition(seat.MARK)
            if mark:
                self._unanswered_since = None
                self._take(news, *json.loads(said).popitem())
        return news

    def start(self, what: Start) -> None:
        asked = {"module": what.module, "arguments": what.arguments, "environment": what.environment}
        self._tell({"start": {**asked, "log": str(what.log.absolute())}})

    def kill(self) -> None:
        self._tell({"kill": True})

    def keep_alive(self) -> None:
        """Say that we live, and ask whether the seat does, if it has heard nothing for a while: after a long silence
        it ends."""
        if time.monotonic() - self._told_at > seat.ALIVE_EVERY_SECONDS:
            self._tell({"alive": True})

    def _take(self, news: News, key: str, value: Any) -> None:
        match key:
            case Said.HERE:
                self.here = value
            case Said.STARTED:
                news.started = True
            case Said.ENDED:
                news.ended = Ended(value["code"], value["cause"])
            case Said.NOTICE:
                self.notice = self.notice or value

    def _tell(self, request: dict[str, Any]) -> None:
        self._told_at = time.monotonic()
        if self._unanswered_since is None:
            self._unanswered_since = self._told_at
        self._send(json.dumps(request).encode() + b"\n")


def slot_of(
    here: Mapping[str, Any], holder: str, folder: str, cpus: int | None, cache: str | None, sharing: int = 1
) -> Slot:
    """The slot of a seat: named by node and card; to avoid its device is to avoid its node.

    The cache is a folder of the node's own name: leases and compiled kernels are of one machine, and locks may not
    reach from one to another.

    Args:
        holder: what holds the slot, in the cluster's words: `job 7`.
        folder: for the slot's generated code; no other running slot has it.
        cpus: CPU cores of the slot; None: as many as the seat sees.
        cache: the cache folder on the nodes; None: in this machine's, named by node.
        sharing: slots that share a card.
    """
    node, threads = here["node"], str(cpus or here["cpus"])
    cached = Path(cache) if cache else cache_folder() / "nodes" / node
    card = f"GPU {here['gpus']}" if here["visible"] else "CPU"
    environment = {
        "CUDA_VISIBLE_DEVICES": here["visible"],
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        CACHE_VARIABLE: str(cached),
        "TRITON_CACHE_DIR": str(cached / "triton"),
        "TORCHINDUCTOR_CACHE_DIR": str(cached / "inductor"),
        "UNSLOTH_COMPILE_LOCATION": str(cached / "unsloth" / folder),
        "MEDQA_SWEEPS_SLOTS": str(sharing),
        NODE_VARIABLE: node,
        CARD_VARIABLE: card,
    }
    return Slot(f"{node} {card}, {holder}", node, environment)
