"""The trials of the page: the leaderboard as a table, and every trial that could not be ranked with its reason."""

from collections.abc import Mapping, Sequence

from analysis.comparing.configs import settings_text
from analysis.comparing.leaderboard import Base, Leaderboard, Row
from analysis.comparing.verdict import TEST_CI, VERDICTS
from analysis.page.markup import escaped, framed_table, table_html
from analysis.plots.plot import Table
from analysis.reading.history import gpu_hours_of, tokens_of
from analysis.reading.trial_state import count_text
from medqa_sweeps.statistics import PairedDifference
from medqa_sweeps.wording import CI, compact, in_percent, limits, sentences, signed_points

OTHERS = 50  # trials without a score that are listed
_REASON_CHARACTERS = 400
_CI_OF_TEST, _CI_OF_GAIN = f"{CI} of the test", f"{CI} of the gain"
_NUMBERS = ("accuracy, %", CI, "points to best", _CI_OF_TEST, "gain over own base", _CI_OF_GAIN)
_COSTS = ("tokens", "minutes", "GPU hours", "memory, GiB", "parameters")
_CAPTION = (
    f"Validation accuracy, best first. {sentences(VERDICTS, TEST_CI)} The gain over a config's own untuned base has a "
    f"{CI} that holds for all rows together. Tokens, minutes and GPU hours are sums over seeds."
)


def leaderboard_html(board: Leaderboard) -> str:
    if not board.rows:
        return "<p>No trial has completed its planned training.</p>"
    has_settings = any(row.settings for row in board.rows)
    names = ("trial", *(["config"] if has_settings else []), *_NUMBERS, "verdict", *_COSTS, "outcome")
    numbers = {*_NUMBERS, *_COSTS}
    head = "".join(f'<th scope="col"{_number(name in numbers)}>{escaped(name)}</th>' for name in names)
    rows = [_config_row(board, row, names) for row in board.rows]
    rows += [_base_row(base, names) for base in board.bases]
    table = framed_table(f"<caption>Leaderboard</caption><thead><tr>{head}</tr></thead>{''.join(rows)}", "Leaderboard")
    more = f"<p>{board.not_shown:,} more are in <code>leaderboard.csv</code>.</p>" if board.not_shown else ""
    return f'<p class="soft">{escaped(_CAPTION)}</p>{table}{more}'


def not_ranked_html(board: Leaderboard) -> str:
    """The trials that could not be ranked, and folders that could not be read."""
    others, unreadable = board.study.others(), board.study.unreadable
    if not others and not unreadable:
        return ""
    rows = [
        (t.name, settings_text(t, board.names), str(t.state), t.reason[:_REASON_CHARACTERS]) for t in others[:OTHERS]
    ]
    parts = ['<section aria-labelledby="others"><h2 id="others">Not ranked</h2>']
    if rows:
        parts.append(table_html(Table("Every other trial", ("trial", "config", "outcome", "why"), rows)))
    if len(others) > OTHERS:
        parts.append(
            f"<p>and {len(others) - OTHERS:,} more: {escaped(count_text(trial.state for trial in others[OTHERS:]))}</p>"
        )
    parts += [f"<p>{escaped(sentence)}</p>" for sentence in unreadable[:OTHERS]]
    return "\n".join([*parts, "</section>"])


def _config_row(board: Leaderboard, row: Row, names: Sequence[str]) -> str:
    cells = {
        "config": row.settings or row.label,
        **_accuracy(row),
        **_difference(row.versus_best, "points to best", _CI_OF_TEST),
        **_difference(row.versus_base, "gain over own base", _CI_OF_GAIN),
        "verdict": "best" if row is board.best else row.verdict,
        **_costs(row),
        "outcome": "; ".join(dict.fromkeys(trial.reason or str(trial.state) for trial in row.trials)),
    }
    return _row(row.marked_names, cells, names, " class=best" if row is board.best else "")


def _base_row(base: Base, names: Sequence[str]) -> str:
    return _row("base", {"config": base.label, **_accuracy(base), "outcome": "untuned"}, names)


def _row(name: str, cells: Mapping[str, str], names: Sequence[str], mark: str = "") -> str:
    body = "".join(
        f"<td{_number(name in _NUMBERS or name in _COSTS)}>{escaped(cells.get(name, ''))}</td>" for name in names[1:]
    )
    return f'<tr{mark}><th scope="row">{escaped(name)}</th>{body}</tr>'


def _accuracy(row: Row | Base) -> dict[str, str]:
    estimate = row.accuracy
    return {"accuracy, %": in_percent(estimate.accuracy), CI: limits(estimate.low, estimate.high)}


def _difference(paired: PairedDifference | None, name: str, interval: str) -> dict[str, str]:
    if paired is None:
        return {}
    found = f"{signed_points(paired.low)} to {signed_points(paired.high)}"
    return {name: signed_points(paired.difference), interval: found}


def _costs(row: Row) -> dict[str, str]:
    results = [trial.result for trial in row.trials if trial.result is not None]
    hours = gpu_hours_of(row.trials)
    return {
        "tokens": compact(round(tokens_of(row.trials))),
        "minutes": f"{sum(result.seconds for result in results) / 60:.1f}",
        "GPU hours": f"{hours:.2f}" if hours else "none",
        "memory, GiB": f"{max(result.peak_memory_bytes for result in results) / 2**30:.1f}",
        "parameters": compact(results[0].trainable_weights),
    }


def _number(is_one: bool) -> str:
    return ' class="number"' if is_one else ""
