"""The tables of the terminal, as wide as it is: a narrower one has more lines per config, and fewer columns."""

import textwrap
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from medqa_sweeps.analysis.comparing.by_objective import ObjectiveTable
from medqa_sweeps.analysis.comparing.configs import settings_text, varying_keys
from medqa_sweeps.analysis.comparing.leaderboard import Base, Leaderboard, Row
from medqa_sweeps.analysis.comparing.verdict import GAIN_CI, TEST_CI
from medqa_sweeps.analysis.reading.studies import Study, Trial
from medqa_sweeps.statistics import Estimate, PairedDifference
from medqa_sweeps.wording import CI, compact, in_percent, short_names, signed_points

_COSTS = {"min": "minutes of work", "GiB": "peak memory", "params": "trainable parameters"}
_ACCURACY = f"accuracy: % of the validation questions, with its own, uncorrected {CI}"
_LEGEND = f"{_ACCURACY}. vs best: difference from the best on the same questions, in points; {TEST_CI}"
_GAIN = f"vs base: gain over the config's own untuned base, in points, with {GAIN_CI}"
_GAIN_OF_ONE = f"vs base: gain over the untuned base, in points, with its {CI}"
_KEPT_COLUMN = "kept"
_KEPT = (
    "kept: % of the assessed questions that are right as they are and under every edit that keeps the answer, with "
    f"its {CI}"
)
_CONFIG_CHARACTERS = 24  # per line, where a trial takes several lines
_REASON_CHARACTERS = 300


def ranking(board: Leaderboard, console: Console) -> Table:
    """A line per config; a narrower terminal has the intervals on a second line, a very narrow one fewer columns."""
    unbounded = console.options.update(width=1000)
    layouts = [
        _layout(board, " "),
        _layout(board, "\n"),
        _layout(board, "\n", with_costs=False),
        _layout(board, "\n", with_costs=False, with_kept=False),
        _layout(board, "\n", with_costs=False, with_kept=False, with_gain=False),
    ]
    fitting = (table for table in layouts if console.measure(table, options=unbounded).maximum <= console.width)
    return next(fitting, layouts[-1])


def legend(table: Table) -> str:
    """What the columns of `ranking` are, as far as this width shows them."""
    names = [str(column.header) for column in table.columns]
    scores = _LEGEND if "vs best" in names else _ACCURACY
    gain = (_GAIN if "vs best" in names else _GAIN_OF_ONE) if "vs base" in names else ""
    costs = "; ".join(f"{name}: {_COSTS[name]}" for name in names if name in _COSTS)
    kept = _KEPT if _KEPT_COLUMN in names else ""
    return ". ".join(filter(None, [scores, gain, kept, costs])) + "."


def objective(by_metric: ObjectiveTable) -> Table:
    """The configs by what was optimised, or the Pareto front."""
    table = _table()
    for index, name in enumerate(by_metric.header):
        table.add_column(name, justify="right" if index > 1 else "left", overflow="fold")
    for row in by_metric.rows:
        table.add_row(*map(plain, row))
    return table


def not_ranked(study: Study, shown: Sequence[Trial], console: Console) -> Table:
    """Trials without a rank, each with its reason."""
    names = short_names(varying_keys(study.trials))
    has_settings = bool(names) or any(trial.overrides for trial in study.others())
    table = _table()
    for name in ("trial", *(["config"] if has_settings else []), "outcome", "why"):
        table.add_column(name, overflow="fold", no_wrap=name in ("trial", "outcome") and console.width >= 80)
    for trial in shown:
        settings = [plain(settings_text(trial, names))] if has_settings else []
        reason = textwrap.shorten(trial.why, _REASON_CHARACTERS, placeholder=" ...")
        table.add_row(plain(trial.name), *settings, plain(trial.state), plain(reason))
    return table


def plain(text: str) -> Text:
    """`text` as it is: no markup is read in it, and control characters do not reach the terminal."""
    return Text("".join(character if character.isprintable() or character == "\n" else " " for character in text))


def _layout(
    board: Leaderboard,
    before_interval: str,
    with_costs: bool = True,
    with_kept: bool = True,
    with_gain: bool = True,
) -> Table:
    table = _table()
    table.add_column("trial")
    has_settings = any(row.settings for row in board.rows)
    if has_settings:
        widest = None if before_interval == " " else _CONFIG_CHARACTERS
        table.add_column("config", overflow="fold", max_width=widest)
    has_gain = with_gain and any(row.versus_base for row in board.rows)
    several = ["vs best"] if len(board.rows) > 1 else []
    kept = [_KEPT_COLUMN] if with_kept and board.shows_kept else []
    for name in ("accuracy", *several, *(["vs base"] if has_gain else []), *kept):
        table.add_column(name, no_wrap=True)
    for name in _COSTS if with_costs else ():
        table.add_column(name, justify="right", no_wrap=True)
    for row in board.rows:
        settings = [row.settings] if has_settings else []
        scores = [_accuracy(row, before_interval), *(_versus_best(row, before_interval) for _ in several)]
        gain = [_interval(row.versus_base, before_interval) if row.versus_base else ""] if has_gain else []
        costs = _costs(row) if with_costs else []
        shares = [_share(row.safety.kept, before_interval) if row.safety.kept else "" for _ in kept]
        table.add_row(*map(plain, [row.marked_names, *settings, *scores, *gain, *shares, *costs]))
    if board.bases:
        table.add_section()
    for base in board.bases:
        settings = [base.settings or "untuned"] if has_settings else []
        table.add_row(*map(plain, ["base", *settings, _accuracy(base, before_interval)]))
    return table


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)


def _accuracy(row: Row | Base, before_interval: str) -> str:
    return _share(row.accuracy, before_interval)


def _share(found: Estimate, before_interval: str) -> str:
    return f"{in_percent(found.accuracy)}{before_interval}[{in_percent(found.low)}, {in_percent(found.high)}]"


def _versus_best(row: Row, before_interval: str) -> str:
    if row.versus_best is None:
        return "no paired test" if row.no_test else "best"
    return f"{row.verdict} {_interval(row.versus_best, before_interval)}"


def _interval(paired: PairedDifference, before_interval: str) -> str:
    limits = f"[{in_percent(paired.low)}, {in_percent(paired.high)}]"
    return f"{signed_points(paired.difference)}{before_interval}{limits}"


def _costs(row: Row) -> list[str]:
    """Working minutes, peak memory and trainable parameters."""
    results = [trial.result for trial in row.trials if trial.result is not None]
    minutes = sum(result.seconds for result in results) / 60
    memory = max(result.peak_memory_bytes for result in results) / 2**30
    return [f"{minutes:.1f}", f"{memory:.1f}", compact(results[0].trainable_weights)]
