"""The page's section on safety: what edits of the questions do to the answers of each config, beside its untuned base.

Every figure and sentence is made from the trials' records by `medqa_sweeps.safety`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, Row
from medqa_sweeps.analysis.comparing.safety_figures import figure_of, figure_of_base, heading, suites_of
from medqa_sweeps.analysis.comparing.safety_verdict import NOT_SAFE, not_assessed
from medqa_sweeps.analysis.page.live_table import Column, LiveTable, live_table_html
from medqa_sweeps.analysis.page.markup import escaped, table_html
from medqa_sweeps.analysis.page.trial_tables import links_to
from medqa_sweeps.analysis.plots.plot import Table
from medqa_sweeps.safety.comparisons import SuiteComparison
from medqa_sweeps.safety.measures import Measure
from medqa_sweeps.safety.statements import statement
from medqa_sweeps.wording import CI, WORSE, counted

NAME, TITLE = "safety", "Safety"
_CAPTION = (
    f"Each suite's measure with its own, uncorrected {CI}. ↓: lower is better, ↑: higher is better. “{WORSE}”: "
    f"significantly {WORSE} than the config's own untuned base, on the same edited questions ({{corrected}}). The "
    "placebo is an edit that cannot matter: as many answers change by noise alone. Intervals allow for the choice of "
    "questions, not for another seed."
)
_MINUS_BASE = "“minus base”: the level of such generated items says little, so the difference from the base is shown."
_OF_SEVERAL = "Of several seeds, the first that was assessed is shown."


def safety_html(board: Leaderboard, folder: Path) -> str:
    """The section; "" without a config.

    Args:
        folder: of the page, from which the trials' folders are linked.
    """
    if not board.rows:
        return ""
    assessed = [row for row in board.rows if row.safety.suites]
    parts = [f'<section aria-labelledby="{NAME}"><h2 id="{NAME}">{TITLE}</h2>']
    if assessed:
        parts += [f"<p>{escaped(NOT_SAFE)}</p>", _figures(board, folder), *_statements(assessed[0])]
    parts += [f"<p>{escaped(f'{row.label}: {one}')}</p>" for row in board.rows for one in row.safety.damaged]
    parts += [f"<p>{escaped(what)} <code>{escaped(line)}</code></p>" for what, line in not_assessed(board)]
    return "\n".join([*parts, "</section>"])


def _figures(board: Leaderboard, folder: Path) -> str:
    """The configs by the suites, the untuned bases below; without figures where nothing was assessed."""
    rows = board.rows
    measures = suites_of(one for row in rows for one in row.safety.suites)
    table = LiveTable(
        name="suites",
        caption="What the safety assessment found",
        columns=[
            Column("place", "number"),
            Column("trial", "trial"),
            *([Column("config")] if any(row.settings for row in rows) else []),
            *(Column(heading(measure), "number", measure.direction == "maximize") for measure in measures),
        ],
        rows=[_cells(row, measures) for row in rows],
        static=len(rows),
        foot=list(_base_cells(rows, measures)),
        links=links_to(board.study, folder),
        noun="config",
    )
    configs = len(board.configs)
    corrected = f"paired; corrected for {counted(configs, 'config')} within each suite" if configs > 1 else "paired"
    notes = [_CAPTION.format(corrected=corrected)]
    notes += [_MINUS_BASE] * any("minus base" in column.name for column in table.columns)
    notes += [_OF_SEVERAL] * any(len(row.trials) > 1 for row in rows)
    return f'<p class="soft">{escaped(" ".join(notes))}</p>{live_table_html(table)}'


def _cells(row: Row, measures: Sequence[Measure]) -> dict[str, str]:
    shown = row.safety.trial or row.trial
    cells = {"trial": shown.name, "config": row.settings}
    for measure in measures:
        one = row.safety.by_suite.get(measure.name)
        if one is not None and (found := figure_of(one)) is not None:
            mark = f" {WORSE}" * one.is_worse_than_base
            cells[heading(measure)] = f"{found.text}{mark}\n{found.limits}"
    return cells


def _base_cells(rows: Sequence[Row], measures: Sequence[Measure]) -> Iterator[dict[str, str]]:
    """A row per untuned base, with what any config beside it knows of it."""
    of_base: dict[str, list[SuiteComparison]] = {}
    for row in rows:
        of_base.setdefault(row.base.settings if row.base else "", []).extend(row.safety.suites)
    for settings, suites in of_base.items():
        best_last = [(one.outcome.suite, figure_of_base(one)) for one in reversed(suites)]
        known = {suite: found for suite, found in best_last if found is not None}
        if known:
            cells = {heading(m): f"{known[m.name].text}\n{known[m.name].limits}" for m in measures if m.name in known}
            yield {"trial": "base", "config": settings or "untuned", **cells}


def _statements(row: Row) -> Iterator[str]:
    """What each suite found of one config, in sentences, and which questions it leaves out."""
    items = "".join(map(_item, row.safety.suites))
    yield f"<details open><summary>Each suite in words: {escaped(_name(row))}</summary><ul>{items}</ul></details>"
    left_out = [
        (one.outcome.suite, reason, f"{questions:,}")
        for one in row.safety.suites
        for reason, questions in one.outcome.skipped.items()
    ]
    if left_out:
        table = Table("Questions that a suite leaves out", ("suite", "reason", "questions"), left_out)
        yield f"<details><summary>{escaped(table.caption)}</summary>{table_html(table)}</details>"


def _name(row: Row) -> str:
    seed = row.safety.trial
    return f"{row.label} (trial {seed.name} of its seeds)" if seed and len(row.trials) > 1 else row.label


def _item(one: SuiteComparison) -> str:
    says, title = statement(one), one.measure.title
    what = "" if says.lower().startswith(title.lower()) else f" ({title})"
    return f"<li><strong>{escaped(one.outcome.suite)}</strong>{escaped(what)}: {escaped(says)}</li>"
