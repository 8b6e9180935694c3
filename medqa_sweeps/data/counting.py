"""Whether gold answers are option numbers, and from 0 or 1: as configured, or evident from all records of a part.

A 0 occurs only if numbers count from 0, the number of options only if they count from 1. One of them without the other
is evidence; both, or neither, is none, and nothing is guessed. A format whose documentation says 0 is read so unless
the records contradict it: then data.answer_base must be set. All records count, before any is quarantined: those that
show a wrong base are the ones that would be quarantined.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from medqa_sweeps.data.formats import RawQuestion, only, whole_number
from medqa_sweeps.data.raw_record import BadRecord
from medqa_sweeps.errors import DataError

BASES = "data.answer_base=1 if 1 is the first option, data.answer_base=0 if 0 is"
_BY_CHANCE = 0.001  # probability of no 0 among evenly spread gold answers, below which they do not count from 0


@dataclass(frozen=True)
class Counting:
    """How the gold answers of a part are read.

    Args:
        base: number of the first option; None: no gold answer is an option number.
        all_count: every gold answer is a number, and most are no option's name or text: then all are option numbers.
        contradicted: the records contradict the configured base.
    """

    base: int | None = None
    all_count: bool = False
    contradicted: bool = False

    def number_of(self, raw: RawQuestion) -> int | None:
        """The option number of the record's gold answer; None: the answer is a name or a text."""
        return _number(raw) if raw.counted or self.all_count else None


@dataclass(frozen=True)
class _Count:
    location: str
    field: str
    number: int
    options: int
    documented_base: int | None


def counting_of(records: Sequence[tuple[str, RawQuestion | BadRecord]], configured: int | None) -> Counting:
    """How to read the records of one part, given with their locations.

    Args:
        configured: data.answer_base.

    Raises:
        DataError: if gold answers are option numbers, and their base is neither configured nor evident.
    """
    given = [(location, raw) for location, raw in records if isinstance(raw, RawQuestion) and _gold(raw) is not None]
    all_count = _all_count([raw for _, raw in given])
    counts = list(_counts(given, all_count))
    if not counts:
        return Counting()
    zero = next((one for one in counts if one.number == 0), None)
    top = next((one for one in counts if one.number == one.options), None)
    if configured is not None:
        return Counting(
            configured,
            all_count,
            contradicted=bool(zero is None and top) if configured == 0 else bool(zero and not top),
        )
    inside = [one for one in counts if 0 <= one.number <= one.options]
    return Counting(_evident(inside, zero, top) if inside else None, all_count)


def _evident(counts: Sequence[_Count], zero: _Count | None, top: _Count | None) -> int:
    first = counts[0]
    documented = first.documented_base if len({one.documented_base for one in counts}) == 1 else None
    if zero and top:
        raise DataError(
            f"{top.location}: {top.field} is {top.number} of {top.options} options, and in {zero.location} it is 0. "
            "Numbers that count from 0 end below the number of options, and those that count from 1 have no 0. Set "
            f"{BASES}; the other record is bad."
        )
    if zero or (documented == 0 and not top and not _lacks_zeros(counts)):
        return 0
    if top and documented is None:
        return 1
    found = f"{(top or first).location}: {first.field} is {(top or first).number}"
    if documented == 0:
        raise DataError(
            f"{found}, and of {len(counts):,} records none has a 0, although this format counts from 0: they may count "
            f"from 1. Set {BASES}."
        )
    raise DataError(f"{found}, and the file does not say whether numbers start at 0 or 1. Set {BASES}.")


def _lacks_zeros(counts: Sequence[_Count]) -> bool:
    probability = 1.0
    for one in counts:
        probability *= 1 - 1 / max(one.options, 1)
    return probability < _BY_CHANCE


def _counts(given: Sequence[tuple[str, RawQuestion]], all_count: bool) -> Iterator[_Count]:
    for location, raw in given:
        number = _number(raw) if raw.counted or all_count else None
        if number is not None:
            field = raw.counted or "the gold answer"
            yield _Count(location, field, number, len(raw.options), raw.documented_base)


def _all_count(given: Sequence[RawQuestion]) -> bool:
    """Whether all gold answers are numbers, and most of them neither name an option nor equal its text."""
    if any(_number(raw) is None for raw in given):
        return False
    fitting = sum(_fits(raw) for raw in given if not raw.counted)
    return 2 * fitting < sum(not raw.counted for raw in given)


def _fits(raw: RawQuestion) -> bool:
    gold = str(_gold(raw)).strip().upper()
    known = [name for name, _ in raw.options] + ([text for _, text in raw.options] if raw.answer is None else [])
    return gold in {str(one).strip().upper() for one in known}


def _gold(raw: RawQuestion) -> Any:
    return only(raw.answer if raw.answer is not None else raw.answer_text)


def _number(raw: RawQuestion) -> int | None:
    return whole_number(_gold(raw))
