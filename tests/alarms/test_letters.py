"""One letter everywhere, and no answer changed: what sounds, what does not, and how often a healthy trial sounds it."""

import pytest

from medqa_sweeps.alarms.letters import FEWEST_QUESTIONS, LETTER_LEVEL, no_answer_changed, one_letter
from medqa_sweeps.alarms.tails import at_least
from tests.alarms.healthy import LETTERS


def spread(letter: str, times: int, questions: int) -> list[str | None]:
    """`letter` so many times, the other letters evenly."""
    others = [other for other in LETTERS if other != letter]
    return [letter] * times + [others[number % 3] for number in range(questions - times)]


def even(questions: int) -> list[str]:
    return [LETTERS[number % 4] for number in range(questions)]


def test_the_collapsed_quickstart_trial() -> None:
    alarm = one_letter(even(400), [4] * 400, spread("D", 325, 400))
    assert alarm is not None and alarm.name == "one_letter"
    assert alarm.sentence == "the model answers D to 325 of 400 questions, though D is the correct answer to 100"


@pytest.mark.parametrize("times", [177, 199, 247])
def test_its_biased_neighbours_are_no_collapse(times: int) -> None:
    assert one_letter(even(400), [4] * 400, spread("D", times, 400)) is None


def test_sixty_of_sixty_sound_and_five_of_five_do_not() -> None:
    assert one_letter(even(60), [4] * 60, ["B"] * 60)
    assert one_letter(even(5), [4] * 5, ["B"] * 5) is None, "four guessers of 1,024 answer so"
    assert one_letter(even(8), [4] * 8, ["B"] * 8)


def test_gold_letters_explain_their_share() -> None:
    gold: list[str] = ["A"] * 360 + ["B"] * 40
    assert one_letter(gold, [2] * 400, list(gold)) is None
    assert one_letter(gold, [2] * 400, ["A"] * 400), "but not every answer"
    assert one_letter(["A"] * 400, [2] * 400, ["A"] * 400) is None


def test_the_number_of_options_explains_its_share() -> None:
    """Of two options guesses choose A in half, of ten in a tenth of the questions."""
    twelve_of_fifteen: list[str | None] = ["A"] * 12 + ["B"] * 3
    assert one_letter([*list("AB" * 7), "B"], [2] * 15, twelve_of_fifteen) is None
    assert one_letter(list("ABCDEFGHIJ") + list("BCDEF"), [10] * 15, twelve_of_fifteen)
    assert one_letter(list("ABCDEFGHIJ") + list("BCDEF"), [10] * 15, [None] * 15) is None


@pytest.mark.parametrize("questions", [6, 10, 20, 60, 400])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.8])
@pytest.mark.parametrize("accuracy", [0.25, 0.4, 0.7, 1.0])
def test_a_healthy_model_raises_it_at_most_once_in_a_thousand(questions: int, share: float, accuracy: float) -> None:
    """The exact rate, from the fewest choices of A that sound: A is correct in `share` of the questions."""
    with_a = round(share * questions)
    gold = ["A"] * with_a + [LETTERS[1 + number % 3] for number in range(questions - with_a)]
    sounding = (
        times for times in range(questions + 1) if one_letter(gold, [4] * questions, spread("A", times, questions))
    )
    fewest = next(sounding, questions + 1)
    choices = [accuracy] * with_a + [(1 - accuracy) / 3] * (questions - with_a)
    assert at_least(fewest, choices) <= LETTER_LEVEL / 4, "of four letters each"


def test_every_answer_of_the_base() -> None:
    base = spread("A", 20, 60)
    alarm = no_answer_changed(base, list(base))
    assert alarm is not None and alarm.sentence == "all 60 answers are the same as the untuned base's"
    assert no_answer_changed(base, [*base[:-1], "A"]) is None, "one answer is another"


def test_as_many_questions_as_the_rate_needs() -> None:
    assert 0.8**FEWEST_QUESTIONS < 0.001 < 0.8 ** (FEWEST_QUESTIONS - 1)
    few = spread("A", 5, FEWEST_QUESTIONS - 1)
    assert no_answer_changed(few, few) is None and no_answer_changed([*few, "B"], [*few, "B"])
