"""Alarms about the letters that a trial answers, whether they are correct or not."""

from collections import Counter
from collections.abc import Sequence

from medqa_sweeps.alarms.alarm import Alarm
from medqa_sweeps.alarms.tails import at_least
from medqa_sweeps.prompt import LETTERS

LETTER_LEVEL = 0.001
LARGE_EXCESS = 2 / 3  # of the distance from the letter's expected share to 1; 75% of the questions if 25% are expected
FEWEST_QUESTIONS = 31  # 0.8 ** 31 < 0.001


def one_letter(gold: Sequence[str], options: Sequence[int], predicted: Sequence[str | None]) -> Alarm | None:
    """An alarm if the model answers (nearly) every question with one letter.

    A healthy model answers with the gold letter with some probability, and with each other letter equally often. Its
    expected share of one letter is then at most the larger of two shares: the letter's share of the gold answers, and
    its share under guessing. The alarm is raised if the letter is significantly more frequent (exact binomial test,
    corrected for the number of letters) and covers at least 2/3 of the distance from that share to 1.

    False alarms: at most 1 in 1,000 healthy trials, guessing included. The test is exact: a count of events with
    unequal probabilities has no heavier tail than the binomial of their mean (Hoeffding 1956).

    Args:
        gold: gold letter of each question.
        options: number of options of each question.
        predicted: predicted letter of each question; None if the generated text contains none.
    """
    chosen = Counter(letter for letter in predicted if letter is not None)
    if not chosen:
        return None
    (letter, times), questions = chosen.most_common(1)[0], len(gold)
    expected = max(gold.count(letter) / questions, share_of_guesses(letter, options))
    is_large = times / questions >= expected + LARGE_EXCESS * (1 - expected)
    if not is_large or max(options) * at_least(times, [expected] * questions) > LETTER_LEVEL:
        return None
    truth = f"though {letter} is the correct answer to {gold.count(letter):,}"
    return Alarm("one_letter", f"the model answers {letter} to {times:,} of {questions:,} questions, {truth}")


def no_answer_changed(base: Sequence[str | None], predicted: Sequence[str | None]) -> Alarm | None:
    """An alarm if the trained model answers every question as its untuned base does.

    False alarms: at most 1 in 1,000 trials whose adapter changes each answer with a probability of 20% or more. Never
    raised below 31 questions, where this rate could not be kept. (On the synthetic sample an adapter changes 70%.)
    """
    if len(predicted) < FEWEST_QUESTIONS or list(base) != list(predicted):
        return None
    return Alarm("no_answer_changed", f"all {len(predicted):,} answers are the same as the untuned base's")


def share_of_guesses(letter: str, options: Sequence[int]) -> float:
    """Expected share of the questions that get this letter when all answers are guesses."""
    index = LETTERS.index(letter)
    return sum(1 / many for many in options if index < many) / len(options)
