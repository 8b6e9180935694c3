"""Whether gold answers are option numbers, and from 0 or 1: as configured, or evident from all records of a part.

A 0 occurs only if numbers count from 0, the number of options only if they count from 1. One of them without the other
is evidence; both, or neither, is none, and nothing is guessed. Where the options' own names are numbers (HEAD-QA, ARC),
an answer is a name, unless answers contradict that. A format whose documentation says 0 is read so unless
the records contradict it: then data.answer_base must be set. All records count, before any is quarantined: those that
show a wrong base are the ones that would be quarantined.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from medqa_sweeps.data.cells import is_blank, only, whole_number
from medqa_sweeps.data.formats import RawQuestion
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
        names_count: numbers count the options even where the options' own names are numbers.
    """

    base: int | None = None
    all_count: bool = False
    contradicted: bool = False
    names_count: bool = False

    def number_of(self, raw: RawQuestion) -> int | None:
        """The option number of the record's gold answer; None: the answer is a name or a text."""
        is_count = raw.counted or self.all_count or (self.names_count and _has_number_names(raw))
        return _number(raw) if is_count else None


@dataclass(frozen=True)
class _Count:
    location: str
    field: str
    number: int
    options: int
    documented_base: int | None
    usual_base: int | None


def counting_of(records: Sequence[tuple[str, RawQuestion | BadRecord]], configured: int | None) -> Counting:
    """How to read the records of one part, given with their locations.

    Args:
        configured: data.answer_base.

    Raises:
        DataError: if gold answers are option numbers, and their base is neither configured nor evident.
    """
    given = [(location, raw) for location, raw in records if isinstance(raw, RawQuestion) and _gold(raw) is not None]
    all_count = _all_count([raw for _, raw in given])
    named = [(location, raw) for location, raw in given if not raw.counted and _has_number_names(raw)]
    if configured is None and not all_count:
        _refuse_unnamed(named)
    names_count = configured is not None and any(_number(raw) is not None for _, raw in named)
    counts = list(_counts(given, all_count, named if names_count else []))
    if not counts:
        return Counting()
    zero = next((one for one in counts if one.number == 0), None)
    top = next((one for one in counts if one.number == one.options), None)
    if configured is not None:
        return Counting(
            configured,
            all_count,
            contradicted=bool(zero is None and top) if configured == 0 else bool(zero and not top),
            names_count=names_count,
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
    if documented is None and {one.usual_base for one in counts} == {0} and not _lacks_zeros(counts):
        return 0
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


def _counts(
    given: Sequence[tuple[str, RawQuestion]], all_count: bool, named: Sequence[tuple[str, RawQuestion]]
) -> Iterator[_Count]:
    numbered = given if all_count else [*((place, raw) for place, raw in given if raw.counted), *named]
    for location, raw in numbered:
        if (number := _number(raw)) is not None:
            field = raw.counted or "the gold answer"
            yield _Count(location, field, number, len(raw.options), raw.documented_base, raw.usual_base)


def _refuse_unnamed(named: Sequence[tuple[str, RawQuestion]]) -> None:
    """Check numbers against options whose own names are numbers, 1 to 4 or 0 to 3.

    Raises:
        DataError: if an answer is not among these names, and would be an option if numbers counted from 0 or 1 instead:
            then every other answer may be the neighbour of the option that it seems to name.
    """
    for location, raw in named:
        number, names = _number(raw), [whole_number(name) for name, _ in raw.options]
        if number in (0, len(names)) and names[0] in (0, 1) and not _fits(raw):
            raise DataError(
                f"{location}: the gold answer is {number}, and the options are named {names[0]} to {names[-1]}: the "
                f"answers may count the options from {1 - names[0]}. Set {BASES}."
            )


def _has_number_names(raw: RawQuestion) -> bool:
    return bool(raw.options) and all(whole_number(name) is not None for name, _ in raw.options)


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
    gold = only(raw.answer if raw.answer is not None else raw.answer_text)
    return None if is_blank(gold) else gold


def _number(raw: RawQuestion) -> int | None:
    return whole_number(_gold(raw))
