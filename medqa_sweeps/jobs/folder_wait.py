"""The wait of a trial's next attempt for a folder in which the process of an earlier one still works.

A cluster may have given up a node that still works. The next attempt waits until its folder is free, and takes it over
when that lasts too long: what the earlier process still writes then does not count.
"""

import time
from collections.abc import Callable

from medqa_sweeps.trial.folder import TrialDir

TAKE_OVER_SECONDS = 600.0  # a process that a live machine runs has ended by then: see `pool.seat.SILENCE_SECONDS`
_LOOK_SECONDS = 1.0


class FolderWait:
    """Whether the next attempt at a trial has to wait for its folder.

    Args:
        limit_seconds: after which the folder is taken over.
        say: tells people.
    """

    def __init__(self, number: int, trial: TrialDir, limit_seconds: float, say: Callable[[str], None]) -> None:
        self._number, self._trial, self._limit_seconds, self._say = number, trial, limit_seconds, say
        self._claimed_since: float | None = None  # when that was first seen; None: it was not
        self._looked_at = 0.0  # when it was seen last
        self.is_on = False  # no process of ours runs: another one works in the folder

    def begin(self) -> None:
        """Another process works in the folder."""
        if self._claimed_since is None:
            self._claimed_since = time.monotonic()
            self._say(
                f"trial {self._number}: an earlier process still works in its folder, perhaps on a machine that "
                f"does not answer; the next attempt waits for its end, {self._limit_seconds:g} seconds at most"
            )
        self.is_on, self._looked_at = True, time.monotonic()

    def pause(self) -> None:
        """The next attempt starts; if it finds the folder claimed, the wait goes on from where it was."""
        self.is_on = False

    def forget(self) -> None:
        """The next attempt had the folder to itself."""
        self._claimed_since = None

    def is_due(self) -> bool:
        """Whether it is time to look into the folder; a lock on a network disk is not asked at every turn."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_SECONDS:
            return False
        self._looked_at = now
        return True

    def is_over(self) -> bool:
        """Whether the folder is free now, or is from now on, since it was not for too long."""
        assert self._claimed_since is not None
        if time.monotonic() - self._claimed_since < self._limit_seconds:
            return not self._trial.is_claimed()
        self._trial.take_over()
        self._claimed_since = None
        self._say(
            f"trial {self._number}: the earlier process has not ended in {self._limit_seconds:g} "
            "seconds; the next attempt takes over, and what the earlier one still writes does not count"
        )
        return True
