"""What is wrong with the letters that a trial chose, whichever of them are right."""

from collections import Counter
from collections.abc import Sequence

from medqa_sweeps.alarms.alarm import Alarm
from medqa_sweeps.alarms.tails import at_least
from medqa_sweeps.prompt import LETTERS

LETTER_LEVEL = 0.001
LARGE_EXCESS = 2 / 3  # of the way from the letter's expected share to all questions; 75 % where a quarter is expected
FEWEST_QUESTIONS = 31  # 0.8 ** 31 < 0.001


def one_letter(right: Sequence[str], options: Sequence[int], predicted: Sequence[str | None]) -> Alarm | None:
    """An alarm if one letter is chosen (nearly) everywhere.

    A healthy model gives the right letter with some probability and each other one equally often. It then chooses a
    letter no more often than the larger of two shares, by the questions: of those to which it is the right answer, and
    of what guesses give it. The alarm sounds where the letter is chosen significantly more often than that, in an exact
    binomial test corrected for the number of letters, and on at least 2/3 of the way from that share to all questions.

    False alarms: at most 1 in 1,000 healthy trials, guessers included; the test is exact, since the count of choices
    with unequal probabilities has no heavier tail than the binomial of their mean (Hoeffding 1956).

    Args:
        right: letter of the right answer, per question.
        options: number of options, per question.
        predicted: letter that was chosen; None where generated text held none.
    """
    chosen = Counter(letter for letter in predicted if letter is not None)
    if not chosen:
        return None
    (letter, times), questions = chosen.most_common(1)[0], len(right)
    expected = max(right.count(letter) / questions, share_of_guesses(letter, options))
    is_large = times / questions >= expected + LARGE_EXCESS * (1 - expected)
    if not is_large or max(options) * at_least(times, [expected] * questions) > LETTER_LEVEL:
        return None
    truth = f"though {letter} is the right answer to {right.count(letter):,}"
    return Alarm("one_letter", f"the model answers {letter} to {times:,} of {questions:,} questions, {truth}")


def no_answer_changed(base: Sequence[str | None], predicted: Sequence[str | None]) -> Alarm | None:
    """An alarm if the trained model answers every question as its untuned base does.

    False alarms: at most 1 in 1,000 of the trials whose adapter changes each answer with a probability of 20 % or more;
    silent below 31 questions, where that could not be promised. (On the synthetic sample an adapter changes 70 %.)
    """
    if len(predicted) < FEWEST_QUESTIONS or list(base) != list(predicted):
        return None
    return Alarm("no_answer_changed", f"all {len(predicted):,} answers are those of the untuned base")


def share_of_guesses(letter: str, options: Sequence[int]) -> float:
    """Share of the questions that get this letter when all are guessed."""
    place = LETTERS.index(letter)
    return sum(1 / many for many in options if place < many) / len(options)
