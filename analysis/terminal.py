"""The leaderboard on a terminal: plain text that reads well at 80 columns, without colour, and through a pipe."""

import textwrap
from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.leaderboard import TOP, Base, Leaderboard, Row
from analysis.objective import best_trial
from analysis.objective_words import objective_table
from analysis.settings import settings_in_words, varying_keys
from analysis.study import Study, Trial
from analysis.verdict import ALARMED, alarms_in_words, cautions, verdict
from medqa_sweeps.command_line import command
from medqa_sweeps.statistics import PairedDifference
from medqa_sweeps.wording import compact, counted, in_percent, short_names, signed_points

_COSTS = {"min": "minutes of work", "GiB": "peak memory", "params": "trainable parameters"}
_LEGEND = (
    "accuracy: % of the validation questions, with its own 95% CI; vs best: points on the same questions, with the 95% "
    "CI of the test, which excludes 0 exactly for those that are worse"
)
_GAIN = "vs base: gain over the config's own untuned base in points, with a 95% CI that holds for all rows together"
_CONFIG_CHARACTERS = 24  # per line, where a trial takes several lines
_REASON_CHARACTERS = 300
_ALARMED = " !"


def print_boards(boards: Sequence[Leaderboard], title: str, top: int = TOP) -> None:
    """Print what a study, several, or a single run show so far: a leaderboard per set of validation questions."""
    console = Console()
    if len(boards) > 1:
        _say(
            console,
            f"These trials answered {len(boards)} different sets of validation questions. Scores are compared within a "
            "set only.",
        )
        console.print()
    for index, board in enumerate(boards):
        part = f" (questions, set {index + 1} of {len(boards)})" if len(boards) > 1 else ""
        print_board(board, title + part, console, top)
        if index + 1 < len(boards):
            console.print()


def print_board(board: Leaderboard, title: str, console: Console | None = None, top: int = TOP) -> None:
    """Print one leaderboard with everything that could not be ranked."""
    console = console or Console()
    _say(console, f"{title}: {counts(board.study.trials)}", style="bold")
    console.print()
    _say(console, verdict(board))
    console.print()
    if board.rows:
        table = _ranking(board, console)
        console.print(table)
        costs = [f"{column.header}: {_COSTS[column.header]}" for column in table.columns if column.header in _COSTS]
        gain = [_GAIN] if any(column.header == "vs base" for column in table.columns) else []
        _say(console, "; ".join([_LEGEND, *gain, *costs]) + ".", style="dim")
        _print_objective(console, board, top)
    _print_alarms(console, board)
    _print_others(console, board.study, top)
    _print_notes(console, board)


def _ranking(board: Leaderboard, console: Console) -> Table:
    """A line per config; a narrower terminal has the intervals on a second line, a very narrow one fewer columns."""
    unbounded = console.options.update(width=1000)
    layouts = [
        _layout(board, " "),
        _layout(board, "\n"),
        _layout(board, "\n", with_costs=False),
        _layout(board, "\n", with_costs=False, with_gain=False),
    ]
    fitting = (table for table in layouts if console.measure(table, options=unbounded).maximum <= console.width)
    return next(fitting, layouts[-1])


def _layout(board: Leaderboard, before_interval: str, with_costs: bool = True, with_gain: bool = True) -> Table:
    table = _table()
    table.add_column("trial")
    has_settings = any(row.settings for row in board.rows)
    if has_settings:
        widest = None if before_interval == " " else _CONFIG_CHARACTERS
        table.add_column("config", overflow="fold", max_width=widest)
    has_gain = with_gain and any(row.versus_base for row in board.rows)
    for name in ("accuracy", "vs best", *(["vs base"] if has_gain else [])):
        table.add_column(name, no_wrap=True)
    for name in _COSTS if with_costs else ():
        table.add_column(name, justify="right", no_wrap=True)
    for row in board.rows:
        settings = [row.settings] if has_settings else []
        scores = [_accuracy(row, before_interval), _versus_best(row, before_interval)]
        gain = [_interval(row.versus_base, before_interval) if row.versus_base else ""] if has_gain else []
        costs = _costs(row) if with_costs else []
        table.add_row(*map(_text, [_named(row), *settings, *scores, *gain, *costs]))
    if board.bases:
        table.add_section()
    for base in board.bases:
        settings = [base.settings or "untuned"] if has_settings else []
        table.add_row(*map(_text, ["base", *settings, _accuracy(base, before_interval)]))
    return table


def _print_objective(console: Console, board: Leaderboard, top: int) -> None:
    """The configs by what was optimised, or the Pareto front; nothing where that is accuracy."""
    by_metric = objective_table(board, top)
    if by_metric is None:
        return
    table = _table()
    for index, name in enumerate(by_metric.header):
        table.add_column(name, justify="right" if index > 1 else "left", overflow="fold")
    for row in by_metric.rows:
        table.add_row(*map(_text, row))
    console.print()
    _say(console, by_metric.caption, style="bold")
    console.print(table)


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)


