"""Any two of the leading configs on the same questions: their difference, and what would tell them apart."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from analysis.leaderboard import CHOICE, LEVEL, Leaderboard, Row
from analysis.verdict import gap
from medqa_sweeps.statistics import (
    PairedDifference,
    compare_replicates,
    questions_needed,
    seeds_needed,
    variance_from_questions,
)

ALREADY = "these do"  # in the place of what would tell two apart


@dataclass(frozen=True)
class Pair:
    """Two configs, the one that is ahead first."""

    first: Row
    second: Row
    paired: PairedDifference  # first minus second
    p_adjusted: float  # corrected for all pairs of the study

    @property
    def tied(self) -> bool:
        """Whether they cannot be told apart, after correction for all pairs."""
        return self.paired.cannot_be_told_apart or self.p_adjusted >= LEVEL


def leading_pairs(board: Leaderboard) -> dict[tuple[int, int], Pair]:
    """By place, all pairs of the first 12 configs that answered the same questions."""
    places = combinations(range(len(board.rows[:CHOICE])), 2)
    return {
        (one, other): compared(board, board.rows[one], board.rows[other], board.p_of_pairs[one, other])
        for one, other in places
        if (one, other) in board.p_of_pairs
    }


def compared(board: Leaderboard, first: Row, second: Row, p_adjusted: float) -> Pair:
    """Two configs, or one and the untuned base, which has no seed of its own, on the same questions."""
    answers = second.answers.correct_SxQ
    if second is board.base:
        answers = np.repeat(answers, len(first.trials), axis=0)
    same_seeds = board.same_seeds and second is not board.base
    paired = compare_replicates(first.answers.correct_SxQ, answers, board.spread, same_seeds)
    return Pair(first, second, paired, p_adjusted)


def in_words(pair: Pair, board: Leaderboard) -> str:
    """The difference, its test, and what would tell the two apart, as sentences."""
    one, other, paired = pair.first.label, pair.second.label, pair.paired
    ahead = f"is ahead of {other} by {gap(paired)}" if paired.difference else f"is level with {other}: {gap(paired)}"
    test = "McNemar's test" if _seeds(pair) == (1, 1) else "The test over seeds and questions"
    corrected = f", {pair.p_adjusted:.2g} after correction for all {board.pairs:,} pairs" if board.pairs > 1 else ""
    claim = "They cannot be told apart." if pair.tied else "The difference is more than chance."
    one = f"T{one[1:]}" if one.startswith("trial ") else one
    return f"{one} {ahead}. {test}: p = {paired.p_value:.2g}{corrected}. {claim} {power_in_words(pair, board)}".strip()


def power_in_words(pair: Pair, board: Leaderboard) -> str:
    """How many questions or seeds would tell two tied configs apart; "" where they are told apart already."""
    if not pair.tied:
        return ""
    if not pair.paired.difference:
        return "There is no difference that more questions or seeds could show."
    fewest = _seeds(pair)[0]
    if fewest == 1:
        questions = "" if _seeds(pair) != (1, 1) else f"{_questions_in_words(pair, board)} "
        return f"{questions}How many seeds would show it cannot be said from one seed: run each under seed=0,1,2."
    seeds = needed_seeds(pair, board)
    if seeds is None:
        return (
            f"If the difference is real, no number of seeds would show it on these {pair.paired.questions:,} "
            "questions: it would take more questions."
        )
    return f"If the difference is real, about {seeds:,} seeds of each would show it (80 % power; here are {fewest})."


def power_in_a_cell(pair: Pair, board: Leaderboard) -> str:
    """The same for a table: `5,200 questions`, `9 seeds of each`."""
    if not pair.tied:
        return ALREADY
    if _seeds(pair) == (1, 1):
        count = needed_questions(pair, board)
        return "more questions than can be had" if count is None else f"{count:,} questions"
    if _seeds(pair)[0] == 1:
        return "not known from one seed"
    seeds = needed_seeds(pair, board)
    return "no number of seeds" if seeds is None else f"{seeds:,} seeds of each"


def needed_questions(pair: Pair, board: Leaderboard) -> int | None:
    """Questions that would tell two trials of one seed each apart; None if they are too many to be had."""
    return questions_needed(pair.paired, _level(board))


def needed_seeds(pair: Pair, board: Leaderboard) -> int | None:
    """Seeds of each that would tell the two apart on these questions; None if no number would.

    Both were trained under two seeds or more: the variance between seeds is not known otherwise.
    """
    assert board.spread is not None, "configs of two seeds have a spread"
    from_questions = variance_from_questions(pair.first.answers.correct_SxQ, pair.second.answers.correct_SxQ)
    return seeds_needed(pair.paired, from_questions, board.spread, _level(board))


def _questions_in_words(pair: Pair, board: Leaderboard) -> str:
    count, have = needed_questions(pair, board), f"(80 % power; here are {pair.paired.questions:,})"
    if count is None:
        return f"If the difference is real, it would take more questions than can be had to show it {have}."
    return f"If the difference is real, about {count:,} questions would show it {have}."


def _seeds(pair: Pair) -> tuple[int, int]:
    """Of the two, the fewer first."""
    fewer, more = sorted((len(pair.first.trials), len(pair.second.trials)))
    return fewer, more


def _level(board: Leaderboard) -> float:
    """Of a test that is corrected for all pairs."""
    return LEVEL / max(1, board.pairs)
