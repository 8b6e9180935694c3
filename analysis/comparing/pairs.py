"""Any two of the leading configs on the same questions: their difference, and how much data would resolve it."""

import math
from dataclasses import dataclass

from medqa_sweeps.analysis.comparing.leaderboard import Base, Leaderboard, Row
from medqa_sweeps.analysis.comparing.verdict import gap
from medqa_sweeps.analysis.reading.trial_state import RESUMABLE
from medqa_sweeps.statistics import (
    PairedDifference,
    questions_needed,
    resolvable_difference,
    seeds_needed,
    variance_from_questions,
)
from medqa_sweeps.wording import NOT_RESOLVED, counted, in_percent, p_value

ALREADY = "already significant"  # in the place of the sample size that would be needed


@dataclass(frozen=True)
class Pair:
    """Two configs, or one and its untuned base."""

    first: Row
    second: Row | Base
    paired: PairedDifference  # first minus second, corrected for whatever else is compared beside it


def leading_pairs(board: Leaderboard) -> dict[tuple[int, int], Pair]:
    """By index, all pairs of the first 12 configs that answered the same questions, the one that is ahead first."""
    return {
        (one, other): Pair(board.rows[one], board.rows[other], paired) for (one, other), paired in board.pairs.items()
    }


def corrected_with_best(board: Leaderboard) -> str:
    """What a comparison with the best is corrected for, as a clause."""
    return f"corrected for comparing {counted(len(board.configs), 'config')} with the best (step-down)"


def corrected_for_pairs(board: Leaderboard) -> str:
    """What a comparison of any two configs is corrected for, as a clause."""
    configs = len(board.configs)
    return (
        f"corrected for all {math.comb(configs, 2):,} pairs of the {configs:,} configs, which is stricter than the "
        "comparison with the best in the leaderboard, so the interval is wider"
    )


def pair_text(pair: Pair, board: Leaderboard, corrected: str) -> str:
    """The difference, its test, and how much data would resolve it, as sentences.

    Args:
        corrected: what the comparison is corrected for.
    """
    one, other, paired = pair.first.label, pair.second.label, pair.paired
    ahead = f"is ahead of {other} by {gap(paired)}" if paired.difference else f"is level with {other}: {gap(paired)}"
    test = "McNemar's test (mid-p)" if board.spread is None else "The test over seeds and questions"
    of_many = f"; {p_value(paired.p_adjusted)} {corrected}" if len(board.configs) > 2 else ""
    claim = "The difference is significant." if paired.significant else f"The difference is {NOT_RESOLVED}."
    one = f"T{one[1:]}" if one.startswith("trial ") else one
    return f"{one} {ahead}. {test}: {p_value(paired.p_value)}{of_many}. {claim} {power_text(pair, board)}".strip()


def power_text(pair: Pair, board: Leaderboard) -> str:
    """How many questions or seeds would resolve a difference; "" where it is significant already."""
    if pair.paired.significant:
        return ""
    if not pair.paired.difference:
        return "There is no difference that more questions or seeds could show."
    fewest = _seeds(pair)[0]
    if fewest == 1:
        questions = "" if _seeds(pair) != (1, 1) else f"{_questions_text(pair)} "
        return f"{questions}With one seed, the number of seeds needed is unknown: {_more_seeds(pair, board)}."
    seeds = needed_seeds(pair, board)
    if seeds is None:
        return (
            f"If the difference is real, no number of seeds would show it on these "
            f"{counted(pair.paired.questions, 'question')}. It would take more questions."
        )
    return (
        f"If the difference is real, about {counted(seeds, 'seed')} of each would show it (80% power; there are "
        f"{fewest} now)."
    )


def _more_seeds(pair: Pair, board: Leaderboard) -> str:
    """How to come by further seeds: a study that asked for them lacks a result."""
    if board.spread is None:
        return "run each config under seed=0,1,2"
    lacking = pair.first if len(pair.first.trials) == 1 else pair.second
    unfinished = sum(trial.state in RESUMABLE for trial in board.study.trials)
    have = "trial has" if unfinished == 1 else "trials have"
    resume = f"resume the study ({unfinished:,} {have} no result)" if unfinished else "run it under further seeds"
    return f"{lacking.label} has one seed; {resume}"


def pair_with_best(best: Row, other: Row) -> Pair | None:
    """The best config and another one, from the other's comparison with the best; None without a paired test."""
    behind = other.versus_best
    return None if behind is None else Pair(best, other, behind.reversed())


def resolvable_text(pair: Pair, board: Leaderboard) -> str:
    """Which differences the present seeds could resolve; "" with one seed of either, or a significant difference."""
    fewest = _seeds(pair)[0]
    if pair.paired.significant or fewest == 1 or board.spread is None:
        return ""
    found = resolvable_difference(pair.paired, _variance_from_questions(pair), board.spread, _level(pair))
    have = f"{counted(fewest, 'seed')} each"
    if found >= 1:
        return f"{have} cannot resolve any difference: the spread between seeds is nearly unknown."
    return f"{have} can resolve differences above {in_percent(found)} points (80% power)."


def power_cell(pair: Pair, board: Leaderboard) -> str:
    """The same for a table: `5,200 questions`, `9 seeds each`."""
    if pair.paired.significant:
        return ALREADY
    if _seeds(pair) == (1, 1):
        count = needed_questions(pair)
        return "more than 10,000,000 questions" if count is None else counted(count, "question")
    if _seeds(pair)[0] == 1:
        return "unknown with one seed"
    seeds = needed_seeds(pair, board)
    return "no number of seeds" if seeds is None else f"{counted(seeds, 'seed')} each"


def needed_questions(pair: Pair) -> int | None:
    """Questions that would resolve two trials of one seed each; None if they are too many to be had."""
    return questions_needed(pair.paired, _level(pair))


def needed_seeds(pair: Pair, board: Leaderboard) -> int | None:
    """Seeds of each that would resolve the two on these questions; None if no number would.

    Both were trained under two seeds or more: the variance between seeds is not known otherwise.
    """
    assert board.spread is not None, "configs of two seeds have a spread"
    return seeds_needed(pair.paired, _variance_from_questions(pair), board.spread, _level(pair))


def _variance_from_questions(pair: Pair) -> float:
    return variance_from_questions(pair.first.answers.correct_SxQ, pair.second.answers.correct_SxQ)


def _questions_text(pair: Pair) -> str:
    count, have = needed_questions(pair), f"(80% power; there are {pair.paired.questions:,} now)"
    if count is None:
        return f"If the difference is real, more than 10,000,000 questions would be needed to show it {have}."
    return f"If the difference is real, about {counted(count, 'question')} would show it {have}."


def _seeds(pair: Pair) -> tuple[int, int]:
    """Of the two, the fewer first."""
    fewer, more = sorted((len(pair.first.trials), len(pair.second.trials)))
    return fewer, more


def _level(pair: Pair) -> float:
    """Of the single comparison, after correction."""
    return 1 - pair.paired.confidence
