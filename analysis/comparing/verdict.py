"""The answer in words: which config is best, which differences are resolved, and what a reader should keep in mind."""

from collections.abc import Sequence

from medqa_sweeps import wording
from medqa_sweeps.alarms import Alarm, alarms_of
from medqa_sweeps.analysis.comparing.by_objective import best_trial, objective_of, objective_sentences
from medqa_sweeps.analysis.comparing.configs import seed_of
from medqa_sweeps.analysis.comparing.confirmation_result import confirmation_of
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, Row
from medqa_sweeps.analysis.comparing.passages_verdict import passages_cautions, passages_verdict
from medqa_sweeps.analysis.comparing.safety_verdict import safety_cautions, safety_verdict
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.statistics import Estimate, PairedDifference
from medqa_sweeps.study.confirmation import confirmation_beside, read_confirmation
from medqa_sweeps.study.ledger import readings
from medqa_sweeps.wording import (
    CI,
    EDUCATION_ONLY,
    NOT_RESOLVED,
    SYNTHETIC,
    WORSE,
    accuracy,
    better_or_worse,
    counted,
    in_percent,
    interval,
    listed,
    percent,
    sentences,
)

# What the verdicts mean.
_WORSE = f"{WORSE}: significantly {WORSE} than the best"
_NOT_RESOLVED = f"{NOT_RESOLVED}: the difference could be chance"
VERDICTS = f"{_WORSE}; {_NOT_RESOLVED}"
METHOD = sentences(
    _WORSE,
    f"if all configs were equally good, at most 5% of studies would call any config {WORSE} (Tukey's range test, "
    "step-down)",
    _NOT_RESOLVED,
)
TEST_CI = (
    f"this {CI} is widened for the number of comparisons; a config is called {WORSE} if and only if the interval "
    "excludes 0"
)
GAIN_CI = f"simultaneous {CI}s (Bonferroni)"
_NAMED = 4  # configs that are named one by one
_ALARMED = "Check these configs before you trust their scores:"
_EXTREME = (
    'The alarm about one letter marks extreme cases only; "Answers by letter" on the page shows the letters of the '
    "other configs."
)
_NEAR_CHANCE = (
    "An alarm is set to be false in at most 1 of 1,000 healthy trials, so near chance some configs have one and others "
    "of the same accuracy do not."
)


def verdict(board: Leaderboard) -> str:
    """A few sentences: the best config, which others are worse or not resolved, and the gain over the untuned base."""
    if board.best is None:
        return "No trial has completed its planned training, so there is nothing to compare."
    lines = (
        *objective_sentences(board),
        *_lead(board, board.best),
        *_others(board),
        *_against_base(board.best),
        *passages_verdict(board),
        *_safety(board, board.best),
        *test_questions_text(board),
    )
    return " ".join(_capital(sentence) for sentence in lines)


def cautions(board: Leaderboard) -> list[str]:
    """What keeps a reader from believing too much; the last is always the disclaimer."""
    found = []
    if len(board.configs) > 1:
        found += [METHOD, *_one_seed(board), luck_text(board)]
    found += [sentences(alarm.sentence) for alarm in about_the_data(board)]
    found += [*passages_cautions(board), *safety_cautions(board)]
    if board.study.is_synthetic:
        found.append(SYNTHETIC)
    return [*found, EDUCATION_ONLY]


def about_alarms(board: Leaderboard) -> str:
    """What to do about the alarms of a leaderboard, and what to know of those near chance."""
    raised = {alarm.name for row in board.rows for alarm in row.alarms}
    near_chance, one_letter = "not_above_chance" in raised, "one_letter" in raised
    return " ".join([*([_NEAR_CHANCE] * near_chance), *([_EXTREME] * one_letter), _ALARMED])


def resume_text(unfinished: int) -> str:
    """What stands before the command that resumes the study."""
    return f"{counted(unfinished, 'trial')} {'has' if unfinished == 1 else 'have'} no result yet. To finish the study:"


def alarm_lines(board: Leaderboard) -> list[str]:
    """A line per config of the leaderboard whose score should be checked before it is trusted."""
    return [f"{_named(row)}: {sentences(*(one.sentence for one in row.alarms))}" for row in board.rows if row.alarms]


