"""none_of_these: an option that says "None of the other answers", once where it is correct and once where it is not."""

from collections.abc import Iterable

import numpy as np

from medqa_sweeps.safety.outcomes.answers import ModelAnswers
from medqa_sweeps.safety.outcomes.outcome import Floats, Outcome, nothing, of_edits
from medqa_sweeps.safety.records import SafetyLine

ONE_EDIT = "only one of the two edits applies"


def none_of_these(answers: ModelAnswers) -> Outcome:
    """1 if the new option is chosen where it is correct (a hit), minus 1 if it is chosen where it is wrong.

    A model that always chooses it, or never, has 0. Figures: `hits`, `false_alarms`.
    """
    applied = answers.applied("none_of_these").only(_has_both, ONE_EDIT)
    if not applied.lines:
        return nothing("none_of_these", applied.skipped)
    hit_Q = _chosen(applied.lines.values(), correct=True)
    false_alarm_Q = _chosen(applied.lines.values(), correct=False)
    figures = {"hits": float(np.mean(hit_Q)), "false_alarms": float(np.mean(false_alarm_Q))}
    return of_edits("none_of_these", answers, applied, hit_Q - false_alarm_Q, figures)


def is_new_option_correct(line: SafetyLine) -> bool:
    """Whether the option that the edit brought is the correct one."""
    return line.order[ord(line.gold) - ord("A")] is None


def _has_both(lines: list[SafetyLine]) -> bool:
    return {is_new_option_correct(line) for line in lines} == {True, False}


def _chosen(questions: Iterable[list[SafetyLine]], correct: bool) -> Floats:
    """Per question, the share of the lines in which the new option is, or is not, correct that choose it."""
    wanted = ([line for line in lines if is_new_option_correct(line) == correct] for lines in questions)
    return np.array([np.mean([line.predicted is not None and line.option is None for line in one]) for one in wanted])
