"""On which questions two configs disagree: one is correct and the other is not."""

from collections.abc import Sequence

import numpy as np

from medqa_sweeps.analysis.comparing.discordant import (
    FIRST_SEED,
    INVENTED,
    answers_by_question,
    discordant_ids,
    discordant_text,
    letter,
    question_texts,
)
from medqa_sweeps.analysis.comparing.leaderboard import Base, Leaderboard
from medqa_sweeps.analysis.comparing.pairs import Pair, corrected_with_best, pair_text, pair_with_best, power_cell
from medqa_sweeps.analysis.plots.plot import COLOURS, GREY, Plot, Table, empty_figure, label
from medqa_sweeps.wording import CI, in_percent, limits, p_in_a_cell

OTHERS = 3  # pairs beside best and runner-up
_PARTS = (
    ("both correct", COLOURS[0]),
    ("only the first", COLOURS[2]),
    ("only the second", COLOURS[1]),
    ("both wrong", GREY),
)


def disagreement(board: Leaderboard) -> Plot | None:
    """Best and others, question by question, and the best's pairs in numbers; None where no answers pair."""
    pairs = pairs_of(board)
    if not pairs:
        return None
    figure = empty_figure("questions", "", height=150 + 44 * len(pairs))
    names = [label(f"{pair.first.label} and {pair.second.label}") for pair in pairs]
    counts = [_counts(pair) for pair in pairs]
    for index, (name, colour) in enumerate(_PARTS):
        figure.add_bar(
            y=names, x=[count[index] for count in counts], name=name, orientation="h", marker={"color": colour},
            text=[f"{count[index]}" for count in counts], textposition="inside",
        )  # fmt: skip
    figure.update_layout(barmode="stack", legend={"y": -0.35, "traceorder": "normal"})
    figure.update_yaxes(type="category", autorange="reversed")
    invented = f" {INVENTED}" if board.study.is_synthetic else ""
    with_best = corrected_with_best(board)
    runner_up = "" if isinstance(pairs[0].second, Base) else f" {pair_text(pairs[0], board, with_best)}"
    caption = (
        "How many questions both answer correctly, only one does, or neither. The test uses those that only one "
        f"answers correctly. Some of them are listed below. {FIRST_SEED}{invented}{runner_up}"
    )
    tables = [_summary(board, pairs), *(_table(pair) for pair in pairs)]
    return Plot("disagreement", "Questions that two configs answer differently", caption, figure, tables)


def pairs_of(board: Leaderboard) -> list[Pair]:
    """Best and runner-up, then the best with some others down to the last, and the untuned base."""
    rows = [row for row in board.rows if not row.answers.missing]
    if not rows or rows[0] is not board.best:
        return []
    best, rest = rows[0], rows[2:]
    step = max(1, -(-len(rest) // OTHERS))
    others = [*rows[1:2], *rest[::-1][::step][::-1]]
    pairs = [pair for other in others if (pair := pair_with_best(best, other)) is not None]
    own = [Pair(best, best.base, best.versus_base)] if best.base and best.versus_base else []
    return [*pairs, *own]


def _counts(pair: Pair) -> tuple[int, int, int, int]:
    first, second = pair.first.answers.correct_SxQ[0], pair.second.answers.correct_SxQ[0]
    cells = (first & second, first & ~second, ~first & second, ~first & ~second)
    return tuple(int(np.sum(cell)) for cell in cells)  # type: ignore[return-value]


def _summary(board: Leaderboard, pairs: Sequence[Pair]) -> Table:
    cells = []
    for pair in pairs:
        paired = pair.paired
        cells.append(
            (
                f"{pair.first.label} minus {pair.second.label}",
                in_percent(paired.difference),
                limits(paired.low, paired.high),
                p_in_a_cell(paired.p_value),
                power_cell(pair, board),
            )
        )
    header = ("pair", "points", f"{CI}, corrected", "p, uncorrected", "sample size needed")
    return Table("Pairs (sample size needed: 80% power, corrected)", header, cells)


def _table(pair: Pair) -> Table:
    ids = discordant_ids(pair.first, pair.second)
    texts = question_texts(pair.first, ids)
    left, right = (
        answers_by_question(pair.first),
        answers_by_question(pair.second, untuned=isinstance(pair.second, Base)),
    )
    cells = [(texts[id_].text, texts[id_].correct_answer, letter(left, id_), letter(right, id_)) for id_ in ids]
    return Table(
        discordant_text(pair.first, pair.second),
        ("question", "correct answer", pair.first.label, pair.second.label),
        cells,
    )
