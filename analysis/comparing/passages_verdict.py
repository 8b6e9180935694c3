"""Whether passages help, in words: the best config that shows any, beside the best that shows none and its controls."""

from collections.abc import Sequence

from medqa_sweeps import wording
from medqa_sweeps.analysis.comparing.config_passages import shows_passages
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, Row
from medqa_sweeps.passages.statements import NO_CONTROLS, in_a_sentence
from medqa_sweeps.statistics import PairedDifference, compare_pairs
from medqa_sweeps.wording import NOT_RESOLVED, better_or_worse, counted, listed, percent, sentences


def with_passages(board: Leaderboard) -> list[Row]:
    """The configs that show passages, best first."""
    return [row for row in board.rows if row.passages is not None]


def best_without(board: Leaderboard) -> Row | None:
    """The best config that shows no passages; None if all show some."""
    return next((row for row in board.rows if row.passages is None), None)


def passages_verdict(board: Leaderboard) -> list[str]:
    """What is claimed, for the verdict: which configs passages help, and which they harm. Nothing without a claim."""
    known = [(row, row.passages.compared) for row in board.rows if row.passages and row.passages.compared]
    helped = [row.label for row, found in known if found.effect.helps]
    harmed = [row.label for row, found in known if found.effect.harms]
    return [*_helped(helped), *_harmed(harmed)]


def passages_sentences(board: Leaderboard) -> list[str]:
    """Whether the best config with passages is better than the best without, and than its controls.

    Nothing if no config shows passages.
    """
    rows = with_passages(board)
    if not rows:
        unshown = any(shows_passages(config.first) for config in board.configs)
        return ["No config with passages is among those that were compared."] if unshown else []
    best = rows[0]
    return [sentences(_beside_the_best_without(board, best)), sentences(_beside_its_controls(board, best))]


def passages_cautions(board: Leaderboard) -> list[str]:
    """Files that cannot be read, and answers that were given away."""
    rows = with_passages(board)
    damaged = [sentences(f"Passages of {one}") for row in rows if row.passages for one in row.passages.damaged]
    leaking = [row.label for row in rows if row.passages and row.passages.corpus and row.passages.corpus.keeps_leaks]
    kept = f"The passages of {listed(leaking)} give answers away (retrieval.on_leak=keep), so a gain means nothing."
    return [*([kept] if leaking else []), *damaged]


def _helped(labels: Sequence[str]) -> list[str]:
    if not labels:
        return []
    return [
        f"The passages of {listed(labels)} help: significantly more accurate with them than without, and than with "
        "another question's."
    ]


def _harmed(labels: Sequence[str]) -> list[str]:
    if not labels:
        return []
    return [f"The passages of {listed(labels)} harm: significantly less accurate with them than without."]


def _beside_the_best_without(board: Leaderboard, best: Row) -> str:
    name = f"the best config with passages is {best.label} ({percent(best.accuracy.accuracy)})"
    other = best_without(board)
    if other is None:
        return f"{name}; none without passages was ranked beside it"
    their = f"{other.label}, the best without ({percent(other.accuracy.accuracy)})"
    paired = _paired(board, best, other)
    if paired is None:
        return f"{name}; it has no paired test with {their}"
    size = wording.gap(paired.difference, paired.low, paired.high)
    verdict = "" if paired.significant else f": {NOT_RESOLVED}"
    return f"{name}, {better_or_worse(paired.difference)} by {size} than {their}{verdict}"


def _paired(board: Leaderboard, one: Row, other: Row) -> PairedDifference | None:
    """As any two configs are compared on the page: the same test, with the same correction."""
    if one.answers.missing or other.answers.missing:
        return None
    answers = [one.answers.correct_SxQ, other.answers.correct_SxQ]
    return compare_pairs(answers, len(board.configs), board.spread, board.same_seeds)[0, 1]


def _beside_its_controls(board: Leaderboard, best: Row) -> str:
    found = best.passages.compared if best.passages else None
    if found is None:
        return NO_CONTROLS
    configs = len(board.configs)
    corrected = f"; corrected for {counted(configs, 'config')}" if configs > 1 else ""
    of_seed = f" (trial {found.trial.name} of its seeds)" if len(best.trials) > 1 else ""
    return in_a_sentence(found.effect, "its passages", f"the model{of_seed}") + corrected
