"""The leaderboard on a terminal: plain text that reads well at 80 columns, without colour, and through a pipe."""

import shlex
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.leaderboard import TOP, Leaderboard, Row
from analysis.settings import settings_in_words, short_names, varying_keys
from analysis.study import Study, Trial
from analysis.verdict import cautions, percent, verdict

_COSTS = {"min": "minutes of work", "GiB": "peak memory", "weights": "trained ones"}
_LEGEND = (
    "accuracy: % of the validation questions, with its 95 % interval. vs best: percentage points on the same "
    "questions, with their paired 95 % interval; tied: that interval holds 0, or the test, corrected for all pairs, "
    "sees no difference."
)
_CONFIG_CHARACTERS = 24  # a line, where a trial takes several lines
_REASON_CHARACTERS = 300


def print_board(board: Leaderboard, title: str, console: Console | None = None, top: int = TOP) -> None:
    """Print what a study, or a single run, shows so far."""
    console = console or Console()
    _say(console, f"{title}: {counts(board.study.trials)}", style="bold")
    console.print()
    _say(console, verdict(board))
    console.print()
    if board.rows:
        table = _ranking(board, console)
        console.print(table)
        costs = [f"{column.header}: {_COSTS[column.header]}" for column in table.columns if column.header in _COSTS]
        _say(console, f"{_LEGEND} {'; '.join(costs)}" + "." * bool(costs), style="dim")
    _print_others(console, board.study, top)
    _print_notes(console, board)


def _ranking(board: Leaderboard, console: Console) -> Table:
    """A line a trial; on a narrower terminal intervals go on a second line, on a very narrow one costs are left out."""
    unbounded = console.options.update(width=1000)
    layouts = [_layout(board, " ", True), _layout(board, "\n", True), _layout(board, "\n", False)]
    fitting = (table for table in layouts if console.measure(table, options=unbounded).maximum <= console.width)
    return next(fitting, layouts[-1])


def _layout(board: Leaderboard, before_interval: str, with_costs: bool) -> Table:
    rows = [*board.rows, *([board.base] if board.base else [])]
    has_settings = any(row.settings for row in board.rows)
    table = _table()
    table.add_column("trial")
    if has_settings:
        widest = None if before_interval == " " else _CONFIG_CHARACTERS
        table.add_column("config", overflow="fold", max_width=widest)
    for name in ("accuracy", "vs best"):
        table.add_column(name, no_wrap=True)
    for name in _COSTS if with_costs else ():
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        if row is board.base:
            table.add_section()
        settings = [_text(row.settings)] if has_settings else []
        scores = [_text(cell) for cell in (_accuracy(row, before_interval), _versus_best(row, before_interval))]
        costs = _costs(row, board) if with_costs else []
        table.add_row(_text("base" if row is board.base else names_of_trials(row)), *settings, *scores, *costs)
    return table


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)


def _accuracy(row: Row, before_interval: str) -> str:
    accuracy = row.accuracy
    return f"{percent(accuracy.accuracy)}{before_interval}[{percent(accuracy.low)}, {percent(accuracy.high)}]"


def _versus_best(row: Row, before_interval: str) -> str:
    paired = row.versus_best
    if paired is None:
        return "no paired test" if row.no_test else "best"
    word = "tied" if row.tied_with_best else "worse" if paired.difference < 0 else "better"
    interval = f"[{percent(paired.low)}, {percent(paired.high)}]"
    return f"{word:6}{percent(paired.difference)}{before_interval}{interval}"


def _costs(row: Row, board: Leaderboard) -> list[Text]:
    """Working minutes, peak memory and trained weights; nothing for the untuned base."""
    results = [trial.result for trial in row.trials if trial.result is not None]
    if row is board.base or not results:
        return []
    minutes = sum(result.seconds for result in results) / 60
    memory = max(result.peak_memory_bytes for result in results) / 2**30
    return [_text(cell) for cell in (f"{minutes:.1f}", f"{memory:.1f}", compact(results[0].trainable_weights))]


def names_of_trials(row: Row) -> str:
    """`3`, or of several seeds `0 4 8`."""
    return " ".join(trial.name for trial in row.trials)


def compact(count: int) -> str:
    """13.0M for 13,045,760."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.1f}{unit}"
    return str(count)


def _print_others(console: Console, study: Study, top: int) -> None:
    """The trials that could not be ranked, each with its reason."""
    others = study.others()
    if not others:
        return
    names = short_names(varying_keys(study.trials))
    table = _table()
    for name in ("trial", *(["config"] if names else []), "outcome", "why"):
        table.add_column(name, overflow="fold", no_wrap=name in ("trial", "outcome") and console.width >= 80)
    for trial in others[:top]:
        settings = [_text(settings_in_words(trial, names))] if names else []
        reason = textwrap.shorten(trial.reason, _REASON_CHARACTERS, placeholder=" ...")
        table.add_row(_text(trial.name), *settings, _text(trial.state), _text(reason))
    console.print()
    console.print(table)
    if len(others) > top:
        _say(console, f"and {len(others) - top:,} more: {counts(others[top:])}")


def _print_notes(console: Console, board: Leaderboard) -> None:
    rows = [*board.rows, *([board.base] if board.base else [])]
    notes = [f"No paired test of {row.label}: {row.no_test}." for row in rows if row.no_test]
    unreadable = board.study.unreadable
    notes += unreadable[:TOP]
    if len(unreadable) > TOP:
        notes.append(f"and {len(unreadable) - TOP:,} more folders that could not be read.")
    for paragraph in (notes, cautions(board)):
        if paragraph:
            console.print()
        for sentence in paragraph:
            _say(console, sentence)
    if board.best is not None:
        console.print()
        _say(console, "To run the best again:")
        command = f"uv run python -m medqa_sweeps reproduce {shlex.quote(shown(board.best.trial.directory.path))}"
        console.print(_text(command), soft_wrap=True)  # one line, so that it can be copied


def counts(trials: Sequence[Trial]) -> str:
    counts = Counter(trial.state for trial in trials)
    return ", ".join(f"{count:,} {state}" for state, count in counts.most_common())


def shown(path: Path) -> str:
    """The path as short as it can be typed from here."""
    path, here = path.resolve(), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _say(console: Console, sentence: str, style: str = "") -> None:
    text = _text(sentence)
    text.stylize(style)
    console.print(text)


def _text(words: str) -> Text:
    """`words` as they are: no markup is read in them, and control characters do not reach the terminal."""
    return Text("".join(character if character.isprintable() or character == "\n" else " " for character in words))
