"""On which questions two configs part."""

from string import ascii_uppercase

import numpy as np

from analysis.leaderboard import Leaderboard, Row
from analysis.pictures.picture import COLOURS, GREY, Picture, Table, figure, label
from analysis.predictions import choices
from analysis.questions import questions_of
from analysis.verdict import percent
from medqa_sweeps.data import Question
from medqa_sweeps.statistics import bootstrap_interval, compare_replicates, questions_needed

QUESTIONS = 12  # a pair, of each side half
OTHERS = 3  # pairs beside best and runner-up
_PARTS = (
    ("both right", COLOURS[0]),
    ("only the first", COLOURS[2]),
    ("only the second", COLOURS[1]),
    ("both wrong", GREY),
)


def disagreement(board: Leaderboard) -> Picture | None:
    pairs = pairs_of(board)
    if not pairs:
        return None
    drawn = figure("questions", "", height=150 + 44 * len(pairs))
    names = [label(f"{one.label} and {other.label}") for one, other in pairs]
    counts = [_counts(one, other) for one, other in pairs]
    for place, (name, colour) in enumerate(
        (
            ("both right", COLOURS[0]),
            ("only the first", COLOURS[2]),
            ("only the second", COLOURS[1]),
            ("both wrong", GREY),
        )
    ):
        drawn.add_bar(
            y=names, x=[count[place] for count in counts], name=name, orientation="h", marker={"color": colour},
            text=[f"{count[place]}" for count in counts], textposition="inside",
        )  # fmt: skip
    drawn.update_layout(barmode="stack", legend={"y": -0.35})
    drawn.update_yaxes(type="category", autorange="reversed")
    says = (
        "How many questions both answer right, only one does, or neither. The comparison rests on those in the middle. "
        "Below are some of them; of several seeds the first is counted."
    )
    tables = [_summary(board, pairs)]
    for one, other in pairs:
        tables.append(_table(one, other))
    return Picture("disagreement", "Where two configs part", says, drawn, tables)


def pairs_of(board: Leaderboard) -> list[tuple[Row, Row]]:
    """Best and runner-up, then the best with some others down to the last, and the untuned base."""
    rows = [row for row in board.rows if not row.answers.missing]
    if not rows or rows[0] is not board.best:
        return []
    rest = rows[2:]
    step = max(1, -(-len(rest) // OTHERS))
    others = [*rows[1:2], *rest[::-1][::step][::-1]]
    base = [board.base] if board.base is not None and not board.base.answers.missing else []
    return [(rows[0], other) for other in [*others, *base]]


def _counts(one: Row, other: Row) -> tuple[int, int, int, int]:
    first, second = one.answers.correct_SxQ[0], other.answers.correct_SxQ[0]
    cells = (first & second, first & ~second, ~first & second, ~first & ~second)
    return tuple(int(np.sum(cell)) for cell in cells)  # type: ignore[return-value]


def _summary(board: Leaderboard, pairs: list[tuple[Row, Row]]) -> Table:
    cells = []
    for one, other in pairs:
        first, second = one.answers.correct_SxQ, other.answers.correct_SxQ
        if other is board.base:
            second = np.repeat(second, len(first), axis=0)
        paired = compare_replicates(first, second, board.spread, board.same_seeds)
        seeds = min(len(first), len(second))
        low, high = bootstrap_interval(first[:seeds], second[:seeds])
        needed = questions_needed(paired, level=0.05 / max(1, board.pairs))
        cells.append(
            (
                f"{one.label} minus {other.label}",
                percent(paired.difference),
                f"{percent(paired.low)} to {percent(paired.high)}",
                f"{percent(low)} to {percent(high)}",
                f"{paired.p_value:.2g}",
                "more than can be had" if needed is None else f"{needed:,}",
            )
        )
    header = ("pair", "points", "95 % interval", "bootstrap", "p, uncorrected", "questions that would tell them apart")
    return Table("Pairs (questions: at 80 % power, corrected for all pairs, if the difference is real)", header, cells)


def _table(one: Row, other: Row) -> Table:
    first, second = one.answers.correct_SxQ[0], other.answers.correct_SxQ[0]
    ids = np.array(one.answers.questions)
    half = QUESTIONS // 2
    chosen = [*ids[first & ~second][:half], *ids[second & ~first][:half]]
    texts = questions_of(one.trial, chosen)
    left = choices(one.trial, one.trial.result.samples_seen if one.trial.result else 0)
    at = 0 if other.settings == "untuned" else other.trial.result.samples_seen if other.trial.result else 0
    right = choices(other.trial, at)
    cells = [
        (
            _text(texts.get(id_), id_),
            _letter(texts.get(id_), left[id_].gold) if id_ in left else "",
            left[id_].chosen or "none" if id_ in left else "",
            right[id_].chosen or "none" if id_ in right else "",
        )
        for id_ in map(str, chosen)
    ]
    header = ("question", "right answer", one.label, other.label)
    return Table(f"Questions that split {one.label} and {other.label}, {len(cells)} of "
                 f"{int(np.sum(first != second))}", header, cells)  # fmt: skip


def _text(question: Question | None, id_: str) -> str:
    return f"{id_} (its text is not at hand)" if question is None else question.question


def _letter(question: Question | None, gold: str) -> str:
    if question is None or gold not in ascii_uppercase[: len(question.options)]:
        return gold
    return f"{gold}. {question.options[ascii_uppercase.index(gold)]}"