def _named(row: Row) -> str:
    return names_of_trials(row) + _ALARMED * bool(row.alarms)


def _accuracy(row: Row | Base, before_interval: str) -> str:
    accuracy = row.accuracy
    return f"{in_percent(accuracy.accuracy)}{before_interval}[{in_percent(accuracy.low)}, {in_percent(accuracy.high)}]"


def _versus_best(row: Row, before_interval: str) -> str:
    if row.versus_best is None:
        return "no paired test" if row.no_test else "best"
    word = "worse" if row.worse else "not resolved"
    return f"{word} {_interval(row.versus_best, before_interval)}"


def _interval(paired: PairedDifference, before_interval: str) -> str:
    limits = f"[{in_percent(paired.low)}, {in_percent(paired.high)}]"
    return f"{signed_points(paired.difference)}{before_interval}{limits}"


def _costs(row: Row) -> list[str]:
    """Working minutes, peak memory and trainable parameters."""
    results = [trial.result for trial in row.trials if trial.result is not None]
    minutes = sum(result.seconds for result in results) / 60
    memory = max(result.peak_memory_bytes for result in results) / 2**30
    return [f"{minutes:.1f}", f"{memory:.1f}", compact(results[0].trainable_weights)]


def names_of_trials(row: Row) -> str:
    """`3`, or of several seeds `0 4 8`."""
    return " ".join(trial.name for trial in row.trials)


def _print_alarms(console: Console, board: Leaderboard) -> None:
    lines = alarms_in_words(board)
    if lines:
        console.print()
        _say(console, f"! {ALARMED}", style="bold")
    for line in lines:
        _say(console, f"  {line}")


def _print_others(console: Console, study: Study, top: int) -> None:
    """The trials that could not be ranked, each with its reason."""
    others = study.others()
    if not others:
        return
    names = short_names(varying_keys(study.trials))
    has_settings = bool(names) or any(trial.overrides for trial in others)
    table = _table()
    for name in ("trial", *(["config"] if has_settings else []), "outcome", "why"):
        table.add_column(name, overflow="fold", no_wrap=name in ("trial", "outcome") and console.width >= 80)
    for trial in others[:top]:
        settings = [_text(settings_in_words(trial, names))] if has_settings else []
        reason = textwrap.shorten(trial.reason, _REASON_CHARACTERS, placeholder=" ...")
        table.add_row(_text(trial.name), *settings, _text(trial.state), _text(reason))
    console.print()
    _say(console, f"Not ranked: {counted(len(others), 'trial')}", style="bold")
    console.print(table)
    if len(others) > top:
        _say(console, f"and {len(others) - top:,} more: {counts(others[top:])}")


def _print_notes(console: Console, board: Leaderboard) -> None:
    notes = [f"No paired test of {row.label}: {row.no_test}." for row in board.rows if row.no_test]
    unreadable = board.study.unreadable
    notes += unreadable[:TOP]
    if len(unreadable) > TOP:
        notes.append(f"and {len(unreadable) - TOP:,} more folders that could not be read.")
    for paragraph in (notes, cautions(board)):
        if paragraph:
            console.print()
        for sentence in paragraph:
            _say(console, sentence)
    for purpose, line in _next_steps(board):
        console.print()
        _say(console, purpose)
        console.print(_text(line), soft_wrap=True)  # one line, so that it can be copied


def _next_steps(board: Leaderboard) -> list[tuple[str, str]]:
    """What to do before the result is believed, each with its command."""
    best_of_study = best_trial(board)
    if best_of_study is None:
        return []
    steps = []
    if len(board.configs) > 1 and not board.study.several:
        first = "To see whether the best few hold under new seeds, before you use the test questions:"
        top = str(min(3, len(board.configs)))
        steps.append((first, command("medqa_sweeps", "confirm", board.study.folder, "--top", top, "--seeds", "3")))
    again = command("medqa_sweeps", "reproduce", best_of_study.directory.path)
    return [*steps, ("To run the best again and check that it gives the same:", again)]


def counts(trials: Sequence[Trial]) -> str:
    """`4 trials: 3 completed, 1 failed`, every trial counted once."""
    counts = Counter(str(trial.state) for trial in trials)
    return ", ".join(f"{count:,} {state}" for state, count in counts.most_common())


def _say(console: Console, sentence: str, style: str = "") -> None:
    text = _text(sentence)
    text.stylize(style)
    console.print(text)


def _text(words: str) -> Text:
    """`words` as they are: no markup is read in them, and control characters do not reach the terminal."""
    return Text("".join(character if character.isprintable() or character == "\n" else " " for character in words))