def _named(row: Row) -> str:
    return row.label if row.settings in ("", row.label) else f"{row.label} ({row.settings})"


def about_the_data(board: Leaderboard) -> list[Alarm]:
    """Alarms that are true of every config on these questions."""
    return [alarm for alarm in alarms_of(board.best.trial.directory) if alarm.about_data] if board.best else []


def test_questions_text(board: Leaderboard) -> list[str]:
    """How often the study has read its locked test questions; nothing where it has none, or its ledger is damaged."""
    best = board.best
    if board.study.several or best is None or best.trial.settings.get("data.test") is None:
        return []
    if read_confirmation(board.study.folder):  # its ledger is that of the study that it confirms
        return []
    try:
        times = len(readings(board.study.folder))
    except ConfigError:  # the page shows it in its own section
        return []
    if not times:
        return ["This study has not used its test questions."]
    return [f"This study has used its test questions {'once' if times == 1 else f'{times:,} times'}."]


def _one_seed(board: Leaderboard) -> list[str]:
    """What a claim is about where every config was trained once."""
    if board.spread is not None:
        return []
    seeds = {seed_of(config.first) for config in board.configs}
    which = f"seed {seeds.pop()}" if len(seeds) == 1 else "one seed each"
    return [
        f"This allows for the choice of questions only: each config was trained once ({which}), so the result is about "
        "these trained models. Another seed could change it; `confirm` tests that."
    ]


def luck_text(board: Leaderboard) -> str:
    """How far the best one's score is biased upwards by having been selected, and what that figure leaves out."""
    of = counted(len(board.configs), "config")
    chosen = f"The best of {of} was chosen on these same questions, so its score is probably too high"
    if board.luck is None:
        return f"{chosen}."
    if board.luck.of_both is not None:
        return f"{chosen}, by {_points(board.luck.of_both)} (due to these questions and the random seeds)."
    size = in_percent(board.luck.of_questions)
    small = "small (under 0.1 points)" if size == "0.0" else f"about {size} points"
    return (
        f"{chosen}. The part due to these questions is {small}. The part due to the random seed is usually larger and "
        f"cannot be estimated here, because {_seeds(board)}.{_earlier_luck(board)}"
    )


def _seeds(board: Leaderboard) -> str:
    which = "each config was" if board.spread is None else "some configs were"
    return f"{which} trained with one seed only"


def _earlier_luck(board: Leaderboard) -> str:
    """What a confirmation of this study measured, as a further sentence; "" without one."""
    if board.study.several or confirmation_beside(board.study.folder) is None:
        return ""
    confirmed = confirmation_of(board.study.folder)
    optimism = confirmed.configs[0].optimism if confirmed else None
    if optimism is None:
        return ""
    moved = "fell" if optimism >= 0 else "rose"
    return f" In the confirmation of this study the score {moved} by {in_percent(abs(optimism))} points."


def accuracy_text(estimated: Estimate) -> str:
    """`62.4% of 400 questions (95% CI 57.6 to 67.0)`; of several seeds, `…, mean of 3 seeds (…)`."""
    if estimated.seeds == 1:
        return accuracy(estimated.accuracy, estimated.low, estimated.high, estimated.questions)
    questions = counted(estimated.questions, "question")
    seeds = f"mean of {estimated.seeds} seeds"
    return f"{percent(estimated.accuracy)} of {questions}, {seeds} ({interval(estimated.low, estimated.high)})"


def gap(paired: PairedDifference) -> str:
    """`3.1 points (95% CI 1.2 to 5.0)`: the size of a difference. The sentence around it says who is ahead."""
    return wording.gap(paired.difference, paired.low, paired.high)


def _lead(board: Leaderboard, best: Row) -> list[str]:
    score = accuracy_text(best.accuracy)
    if len(board.configs) == 1:
        one = "trial" if len(best.trials) == 1 else "config"
        return [f"One {one} has completed. Its validation accuracy is {score}.", *_early(best)]
    equal = [row.label for row in board.rows[1:] if row.accuracy.accuracy == best.accuracy.accuracy]
    also = f" {_capital(listed(equal))} {'has' if len(equal) == 1 else 'have'} the same." if equal else ""
    return [f"{_named(best)} has the highest validation accuracy: {score}.{also}", *_early(best)]


