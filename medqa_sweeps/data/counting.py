"""Whether gold answers are numbers that count options, and from 0 or from 1: asked for, or evident from a whole part.

A 0 can only be counted from 0, the number of options only from 1. One of them seen and the other not is evidence; both
seen, or neither, is none, and nothing is guessed. A shape whose documentation says 0 is read so unless the records
speak against it: then it must be asked for. All records count, before any is set aside: those that show a wrong base
are the very ones that would be.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from medqa_sweeps.data.record import BadRecord
from medqa_sweeps.data.shapes import Parts, only, whole_number
from medqa_sweeps.errors import DataError

BASES = "data.answer_base=1 if 1 is the first option, data.answer_base=0 if 0 is"
_BY_CHANCE = 0.001  # probability of no 0 among gold answers that are spread evenly: below it they do not count from 0


@dataclass(frozen=True)
class Counting:
    """How the gold answers of a part are read.

    Args:
        base: what the first option's number is; None: no number counts options.
        all_count: every gold answer is a number, and most are no option's name or text: then all of them count.
        contradicted: the records speak against the base that was asked for.
    """

    base: int | None = None
    all_count: bool = False
    contradicted: bool = False

    def number_of(self, parts: Parts) -> int | None:
        """The number that counts this record's options; None: its gold answer is a name or a text."""
        return _number(parts) if parts.counted or self.all_count else None


@dataclass(frozen=True)
class _Count:
    place: str
    field: str
    number: int
    options: int
    documented_base: int | None


def counting_of(records: Sequence[tuple[str, Parts | BadRecord]], asked: int | None) -> Counting:
    """How the records of one part, each with its place, are to be read.

    Args:
        asked: data.answer_base.

    Raises:
        DataError: if numbers count options, and it is neither asked for nor evident from which base.
    """
    given = [(place, parts) for place, parts in records if isinstance(parts, Parts) and _gold(parts) is not None]
    all_count = _all_count([parts for _, parts in given])
    counts = list(_counts(given, all_count))
    if not counts:
        return Counting()
    zero = next((one for one in counts if one.number == 0), None)
    top = next((one for one in counts if one.number == one.options), None)
    if asked is not None:
        return Counting(
            asked, all_count, contradicted=bool(zero is None and top) if asked == 0 else bool(zero and not top)
        )
    inside = [one for one in counts if 0 <= one.number <= one.options]
    return Counting(_evident(inside, zero, top) if inside else None, all_count)


def _evident(counts: Sequence[_Count], zero: _Count | None, top: _Count | None) -> int:
    first = counts[0]
    documented = first.documented_base if len({one.documented_base for one in counts}) == 1 else None
    if zero and top:
        raise DataError(
            f"{top.place}: {top.field} is {top.number} of {top.options} options, and in {zero.place} it is 0. Numbers "
            f"that count from 0 end below the number of options, and those that count from 1 have no 0. Set {BASES}; "
            "the other record is bad."
        )
    if zero or (documented == 0 and not top and not _lacks_zeros(counts)):
        return 0
    if top and documented is None:
        return 1
    told = f"{(top or first).place}: {first.field} is {(top or first).number}"
    if documented == 0:
        raise DataError(
            f"{told}, and of {len(counts):,} records none has a 0, although this shape counts from 0: they may count "
            f"from 1. Set {BASES}."
        )
    raise DataError(f"{told}, and whether it counts from 0 or 1 cannot be seen. Set {BASES}.")


def _lacks_zeros(counts: Sequence[_Count]) -> bool:
    probability = 1.0
    for one in counts:
        probability *= 1 - 1 / max(one.options, 1)
    return probability < _BY_CHANCE


def _counts(given: Sequence[tuple[str, Parts]], all_count: bool) -> Iterator[_Count]:
    for place, parts in given:
        number = _number(parts) if parts.counted or all_count else None
        if number is not None:
            field = parts.counted or "the gold answer"
            yield _Count(place, field, number, len(parts.options), parts.documented_base)


def _all_count(given: Sequence[Parts]) -> bool:
    """Whether all gold answers are numbers, and most of them neither name an option nor are one's text."""
    if any(_number(parts) is None for parts in given):
        return False
    fitting = sum(_fits(parts) for parts in given if not parts.counted)
    return 2 * fitting < sum(not parts.counted for parts in given)


def _fits(parts: Parts) -> bool:
    gold = str(_gold(parts)).strip().upper()
    known = [name for name, _ in parts.options] + ([text for _, text in parts.options] if parts.answer is None else [])
    return gold in {str(one).strip().upper() for one in known}


def _gold(parts: Parts) -> Any:
    return only(parts.answer if parts.answer is not None else parts.answer_text)


def _number(parts: Parts) -> int | None:
    return whole_number(_gold(parts))
