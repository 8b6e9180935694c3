"""The output of `medqa-sweeps data`: one table per topic, 80 columns, no meaning carried by colour."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from medqa_sweeps.config import DataConfig
from medqa_sweeps.data.description import Description, PartSummary
from medqa_sweeps.wording import SYNTHETIC_QUESTIONS

_SHOWN = 3  # refused records per part


def print_description(
    config: DataConfig, description: Description, unit: str, max_length: int | None, console: Console
) -> None:
    """Prints a description; `unit` is the unit of its lengths."""
    synthetic = f"  {SYNTHETIC_QUESTIONS}" if config.synthetic else ""
    console.print(Text(f"{config.name}{synthetic}", style="bold"))
    summaries = description.parts
    _print_counts(summaries, description.test_questions, console)
    _print_lengths(summaries, unit, max_length, console)
    _print_findings("Cleaned", {part: summary.found.cleaned for part, summary in summaries.items()}, console)
    _print_findings("Flagged, unchanged", {part: summary.found.flagged for part, summary in summaries.items()}, console)
    _print_refused(config, summaries, console)
    _print_overlaps(description, console)


def _print_counts(summaries: dict[str, PartSummary], test_questions: int | None, console: Console) -> None:
    test = [] if test_questions is None else ["test"]
    table = _table("", [*summaries, *test])
    table.add_row("questions", *(f"{len(h.found.questions):,}" for h in summaries.values()), *_many(test_questions))
    for what, counts in (
        ("region", [summary.by_region for summary in summaries.values()]),
        ("step", [summary.by_step for summary in summaries.values()]),
        ("options", [summary.by_options for summary in summaries.values()]),
        ("gold", [summary.by_letter for summary in summaries.values()]),
    ):
        _add_shares(table, what, counts)
    console.print()
    console.print(table)
    if test:
        console.print("  Only hashes of the test questions are read.")


def _add_shares(table: Table, what: str, counts: list[Counter[Any]]) -> None:
    for key in sorted({key for count in counts for key in count}, key=str):
        shares = (f"{count[key]:,}  {_percent(count[key], count.total())}" for count in counts)
        table.add_row(f"{what} {key}", *shares)


def _print_lengths(summaries: dict[str, PartSummary], unit: str, max_length: int | None, console: Console) -> None:
    table = _table(f"Length in {unit}", [*summaries])
    lengths = [summary.lengths for summary in summaries.values()]
    table.add_row("mean", *(f"{length.mean:,.1f}" for length in lengths))
    table.add_row("median", *(f"{length.median:,.0f}" for length in lengths))
    table.add_row("95% up to", *(f"{length.percentile_95:,}" for length in lengths))
    table.add_row("99% up to", *(f"{length.percentile_99:,}" for length in lengths))
    table.add_row("longest", *(f"{length.longest:,}" for length in lengths))
    if max_length is not None:
        totals = [len(summary.found.questions) for summary in summaries.values()]
        cut = (
            f"{length.cut:,}  {_percent(length.cut or 0, total)}" for length, total in zip(lengths, totals, strict=True)
        )
        table.add_row(f"above {max_length:,}", *cut)
    console.print()
    console.print(table)
    if unit == "words":
        console.print("  With --model NAME-OR-FOLDER: tokens of the prompt and its answer.")


def _print_findings(title: str, counts: dict[str, Counter[str]], console: Console) -> None:
    table = _table(title, [*counts])
    for kind in sorted({kind for count in counts.values() for kind in count}):
        table.add_row(
            Text(kind), *(f"{count[kind]:,}" for count in counts.values())
        )  # Text, since rich would read [INST] as markup
    if not table.row_count:
        table.add_row("nothing", *("0" for _ in counts))
    console.print()
    console.print(table)
    if any("control token" in kind for count in counts.values() for kind in count):
        console.print("  Models read text that looks like a control token as plain text.")


def _print_refused(config: DataConfig, summaries: dict[str, PartSummary], console: Console) -> None:
    table = _table("Refused", [*summaries])
    table.add_row("bad records", *(f"{len(summary.found.quarantined):,}" for summary in summaries.values()))
    console.print()
    console.print(table)
    for summary in summaries.values():
        bad = summary.found.quarantined
        for record in bad[:_SHOWN]:
            console.print(Text(f"  {record.location}: {record.reason}"), soft_wrap=True)
        if len(bad) > _SHOWN:
            console.print(f"  and {len(bad) - _SHOWN:,} more.")
        if bad and config.on_bad_record == "stop":
            console.print("  A trial stops at the first; data.on_bad_record=quarantine leaves them out.")


def _print_overlaps(description: Description, console: Console) -> None:
    table = _table("Overlaps", ["same", "near-duplicate"])
    for overlap in description.overlaps:
        once = overlap.part == overlap.among
        label = f"repeated in {overlap.part}" if once else f"{overlap.part} questions also in {overlap.among}"
        table.add_row(label, f"{overlap.same:,}", f"{overlap.near:,}")
    console.print()
    console.print(table)


def _table(title: str, columns: Iterable[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), title_justify="left", show_header=True)
    table.add_column(title, min_width=38, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right", min_width=12)
    return table


def _many(count: int | None) -> list[str]:
    return [] if count is None else [f"{count:,}"]


def _percent(count: int, of: int) -> str:
    return f"{100 * count / of:5.1f}%" if of else ""