def _early(best: Row) -> list[str]:
    """That the best did not get its whole training, as its own patience ended it; that it should be checked."""
    reasons = [trial.reason for trial in best.trials if trial.reason]
    early = [f"It {reasons[0].rstrip('.')}."] if reasons else []
    raised = [alarm for alarm in best.alarms if alarm.name != "worse_than_base"]  # the verdict says that anyway
    return [*early, *(["Check it before you trust it: it raised an alarm, named below."] if raised else [])]


def _others(board: Leaderboard) -> list[str]:
    assert board.best is not None
    others = board.rows[1:]
    worse = [row for row in others if row.worse]
    open_ = [row.label for row in others if row.not_resolved]
    untested = [row.label for row in others if row.versus_best is None]
    lines = [_worse(worse)] if worse else []
    if len(open_) > _NAMED and not worse:
        lines.append(
            f"The top {len(board.rows)} were tested: none is significantly {WORSE} than {board.best.label}, so each "
            f"difference could be chance ({NOT_RESOLVED})."
        )
    elif open_:
        between = f"the difference{'s' * (len(open_) > 1)} between {board.best.label} and {listed(open_)}"
        lines.append(sentences(f"{NOT_RESOLVED}: {between} could be chance"))
    if untested:
        lines.append(f"Without a paired test: {listed(untested)}.")
    lines += _fewer_seeds(board)
    if board.not_shown:
        lines.append(_not_tested(board))
    return lines


def _not_tested(board: Leaderboard) -> str:
    """Which places have no test, with their accuracies."""
    others = [config.accuracy for config in board.configs[len(board.rows) :]]
    first, last = len(board.rows) + 1, len(board.configs)
    if len(others) == 1:
        return f"Place {first:,} ({percent(others[0])}) was not tested."
    return f"Places {first:,} to {last:,} ({in_percent(min(others))} to {percent(max(others))}) were not tested."


def _fewer_seeds(board: Leaderboard) -> list[str]:
    """That the best ran under another number of seeds than others, which a mean hides."""
    assert board.best is not None
    of_best, *of_others = [len(row.trials) for row in board.rows]
    if not of_others or set(of_others) == {of_best}:
        return []
    low, high = min(of_others), max(of_others)
    them = counted(high, "seed") if low == high else f"{low} to {high} seeds"
    return [f"{_capital(board.best.label)} ran under {counted(of_best, 'seed')}, the others under {them}."]


def _worse(rows: Sequence[Row]) -> str:
    tested = [(_named(row), gap(row.versus_best)) for row in rows if row.versus_best is not None]
    (first, by), *more = tested
    return listed([f"{first} is {WORSE} by {by}", *(f"{name} by {behind}" for name, behind in more)]) + "."


def _against_base(best: Row) -> list[str]:
    if best.base is None or best.versus_base is None:
        return []
    share, paired = percent(best.base.accuracy.accuracy), best.versus_base
    if not paired.significant:
        return [f"{best.label} is not significantly different from the {best.base.label} ({share})."]
    word = better_or_worse(paired.difference)
    return [f"{best.label} is {word} than the {best.base.label} ({share}) by {gap(paired)}."]


def _safety(board: Leaderboard, best: Row) -> list[str]:
    """Of the most accurate config and, where another single metric was optimised, of the best by that."""
    winners = {best.label: best}
    if not objective_of(board.study).is_pareto and (first := best_trial(board)):
        winners |= {row.label: row for row in board.rows if row.trial.name == first.name}
    return list(dict.fromkeys(sentence for row in winners.values() for sentence in safety_verdict(row)))


def _points(share: float) -> str:
    size = in_percent(share)
    return "less than 0.1 points" if size == "0.0" else f"about {size} points"


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:] if sentence.startswith(("trial ", "not ")) else sentence
