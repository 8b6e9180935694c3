"""All alarms together: a healthy trial sounds any of them in less than 1 % of cases."""

import numpy as np
import pytest

from medqa_sweeps.alarms.inputs import EvaluatedAnswers
from medqa_sweeps.alarms.loss import loss_never_fell
from medqa_sweeps.alarms.trial import alarms_of_answers
from tests.alarms.healthy import chosen, gold_letters, retrained

TRIALS = 700


def names(questions: int, base: float, tuned: float, random: np.random.Generator, changed: float = 1.0) -> list[str]:
    """The alarms of a trial with these accuracies: a base, four evaluations, 24 lines of a loss that falls."""
    gold = gold_letters(questions, random)
    untuned = chosen(gold, base, random)
    later = {seen: retrained(untuned, chosen(gold, tuned, random), changed, random) for seen in (500, 1000, 1500, 2000)}
    losses = 1 + 0.1 * (random.normal(size=24) - np.linspace(0, 3, 24))
    answers = alarms_of_answers(EvaluatedAnswers(gold, [4] * questions, {0: untuned, **later}))
    return [alarm.name for alarm in [*answers, loss_never_fell(losses.tolist())] if alarm]


@pytest.mark.parametrize(
    ("questions", "base", "tuned", "changed"),
    [(60, 0.3, 0.5, 1.0), (60, 0.25, 0.5, 0.8), (200, 0.5, 0.5, 0.3), (400, 0.25, 0.4, 1.0)],
)
def test_a_healthy_trial_is_quiet(questions: int, base: float, tuned: float, changed: float) -> None:
    """Also one that is no better than its base and no better at the end than before: the worst of the healthy."""
    random = np.random.default_rng(questions)
    loud = [found for _ in range(TRIALS) if (found := names(questions, base, tuned, random, changed))]
    assert len(loud) <= 0.01 * TRIALS, loud


def test_a_guessing_trial_raises_one_alarm() -> None:
    random = np.random.default_rng(5)
    found = [names(400, 0.25, 0.25, random) for _ in range(300)]
    assert sum("not_above_chance" in alarms for alarms in found) >= 0.93 * 300
    assert sum(bool(set(alarms) - {"not_above_chance"}) for alarms in found) <= 3, found
