"""Takes devices out of service on which processes fail again and again, and not elsewhere.

A failure is held against its device, unless the same work has also failed on another device and nowhere succeeded:
then the work is at fault. A success clears the card it ran on, so that failures far apart do not add up.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from medqa_sweeps.hardware import CARD_VARIABLE
from medqa_sweeps.pool.contract import Slot
from medqa_sweeps.wording import listed

LIMIT = 2  # failures of different work, in a row on their card, that take a device out of service


@dataclass
class _Work:
    """What is known of a piece of work that has failed."""

    failed_on: set[str] = field(default_factory=set)  # ids of devices
    succeeded: bool = False

    def blames(self, device_id: str) -> bool:
        return self.succeeded or self.failed_on == {device_id}


class FailingDevices:
    """Which devices of a pool are out of service.

    Args:
        runs_without: whether processes can still run somewhere if these devices are out of service; None: that cannot
            be told now.
        say: tells users.
        look_at: the command that shows users a device's state; empty: there is none.
        name: of a device, for users.
    """

    def __init__(
        self,
        runs_without: Callable[[Collection[str]], bool | None],
        say: Callable[[str], None] = lambda sentence: None,
        look_at: Callable[[str], str] = lambda device: "",
        name: Callable[[str], str] = str,
    ) -> None:
        self._runs_without, self._say, self._look_at, self._name = runs_without, say, look_at, name
        self._works: dict[str, _Work] = {}
        self._failed: dict[tuple[str, str], set[str]] = {}  # works by device and card
        self._events: Counter[tuple[str, str]] = Counter()  # failures by device and card; what is lost at once is one
        self._said: set[str] = set()  # devices of which users know that they stay in service
        self.out: list[str] = []  # ids of devices that are out of service

    def note(self, slot: Slot, work: str, device_failed: bool, at_once: bool = False) -> None:
        """Take note of how a process ended, as of `Pool.note_outcome`.

        Args:
            at_once: it was lost together with one that was noted, by the same failure of the device.
        """
        card = (slot.device_id, slot.environment.get(CARD_VARIABLE, ""))
        if device_failed:
            self._works.setdefault(work, _Work()).failed_on.add(slot.device_id)
            self._failed.setdefault(card, set()).add(work)
            self._events[card] += not at_once
        else:
            self._failed.pop(card, None)
            self._events.pop(card, None)
            if work not in self._works:
                return
            self._works[work].succeeded = True
        for device in dict.fromkeys(device for device, _ in self._failed):
            if device not in self.out and (failures := self._held_against(device)) >= LIMIT:
                self._take_out(device, failures)

    def reconsider(self) -> bool:
        """Whether the devices are in service again, since nothing can run without them."""
        if not self.out or self._runs_without(self.out) is not False:
            return False
        self._say(f"{listed([self._name(device) for device in self.out])} can be used again: nothing else is left")
        self.out.clear()
        self._failed.clear()
        self._events.clear()
        return True

    def _held_against(self, device: str) -> int:
        works = {work for (one, _), failed in self._failed.items() if one == device for work in failed}
        events = sum(count for (one, _), count in self._events.items() if one == device)
        return min(events, sum(self._works[work].blames(device) for work in works))

    def _take_out(self, device: str, failures: int) -> None:
        name, command = self._name(device), self._look_at(device)
        look = f". To look at it: {command}" if command else ""
        others = self._runs_without([*self.out, device])
        if others:
            self.out.append(device)
            self._say(f"{name} failed {failures} times, so it gets nothing more to run in this sweep{look}")
        elif others is False and device not in self._said:
            self._said.add(device)
            self._say(f"{name} failed {failures} times, and is still used: nothing else is left{look}")
