"""On which questions two configs part."""

from collections.abc import Sequence

import numpy as np

from analysis.leaderboard import Leaderboard
from analysis.pairs import Pair, compared, in_words, power_in_a_cell
from analysis.pictures.picture import COLOURS, GREY, Picture, Table, figure, label
from analysis.split_questions import letter, letters_of, split_ids, told_questions
from analysis.verdict import percent
from medqa_sweeps.statistics import bootstrap_interval

OTHERS = 3  # pairs beside best and runner-up
_PARTS = (
    ("both right", COLOURS[0]),
    ("only the first", COLOURS[2]),
    ("only the second", COLOURS[1]),
    ("both wrong", GREY),
)


def disagreement(board: Leaderboard) -> Picture | None:
    """Best and others, question by question, and the best's pairs in numbers; None where no answers pair."""
    pairs = pairs_of(board)
    if not pairs:
        return None
    drawn = figure("questions", "", height=150 + 44 * len(pairs))
    names = [label(f"{pair.first.label} and {pair.second.label}") for pair in pairs]
    counts = [_counts(pair) for pair in pairs]
    for place, (name, colour) in enumerate(_PARTS):
        drawn.add_bar(
            y=names, x=[count[place] for count in counts], name=name, orientation="h", marker={"color": colour},
            text=[f"{count[place]}" for count in counts], textposition="inside",
        )  # fmt: skip
    drawn.update_layout(barmode="stack", legend={"y": -0.35})
    drawn.update_yaxes(type="category", autorange="reversed")
    runner_up = "" if pairs[0].second is board.base else f" {in_words(pairs[0], board)}"
    says = (
        "How many questions both answer right, only one does, or neither. The comparison rests on those in the middle. "
        "Below are some of them; of several seeds the first is counted." + runner_up
    )
    tables = [_summary(board, pairs), *(_table(board, pair) for pair in pairs)]
    return Picture("disagreement", "Where two configs part", says, drawn, tables)


def pairs_of(board: Leaderboard) -> list[Pair]:
    """Best and runner-up, then the best with some others down to the last, and the untuned base."""
    rows = [row for row in board.rows if not row.answers.missing]
    if not rows or rows[0] is not board.best:
        return []
    rest = rows[2:]
    step = max(1, -(-len(rest) // OTHERS))
    others = [*rows[1:2], *rest[::-1][::step][::-1]]
    base = [board.base] if board.base is not None and not board.base.answers.missing else []
    return [compared(board, rows[0], other, other.p_adjusted) for other in [*others, *base]]


def _counts(pair: Pair) -> tuple[int, int, int, int]:
    first, second = pair.first.answers.correct_SxQ[0], pair.second.answers.correct_SxQ[0]
    cells = (first & second, first & ~second, ~first & second, ~first & ~second)
    return tuple(int(np.sum(cell)) for cell in cells)  # type: ignore[return-value]


def _summary(board: Leaderboard, pairs: Sequence[Pair]) -> Table:
    cells = []
    for pair in pairs:
        first, second, paired = pair.first.answers.correct_SxQ, pair.second.answers.correct_SxQ, pair.paired
        if pair.second is board.base:
            second = np.repeat(second, len(first), axis=0)
        seeds = min(len(first), len(second))
        low, high = bootstrap_interval(first[:seeds], second[:seeds])
        cells.append(
            (
                f"{pair.first.label} minus {pair.second.label}",
                percent(paired.difference),
                f"{percent(paired.low)} to {percent(paired.high)}",
                f"{percent(low)} to {percent(high)}",
                f"{paired.p_value:.2g}",
                power_in_a_cell(pair, board),
            )
        )
    header = ("pair", "points", "95 % interval", "bootstrap", "p, uncorrected", "would tell them apart")
    return Table("Pairs (what would tell them apart: at 80 % power, corrected for all pairs)", header, cells)


def _table(board: Leaderboard, pair: Pair) -> Table:
    ids = split_ids(pair.first, pair.second)
    told = told_questions(pair.first, ids)
    left, right = letters_of(pair.first), letters_of(pair.second, untuned=pair.second is board.base)
    cells = [(told[id_].text, told[id_].right_answer, letter(left, id_), letter(right, id_)) for id_ in ids]
    split = int(np.sum(pair.first.answers.correct_SxQ[0] != pair.second.answers.correct_SxQ[0]))
    caption = f"Questions that split {pair.first.label} and {pair.second.label}, {len(cells)} of {split}"
    return Table(caption, ("question", "right answer", pair.first.label, pair.second.label), cells)
