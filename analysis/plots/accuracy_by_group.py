"""Accuracy by the letter of the correct answer and by USMLE step."""

import re

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.plots.plot import COLOURS, GREY, Plot, Table, empty_figure, label, name_of
from medqa_sweeps.trial.records import Score
from medqa_sweeps.wording import in_percent

SHOWN = 4


def accuracy_by_group(board: Leaderboard) -> Plot | None:
    """Bars by letter and by step; None where the scores hold neither."""
    scores: list[tuple[str, Score]] = [
        (name_of(row), row.trial.result.score)
        for row in board.rows[:SHOWN]
        if row.trial.result is not None and row.trial.result.score is not None
    ]
    configs = len(scores)
    scores += [
        (label(base.label), base.trial.result.baseline)
        for base in board.bases[: len(COLOURS) - SHOWN]
        if base.trial.result is not None and base.trial.result.baseline is not None
    ]
    letters = sorted({letter for _, score in scores for letter in score.recall_by_letter})
    steps = sorted({step for _, score in scores for step in score.accuracy_by_step})
    if not letters and not steps:
        return None
    figure = empty_figure("correct answer, or USMLE step", "accuracy, %")
    columns = [*letters, *steps]
    titles = [*letters, *map(step_title, steps)]
    cells = []
    for index, (name, score) in enumerate(scores):
        shares = [_share(score, column) for column in columns]
        figure.add_bar(
            x=[label(title) for title in titles],
            y=[None if share is None else 100 * share for share in shares],
            name=name,
            marker={
                "color": COLOURS[index] if index < configs else GREY,  # a base has one colour in every plot
                "pattern": {"shape": ("", "/", ".", "x", "-")[index % 5]},
            },
            hovertemplate="%{x}: %{y:.1f}%<extra></extra>",
        )
        cells.append((name, *("" if share is None else in_percent(share) for share in shares)))
    figure.update_layout(barmode="group")
    figure.update_xaxes(type="category")
    caption = (
        "Accuracy by the letter of the correct answer and by USMLE step. A model that prefers a letter is accurate "
        "where that letter is correct and inaccurate elsewhere. Groups are small, so differences between them are "
        "noisy."
    )
    if steps and board.study.is_synthetic:
        caption += " The USMLE steps are invented, as the questions are."
    table = Table("Accuracy by letter and step, %", ("config", *titles), cells)
    return Plot("groups", "Accuracy by letter and by step", caption, figure, (table,))


def _share(score: Score, column: str) -> float | None:
    return score.recall_by_letter.get(column, score.accuracy_by_step.get(column))


def step_title(step: str) -> str:
    """`Step 1` of MedQA's `step1`, `Step 2 and 3` of `step2&3`; any other text unchanged."""
    found = re.fullmatch(r"step(\d)(?:&(\d))?", step)
    return f"Step {' and '.join(filter(None, found.groups()))}" if found else step
