"""Beside guesses, the base, an earlier evaluation: what sounds an alarm, and how often a healthy trial sounds it."""

import numpy as np
import pytest
from scipy import stats

from medqa_sweeps.alarms.accuracy import (
    HEALTHY_MARGIN,
    WORSE_LEVEL,
    not_above_chance,
    peaked_early,
    worse_than_base,
)
from tests.alarms.healthy import LETTERS, chosen, gold_letters


def even(questions: int) -> list[str]:
    return [LETTERS[number % 4] for number in range(questions)]


def with_correct(gold: list[str], first: int, count: int) -> list[str | None]:
    """`count` gold letters from question `first` on, the next letter elsewhere."""
    following = dict(zip(LETTERS, LETTERS[1:] + LETTERS[:1], strict=True))
    return [letter if first <= number < first + count else following[letter] for number, letter in enumerate(gold)]


# Not above chance


def test_an_accuracy_that_guesses_reach() -> None:
    alarm = not_above_chance(even(400), [4] * 400, with_correct(even(400), 0, 104))
    assert alarm is not None and alarm.name == "not_above_chance"
    assert alarm.sentence == "104 of 400 answers are correct, not significantly more than by guessing (100 expected)"


def test_both_competitors_are_named() -> None:
    gold = ["A"] * 150 + even(250)
    alarm = not_above_chance(gold, [4] * 400, with_correct(gold, 0, 110))
    assert alarm is not None and alarm.sentence.endswith("by guessing (100 expected) or by always answering A (213)")


def test_a_letter_that_is_the_commonest_by_chance_is_no_competitor() -> None:
    """110 of 400 gold letters are A; 120 correct are more than guesses reach, and not more than 110 beyond chance."""
    gold = ["A"] * 110 + ["B"] * 97 + ["C"] * 97 + ["D"] * 96
    assert not_above_chance(gold, [4] * 400, with_correct(gold, 0, 120)) is None


def test_what_the_commonest_letter_reaches_is_nothing() -> None:
    """70 % of the gold letters are A: 70 % accuracy is far above guesses."""
    gold = ["A"] * 280 + ["B"] * 120
    alarm = not_above_chance(gold, [2] * 400, ["A"] * 400)
    assert alarm is not None and alarm.sentence == (
        "280 of 400 answers are correct, not significantly more than by always answering A (280)"
    )
    assert not_above_chance(gold, [2] * 400, list(gold)) is None
    assert not_above_chance(["A"] * 60, [4] * 60, ["A"] * 60) is None, "nothing is above what is always correct"


def test_options_per_question_count() -> None:
    """150 of 400 are good with five options and bad with two, of which half of the questions have two."""
    gold = even(400)
    assert not_above_chance(gold, [5] * 400, with_correct(gold, 0, 150)) is None
    mixed: list[str] = ["A", "B"] * 200
    alarm = not_above_chance(mixed, [2] * 200 + [5] * 200, with_correct(mixed, 0, 150))
    assert alarm is not None and "guessing (140 expected)" in alarm.sentence


def test_few_questions_keep_it_silent() -> None:
    def sounds(count: int, questions: int) -> bool:
        return not_above_chance(even(questions), [4] * questions, with_correct(even(questions), 0, count)) is not None

    assert not sounds(2, 10)
    assert sounds(11, 60) and not sounds(12, 60)
    assert sounds(114, 400) and not sounds(115, 400), "above guesses at 5 %"


def test_a_guesser_is_found_and_a_healthy_trial_is_not() -> None:
    random = np.random.default_rng(0)
    gold = even(400)
    floor = 0.25
    guessers = sum(not_above_chance(gold, [4] * 400, chosen(gold, floor, random)) is not None for _ in range(500))
    healthy = sum(
        not_above_chance(gold, [4] * 400, chosen(gold, floor + HEALTHY_MARGIN, random)) is not None for _ in range(2000)
    )
    assert guessers >= 0.93 * 500 and healthy <= 2, (guessers, healthy)


# Worse than the base


def test_worse_than_its_own_base() -> None:
    gold = even(400)
    alarm = worse_than_base(gold, with_correct(gold, 0, 180), with_correct(gold, 30, 110))
    assert alarm is not None and alarm.sentence.startswith(
        "accuracy 27.5% is below the untuned base's 45.0% on the same questions (p < 0.0001)"
    )
    assert worse_than_base(gold, with_correct(gold, 0, 180), with_correct(gold, 100, 172)) is None, "within chance"
    assert worse_than_base(gold, with_correct(gold, 0, 110), with_correct(gold, 30, 180)) is None, "better"


@pytest.mark.parametrize("split", [5, 8, 9, 20, 61, 150])
def test_equals_are_called_worse_at_most_once_in_four_hundred(split: int) -> None:
    """The exact rate where `split` questions divide base and trial."""
    gold = even(400)
    sounding = [
        only_base
        for only_base in range(split + 1)
        if worse_than_base(gold, with_correct(gold, 0, only_base), with_correct(gold, only_base, split - only_base))
    ]
    rate = stats.binom.pmf(sounding, split, 0.5).sum()
    assert rate <= WORSE_LEVEL and (rate > WORSE_LEVEL / 3 or split < 9), rate


# Peaked early


def test_a_peak_long_before_the_end() -> None:
    gold = even(400)
    evaluations = {
        0: with_correct(gold, 0, 390),
        500: with_correct(gold, 0, 180),
        1000: with_correct(gold, 0, 220),
        1900: with_correct(gold, 0, 300),
        2000: with_correct(gold, 0, 176),
    }
    alarm = peaked_early(gold, evaluations)
    assert alarm is not None and alarm.sentence.startswith(
        "accuracy peaked at 55.0% after 1,000 of 2,000 samples and ended at 44.0% (p < 0.0001)"
    )
    assert peaked_early(gold, {seen: evaluations[seen] for seen in (0, 500, 1900, 2000)}) is None, "by chance, or late"
    assert peaked_early(gold, {seen: evaluations[seen] for seen in (0, 2000)}) is None


def test_the_peak_is_paid_for() -> None:
    """A p-value of 0.002 is enough for one early evaluation and not for three."""
    gold = even(400)
    worse = {100: with_correct(gold, 0, 100), 200: with_correct(gold, 0, 100)}
    enough = {300: with_correct(gold, 0, 109), 1000: with_correct(gold, 0, 100)}
    assert peaked_early(gold, enough)
    assert peaked_early(gold, worse | enough) is None


def test_equal_evaluations_sound_it_at_most_once_in_four_hundred() -> None:
    """The worst case: nine evaluations of one accuracy whose answers have nothing in common."""
    random, gold, trials = np.random.default_rng(1), even(200), 1500
    alarms = sum(
        peaked_early(gold, {seen: chosen(gold, 0.4, random) for seen in range(100, 1100, 100)}) is not None
        for _ in range(trials)
    )
    assert alarms <= 8, f"{alarms} of {trials}: {WORSE_LEVEL * trials:.1f} may be expected"


def test_skewed_answers_do_not_change_that() -> None:
    random = np.random.default_rng(2)
    gold = gold_letters(300, random, (0.55, 0.25, 0.1, 0.1))
    healthy = sum(not_above_chance(gold, [4] * 300, chosen(gold, 0.8, random)) is not None for _ in range(500))
    assert healthy == 0
