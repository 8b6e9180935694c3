"""The answer in words: which trial is best, which cannot be told apart from it, and what may be believed of it."""

from collections.abc import Sequence

from analysis.leaderboard import Leaderboard, Row
from medqa_sweeps.record import Score
from medqa_sweeps.statistics import PairedDifference

DISCLAIMER = "For education and research, never for clinical decisions."
SYNTHETIC = "Synthetic questions: these scores prove the machinery, never the medicine."
_NAMED = 4  # labels in one list before "and N more"


def verdict(board: Leaderboard) -> str:
    """A few sentences: the best trial, the trials tied with it, the worse ones, and the untuned base."""
    if board.best is None:
        return "No trial has completed yet, so there is nothing to compare."
    return " ".join(
        sentence[0].upper() + sentence[1:] if sentence.startswith("trial ") else sentence
        for sentence in (*_lead(board, board.best), *_others(board), *_against_base(board.best, board.base))
    )


def cautions(board: Leaderboard) -> list[str]:
    """What keeps a reader from believing too much; the last is always the disclaimer."""
    count = len(board.rows) + board.not_shown
    found = []
    if count > 1:
        found.append(
            f"The best of {count} was picked on the questions that are shown here, so its accuracy and its lead are "
            'optimistic. The tests are not corrected for their number: among equal trials a false "worse" is likelier '
            "than 5 %."
        )
    if any(trial.settings.get("data.synthetic") is True for trial in board.study.trials):
        found.append(SYNTHETIC)
    return [*found, DISCLAIMER]


def score_in_words(score: Score) -> str:
    """`62.4 % of 400 questions (95 % interval 57.6 to 67.0)`."""
    interval = f"95 % interval {percent(score.low)} to {percent(score.high)}"
    return f"{percent(score.accuracy)} % of {score.questions:,} questions ({interval})"


def percent(share: float) -> str:
    """A share in percent, or a difference of shares in percentage points, with one decimal and no "-0.0"."""
    return f"{round(100 * share, 1) + 0.0:.1f}"


def _lead(board: Leaderboard, best: Row) -> list[str]:
    score = score_in_words(best.score)
    if len(board.rows) == 1:
        return [f"One trial has completed; its validation accuracy is {score}."]
    equal = [row.label for row in board.rows[1:] if row.score.accuracy == best.score.accuracy]
    who = best.label if best.settings in ("", best.label) else f"{best.label} ({best.settings})"
    also = f", and so has {listed(equal)}" if equal else ""
    return [f"{who} has the highest validation accuracy, {score}{also}."]


def _others(board: Leaderboard) -> list[str]:
    others = board.rows[1:]
    tied = [row.label for row in others if row.tied_with_best]
    worse = [row for row in others if row.versus_best is not None and not row.tied_with_best]
    untested = [row.label for row in others if row.versus_best is None]
    clauses = []
    if tied:
        clauses.append(f"{listed(tied)} cannot be told apart from {board.rows[0].label}")
    if worse:
        clauses.append(_worse(worse))
    sentences = ["; ".join(clauses) + "."] if clauses else []
    if untested:
        sentences.append(f"Without a paired test: {listed(untested)}.")
    if board.not_shown:
        sentences.append(f"{board.not_shown:,} more scored no higher than these and were not compared.")
    return sentences


def _worse(rows: Sequence[Row]) -> str:
    gaps = [(row.label, _gap(row.versus_best)) for row in rows if row.versus_best is not None]
    if len(gaps) == 1:
        return "{} is worse by {}".format(*gaps[0])
    return "worse are " + listed([f"{label} by {gap}" for label, gap in gaps])


def _against_base(best: Row, base: Row | None) -> list[str]:
    if base is None or base.versus_best is None:
        return []
    share = f"({percent(base.score.accuracy)} %)"
    if base.tied_with_best:
        return [f"{best.label} cannot be told apart from the untuned base {share}."]
    word = "worse" if base.versus_best.difference > 0 else "better"
    return [f"{best.label} is {word} than the untuned base {share} by {_gap(base.versus_best)}."]


def _gap(paired: PairedDifference) -> str:
    """`3.1 points (95 % interval 1.2 to 5.0)`: the size of a difference; the sentence says who is ahead."""
    low, high = (paired.low, paired.high) if paired.difference > 0 else (-paired.high, -paired.low)
    return f"{percent(abs(paired.difference))} points (95 % interval {percent(low)} to {percent(high)})"


def listed(items: Sequence[str]) -> str:
    """`a, b and c`; beyond four, `a, b, c, d and 7 more`."""
    parts = [*items[:_NAMED], *([f"{len(items) - _NAMED} more"] if len(items) > _NAMED else [])]
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
