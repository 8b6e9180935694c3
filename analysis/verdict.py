"""The answer in words: which trial is best, which cannot be told apart from it, and what may be believed of it."""

from collections.abc import Sequence

from analysis.leaderboard import READ, Leaderboard, Row
from medqa_sweeps.statistics import Estimate, PairedDifference

DISCLAIMER = "For education and research, never for clinical decisions."
SYNTHETIC = "Synthetic questions: these scores prove the machinery, never the medicine."
NAMED = 4  # labels in one list before "and N more"


def verdict(board: Leaderboard) -> str:
    """A few sentences: the best trial, the trials tied with it, the worse ones, and the untuned base."""
    if board.best is None:
        return "No trial has completed yet, so there is nothing to compare."
    return " ".join(
        sentence[0].upper() + sentence[1:] if sentence.startswith(("trial ", "worse ")) else sentence
        for sentence in (*_lead(board, board.best), *_others(board), *_against_base(board.best, board.base))
    )


def cautions(board: Leaderboard) -> list[str]:
    """What keeps a reader from believing too much; the last is always the disclaimer."""
    found = []
    if len(board.configs) > 1:
        found += [_optimism(board), _family(board)]
    if len(board.configs) > 1 and board.spread is None:
        found.append("Each ran under one seed, and another seed could change the order: add seed=0,1,2 to see.")
    if any(trial.settings.get("data.synthetic") is True for trial in board.study.trials):
        found.append(SYNTHETIC)
    return [*found, DISCLAIMER]


def _optimism(board: Leaderboard) -> str:
    points = "" if board.optimism is None else percent(board.optimism)
    size = "" if not points else f": by about {points} points" if points != "0.0" else ": by less than 0.1 points"
    return (
        f"The best of {len(board.configs):,} was picked on the questions that are shown here, so its accuracy and its "
        f"lead are optimistic{size} (luck of the questions alone)."
    )


def _family(board: Leaderboard) -> str:
    method = "Holm" if len(board.configs) <= READ else "Bonferroni"
    pairs = "the one pair" if board.pairs == 1 else f"all {board.pairs:,} pairs ({method})"
    return (
        f"What is called worse or better is so after correction for {pairs}: among equals a false claim is made in at "
        "most 5 % of studies. An interval is of its own comparison alone."
    )


def accuracy_in_words(accuracy: Estimate) -> str:
    """`62.4 % of 400 questions (95 % interval 57.6 to 67.0)`."""
    interval = f"95 % interval {percent(accuracy.low)} to {percent(accuracy.high)}"
    seeds = f", mean of {accuracy.seeds} seeds" if accuracy.seeds > 1 else ""
    return f"{percent(accuracy.accuracy)} % of {accuracy.questions:,} questions{seeds} ({interval})"


def percent(share: float) -> str:
    """A share in percent, or a difference of shares in percentage points, with one decimal and no "-0.0"."""
    return f"{round(100 * share, 1) + 0.0:.1f}"


def _lead(board: Leaderboard, best: Row) -> list[str]:
    score = accuracy_in_words(best.accuracy)
    if len(board.configs) == 1:
        one = "trial" if len(best.trials) == 1 else "config"
        return [f"One {one} has completed; its validation accuracy is {score}."]
    equal = [row.label for row in board.rows[1:] if row.accuracy.accuracy == best.accuracy.accuracy]
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
    gaps = [(row.label, gap(row.versus_best)) for row in rows if row.versus_best is not None]
    if len(gaps) == 1:
        return "{} is worse by {}".format(*gaps[0])
    return "worse are " + listed([f"{label} by {gap}" for label, gap in gaps])


def _against_base(best: Row, base: Row | None) -> list[str]:
    if base is None or base.versus_best is None:
        return []
    share = f"({percent(base.accuracy.accuracy)} %)"
    if base.tied_with_best:
        return [f"{best.label} cannot be told apart from the untuned base {share}."]
    word = "worse" if base.versus_best.difference > 0 else "better"
    return [f"{best.label} is {word} than the untuned base {share} by {gap(base.versus_best)}."]


def gap(paired: PairedDifference) -> str:
    """`3.1 points (95 % interval 1.2 to 5.0)`: the size of a difference; the sentence says who is ahead."""
    low, high = (paired.low, paired.high) if paired.difference > 0 else (-paired.high, -paired.low)
    return f"{percent(abs(paired.difference))} points (95 % interval {percent(low)} to {percent(high)})"


def listed(items: Sequence[str]) -> str:
    """`a, b and c`; beyond four, `a, b, c, d and 7 more`."""
    parts = [*items[:NAMED], *([f"{len(items) - NAMED} more"] if len(items) > NAMED else [])]
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
