"""What a sweep and its driver of a Ray cluster say to each other, in lines of JSON.

To the driver: first {"connect": …} with the fields of `Connection`, then {"ask": [number, [names of nodes not to
use]]}, {"tell": [number, line]} and {"end": number}. From it: lines that begin with `MARK`, each with one key of
`Told`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MARK = "ray-driver "  # what else Ray prints is not ours


class Told(StrEnum):
    """The key of a line."""

    READY = "ready"  # [names of nodes that can hold a slot], null where others may come: said first, unless REFUSED is
    REFUSED = "refused"  # why not, for users
    HEARD = "heard"  # [number, what its seat has written]
    NOTICE = "notice"  # [number, why it will end, for users]
    OVER = "over"  # [number, [why it has ended, for users; the node that failed it, if one did]]


@dataclass(frozen=True)
class Connection:
    """Which cluster, and what a slot is."""

    address: str  # HOST:PORT, or `ray_request.AUTO`
    options: dict[str, Any]  # of the actor, as Ray names them
    amounts: dict[str, float]  # what one slot holds, by Ray's names
    autoscaling: bool  # whether nodes may come that are not there yet
    project: str | None  # folder of the code on the nodes; None: where a runtime environment puts it
    seat_arguments: list[str]
    threads: int  # CPU threads of a slot
