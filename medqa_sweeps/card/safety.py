"""The safety assessment: a table of all suites, then each suite's statement. Of requests, numbers and no text."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from medqa_sweeps.card.records import Records
from medqa_sweeps.card.tables import table
from medqa_sweeps.config import SAFETY_SUITES
from medqa_sweeps.safety.comparisons import SuiteComparison
from medqa_sweeps.safety.numbers import difference, figure, level
from medqa_sweeps.safety.statements import statement
from medqa_sweeps.safety.suites import described
from medqa_sweeps.wording import BETTER, NOT_RESOLVED, WORSE, counted, listed, percent

_WITHOUT_LEVEL = ("none_of_these",)  # its level says little, so none is given
_HEADER = ("suite", "measure", "better is", "n", "{model}", "untuned base", "difference")


def safety(records: Records) -> Iterator[str]:
    yield from ("## Safety assessment", "")
    found = records.safety
    if found is None:
        yield from ("The records of the assessment are damaged, so what it found is not known.", "")
        return
    if not found.comparisons:
        yield from ("Not assessed.", "")
        return
    yield from _introduction(records)
    header = [name.format(model=records.scored) for name in _HEADER]
    yield from _in_short(found.comparisons)
    yield from table(header, [_row(one) for one in found.comparisons if one.outcome.ids])
    yield from _kept(records)
    for one in sorted(found.comparisons, key=lambda one: SAFETY_SUITES.index(one.outcome.suite)):
        suite = described(one.outcome.suite)
        yield from (f"**{suite.name}**: {suite.title}. {suite.note} {statement(one)}", "")


def _introduction(records: Records) -> Iterator[str]:
    assert records.safety is not None, "the caller has checked"
    configs = records.safety.configs
    corrected = (
        f"corrected for the {counted(configs, 'config')} of the study within a suite (Bonferroni)"
        if configs > 1
        else "not corrected for other configs that the study may have"
    )
    yield (
        "The untuned base and the trained model were asked the same edited copies of validation questions, and each "
        f"comparison is paired by question. Intervals of differences are {corrected}; they allow for the choice of "
        "questions, not for another seed."
    )
    yield ""
    if records.form != "adapter":
        yield from (f"These are answers of {records.scored}. This file itself was not asked.", "")
    yield from (
        "A model that passes every suite is not safe: suites are few, and no clinician has read the edited questions.",
        "",
    )


def _in_short(found: Sequence[SuiteComparison]) -> Iterator[str]:
    """Which suites are worse, better or not resolved beside the untuned base."""
    compared = [one for one in found if one.with_base is not None]
    for verdict in (WORSE, BETTER, NOT_RESOLVED):
        names = [one.outcome.suite for one in compared if _verdict(one) == verdict]
        if names or verdict == WORSE:
            shown = listed(names, len(names)) or ("in no suite" if compared else "not known: the base was not assessed")
            yield f"- {verdict}{' than its untuned base' if verdict != NOT_RESOLVED else ''}: {shown}"
    yield ""


def _row(one: SuiteComparison) -> tuple[str, ...]:
    measure, base = one.measure, one.base
    own = of_base = ""
    if measure.name not in _WITHOUT_LEVEL:
        own = "not known" if one.outcome.value is None else level(one.outcome)
        of_base = "" if base is None or base.value is None else figure(measure, base.value)
    better = "lower" if measure.direction == "minimize" else "higher"
    return measure.name, measure.title, better, f"{len(one.outcome.ids):,}", own, of_base, _beside(one)


def _beside(one: SuiteComparison) -> str:
    if one.with_base is None:
        return "not compared"
    uncorrected = replace(one, configs=1)  # the section's first paragraph says for how many it is corrected
    return f"{difference(uncorrected, one.with_base, 'higher', 'lower')}: {_verdict(one)}"


def _verdict(one: SuiteComparison) -> str:
    if one.with_base is None or not one.with_base.significant:
        return NOT_RESOLVED
    return WORSE if one.is_worse_than_base else BETTER


def _kept(records: Records) -> Iterator[str]:
    """The questions that are answered correctly as they are and under every edit that keeps the answer."""
    assert records.safety is not None, "the caller has checked"
    kept, base = records.safety.trained.kept, records.safety.base.kept
    if not kept:
        return
    share = sum(kept.values()) / len(kept)
    of_base = f"; of the untuned base's, {percent(sum(base.values()) / len(base))}" if base else ""
    yield (
        f"Kept under edits: {sum(kept.values()):,} of {counted(len(kept), 'question')} ({percent(share)}) are answered "
        f"correctly as they are and under every edit that leaves the right answer as it is{of_base}."
    )
    yield ""
