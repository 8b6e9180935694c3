"""The user's table of generic names and brands, and the swap of the two in a text.

Two columns, `generic` and `brand`; a header is optional. A generic name may have several brands, in several rows or as
a list in one cell. Its counterpart is the first brand that belongs to no other generic name and is no other word, so
that the swap is one to one and undoes itself. Names without such a counterpart are dropped and counted.

RABBITS (Gallifant et al. 2024, `run_replacement.py`) never swaps the third option, writes every name in lower case,
takes "bronchial" and "commit" for brands, and replaces name after name, so that a name it has written may be replaced
again. None of this happens here.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from medqa_sweeps.errors import DataError
from medqa_sweeps.safety.casing import cased_as
from medqa_sweeps.safety.csv_rows import Row, rows_of, texts_in

_SHORTEST = 3  # letters of a name; two are an abbreviation of something else as often ("BC", "MS")
_GENERIC = {"generic", "generics", "generic name", "generic_name"}
_BRAND = {"brand", "brands", "brand name", "brand_name"}
# Names in such tables that are words of English or of anatomy, or substances of the body, which are no drug where a
# question says "release of norepinephrine".
_WORDS = (
    "acetone adrenaline advance align allergy answer aspire balance base biotin bran bronchial calcitriol calm carbon "
    "clear clinical coal cobalamin collagenase comfort commit complete control cortisol cough daily defend dopamine "
    "drug ease elite emend ensure epinephrine equate essential estradiol ferritin flu focus folate force form forte "
    "gastrin genesis ghrelin glucagon glucose guardian harmony hemoglobin histamine honey hydrocortisone hyphen "
    "impact insight insulin iodine iron kinetic lactose leptin link liver magnesium melatonin menthol mineral muse "
    "natural nitrogen norepinephrine oxygen oxytocin patch pepper perform phosphorus plan potassium prelude premium "
    "pro progesterone prolactin protect protein pure rapid regain relief remedy renew response revive salt schiff "
    "scrub scrubs secretin select senna septa serene serotonin shield silver sodium somatostatin soothe sterile "
    "supreme tar testosterone thrive thyroxine triad tussive unison urea vanish vanquish vasopressin viper vision "
    "vital water zebra zinc"
)
_OTHER_WORDS = frozenset(_WORDS.split())


@dataclass(frozen=True)
class DrugTable:
    """Names that change places."""

    counterparts: dict[str, str]  # in lower case, in both directions
    dropped: Counter[str] = field(default_factory=Counter)  # generic names without a counterpart, by reason

    def swapped(self, text: str) -> str:
        """The text with each name replaced by its counterpart, in one pass, the longest name first, in its case."""
        return self._names.sub(lambda found: self._replacement(found[0]) or found[0], text)

    def reason_against(self, texts: Sequence[str]) -> str | None:
        """Why the names in the texts of one question cannot be swapped, as a clause; None: they can."""
        found = [match for text in texts for match in self._names.finditer(text)]
        if any(map(self._joined.search, texts)):
            return "a drug name is part of a longer word"
        names = {_normal(match[0]) for match in found}
        if not names:
            return "no name of the table occurs in it"
        if any(self.counterparts[name] in names for name in names):
            return "both names of a drug occur in it"
        if any(self._replacement(match[0]) is None for match in found):
            return "a drug name is written in mixed case"
        return None

    def _replacement(self, written: str) -> str | None:
        return cased_as(self.counterparts[_normal(written)], written)

    @cached_property
    def _names(self) -> re.Pattern[str]:
        return re.compile(rf"(?<![\w-])(?ai:{_any_of(self.counterparts)})(?![\w-])")

    @cached_property
    def _joined(self) -> re.Pattern[str]:
        """A name that a hyphen joins to a word: "amoxicillin-clavulanate" is another drug than amoxicillin."""
        names = _any_of(self.counterparts)
        return re.compile(rf"(?<=\w-)(?ai:{names})\b|\b(?ai:{names})(?=-\w)")


def read_drug_table(path: Path) -> DrugTable:
    """The table in a CSV file.

    Raises:
        DataError: with the line, if the file cannot be read as CSV in UTF-8, a row has not two names, a name is shorter
            than 3 letters, a name is both generic and brand, or no pair remains.
    """
    brands: dict[str, list[str]] = defaultdict(list)
    lines: dict[str, int] = {}  # of each generic name
    for line, generic, its_brands in _entries(path):
        brands[generic] += [brand for brand in its_brands if brand not in brands[generic]]
        lines.setdefault(generic, line)
    for generic, line in lines.items():
        _refuse_both_sides(path, generic, line, brands)
    counterparts, dropped = _one_to_one(brands)
    if not counterparts:
        told = "; ".join(f"{count:,}: {reason}" for reason, count in dropped.items()) or "it has a header alone"
        raise DataError(
            f"{path}: no pair of names can be swapped ({told}). Add brands that belong to one generic name."
        )
    return DrugTable(counterparts, dropped)


def _entries(path: Path) -> Iterator[tuple[int, str, list[str]]]:
    """Line, generic name and brands of each row."""
    rows = rows_of(path)
    columns = _columns(rows[0].cells)
    for row in rows[1:] if columns else rows:
        generic_at, brand_at = columns or (0, 1)
        if len(row.cells) <= max(generic_at, brand_at) or (columns is None and len(row.cells) != 2):
            raise _bad(path, row, f"has {len(row.cells)} columns. Write a generic name and a brand: warfarin,coumadin")
        names = _names_in(path, row, row.cells[generic_at])
        if len(names) != 1:
            raise _bad(path, row, f"names {len(names)} generic drugs. Write one generic name a row")
        yield row.line, names[0], _names_in(path, row, row.cells[brand_at])


def _columns(header: list[str]) -> tuple[int, int] | None:
    """Where generic names and brands are; None: the first row is no header."""
    names = [cell.casefold() for cell in header]
    generic = [index for index, name in enumerate(names) if name in _GENERIC]
    brand = [index for index, name in enumerate(names) if name in _BRAND]
    return (generic[0], brand[0]) if generic and brand else None


def _names_in(path: Path, row: Row, cell: str) -> list[str]:
    """The names of a cell that are long enough.

    Raises:
        DataError: if there is none.
    """
    written = texts_in(cell)
    if not written:
        raise _bad(path, row, "has an empty name. Fill it in, or remove the row")
    names = [_normal(name) for name in written if sum(map(str.isalpha, name)) >= _SHORTEST]
    if not names:
        raise _bad(path, row, f"{written[0]!r} is too short to be told from other words. Remove the row")
    return names


def _bad(path: Path, row: Row, what: str) -> DataError:
    return DataError(f"{path}, line {row.line}: {what}.")


def _refuse_both_sides(path: Path, generic: str, line: int, brands: dict[str, list[str]]) -> None:
    if owner := next((other for other, names in brands.items() if generic in names), None):
        raise DataError(
            f"{path}, line {line}: {generic!r} is a generic name here and a brand of {owner!r} elsewhere, so what "
            "replaces it is unclear. Remove one of the two rows."
        )


def _one_to_one(brands: dict[str, list[str]]) -> tuple[dict[str, str], Counter[str]]:
    owners = Counter(brand for names in brands.values() for brand in names)
    counterparts, dropped = dict[str, str](), Counter[str]()
    for generic, names in brands.items():
        own = [name for name in names if owners[name] == 1 and generic not in name and name not in generic]
        brand = next((name for name in own if name not in _OTHER_WORDS), None)
        if generic in _OTHER_WORDS or (own and brand is None):
            dropped["a name is also another word"] += 1
        elif brand is None:
            dropped["no brand belongs to this generic name alone"] += 1
        else:
            counterparts |= {generic: brand, brand: generic}
    return counterparts, dropped


def _normal(name: str) -> str:
    return " ".join(name.lower().split())


def _any_of(names: Iterable[str]) -> str:
    """A pattern of the names, the longest first, for the flag `a`: without it ı and ſ would count as i and s.

    It branches letter by letter, so that most words of a text fail at their first.
    """
    tails: dict[str, list[str]] = defaultdict(list)
    for name in names:
        tails[name[:1]].append(name[1:])
    is_whole = tails.pop("", None) is not None
    branches = "|".join(re.escape(letter) + _any_of(rest) for letter, rest in tails.items())
    return (f"(?:{branches})?" if is_whole else f"(?:{branches})") if branches else ""
