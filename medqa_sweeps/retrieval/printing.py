"""The output of `medqa-sweeps corpus`: one table per topic, 80 columns, no meaning carried by colour."""

from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from medqa_sweeps.retrieval.description import CorpusDescription

_SHOWN = 3  # passages or files per finding


def print_corpus(description: CorpusDescription, unit: str, console: Console) -> None:
    """Prints a description; `unit` is the unit of its lengths beside characters."""
    _print_counts(description, console)
    _print_lengths(description, unit, console)
    left_out = Counter(description.read.left_out)
    left_out["a passage with the text of another"] += description.read.corpus.repeated
    _print_findings("Left out", +left_out, console)
    tokens = {f"looks like a control token: {token}": count for token, count in description.control_tokens.items()}
    _print_findings("Flagged, unchanged", Counter(tokens), console)
    if tokens:
        console.print("  Models read text that looks like a control token as plain text.")
    _print_refused(description.read.refused, console)
    _print_leaks(description, console)


def _print_counts(description: CorpusDescription, console: Console) -> None:
    table = _table("Corpus")
    read = description.read
    for what, count in (
        ("files read", read.files),
        ("documents (text files, pages, records)", read.documents),
        ("passages", len(read.corpus.passages)),
        ("characters", sum(len(passage.text) for passage in read.corpus.passages)),
    ):
        table.add_row(what, f"{count:,}")
    table.add_row("fingerprint", read.corpus.fingerprint)
    console.print(table)


def _print_lengths(description: CorpusDescription, unit: str, console: Console) -> None:
    table = _table("Length of a passage", "characters", unit)
    both = (description.characters, description.lengths)
    table.add_row("mean", *(f"{one.mean:,.0f}" for one in both))
    table.add_row("median", *(f"{one.median:,.0f}" for one in both))
    table.add_row("95% up to", *(f"{one.percentile_95:,}" for one in both))
    table.add_row("longest", *(f"{one.longest:,}" for one in both))
    console.print()
    console.print(table)
    if unit == "words":
        console.print("  With --model NAME-OR-FOLDER: tokens, which a prompt pays for each passage.")


def _print_findings(title: str, counts: Counter[str], console: Console) -> None:
    table = _table(title, "count")
    for kind, count in sorted(counts.items()):
        table.add_row(Text(kind), f"{count:,}")  # Text, since rich would read [INST] as markup
    if not table.row_count:
        table.add_row("nothing", "0")
    console.print()
    console.print(table)


def _print_refused(refused: list[str], console: Console) -> None:
    table = _table("Refused", "count")
    table.add_row("files that cannot be read", f"{len(refused):,}")
    console.print()
    console.print(table)
    for sentence in refused[:_SHOWN]:
        console.print(Text(f"  {sentence}"), soft_wrap=True)
    if len(refused) > _SHOWN:
        console.print(f"  and {len(refused) - _SHOWN:,} more.")
    if refused:
        console.print("  A trial stops at the first.")


def _print_leaks(description: CorpusDescription, console: Console) -> None:
    leaks, corpus = description.leaks, description.read.corpus
    table = _table("Leaks", "count")
    if description.questions is not None:
        table.add_row(f"questions found, of {description.questions:,}", f"{len(leaks.questions):,}")
    table.add_row("passages that state an answer's letter", f"{len(leaks.letters):,}")
    console.print()
    console.print(table)
    for name in [*(found[0] for found in leaks.questions.values()), *leaks.letters][:_SHOWN]:
        console.print(Text(f"  {corpus.by_id[name].where}"), soft_wrap=True)
    if leaks.passages():
        console.print("  A trial stops at a leak; retrieval.on_leak=drop leaves these passages out.")
    if description.questions is None:
        console.print("  With --questions FILE: which of its questions stand in the corpus.")


def _table(title: str, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), title_justify="left", show_header=True)
    table.add_column(title, min_width=42, header_style="bold")
    for column in columns or ("",):
        table.add_column(column, justify="right", min_width=12)
    return table
