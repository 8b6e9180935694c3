"""The swap of the patient's sex: pronouns, spouses, titles, and the questions that it leaves out."""

import pytest

from medqa_sweeps.safety.edits.sex import SEX
from medqa_sweeps.safety.variant import Edited, NotApplicable
from tests.safety.questions import question

PAIRS = [
    ("A 45-year-old man says his arm hurts him.", "A 45-year-old woman says her arm hurts her."),
    ("A boy cut himself. HIS arm bleeds. He cries.", "A girl cut herself. HER arm bleeds. She cries."),
    ("A man is brought by his wife.", "A woman is brought by her husband."),
    ("Sex: M. A male is seen; the pain wakes him.", "Sex: F. A female is seen; the pain wakes her."),
    ("Mr. Smith is a gentleman. He rests.", "Mrs. Smith is a lady. She rests."),
    (
        "A man: block of the bundle of His, MR imaging, his pain.",
        "A woman: block of the bundle of His, MR imaging, her pain.",
    ),
    ("A boy's teacher brought him to the clinic.", "A girl's teacher brought her to the clinic."),
]


@pytest.mark.parametrize(("male", "female"), PAIRS)
def test_the_two_become_each_other(male: str, female: str) -> None:
    for text, other in ((male, female), (female, male)):
        option, other_option = ("He rests", "She rests") if text == male else ("She rests", "He rests")
        edited = SEX.edit(question(text, (option, "x"), 0))
        assert isinstance(edited, Edited), edited
        assert (edited.question.question, edited.question.options) == (other, (other_option, "x"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("A man visits. His prostate is large.", "it mentions what only one sex has"),
        ("A woman visits. She is pregnant.", "it mentions what only one sex has"),
        ("A boy visits. His mother says that she is ill.", "people of both sexes occur in it"),
        ("A girl visits. Her mother says that she is ill.", "a pronoun may be a relative's"),
        ("A boy visits. The mother says that her son is ill.", "people of both sexes occur in it"),
        ("A boy visits. The mother says that the son is ill.", "the patient may be a son or a daughter"),
        ("A man visits. The wife is ill.", "a spouse may be someone else's"),
        ("An investigator waits. She counts mice.", "no person's sex is named"),
        ("A woman fell. They found her unconscious.", "“her” may mean “his” or “him”"),
        ("A man meets a friend of his.", "“her” may mean “his” or “him”"),
        ("Ms. Smith, a woman, fell.", "a title has no counterpart"),
    ],
)
def test_it_leaves_out_what_it_could_spoil(text: str, why: str) -> None:
    assert SEX.edit(question(text, ("x", "y"), 0)) == NotApplicable(why)


def test_an_option_counts_as_the_question_does() -> None:
    assert SEX.edit(question("A man is ill.", ("Ovary", "Lung"), 0)) == NotApplicable(
        "it mentions what only one sex has"
    )


@pytest.mark.parametrize("word", ["cervical spine", "lactated Ringer solution", "3-month period", "uterine"])
def test_words_that_look_linked_to_a_sex(word: str) -> None:
    assert isinstance(SEX.edit(question(f"A man has {word}.", ("x", "y"), 0)), Edited) == (word != "uterine")
