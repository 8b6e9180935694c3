"""Which sentences of a draft count as supported: a number and a quote that stands in that passage, word for word."""

import pytest

from medqa_sweeps.ask.checking import checked
from medqa_sweeps.ask.quotes import quotes_in, stands_in
from medqa_sweeps.ask.sentences import sentences_of
from medqa_sweeps.ask.statements import verdict

PASSAGES = [
    "Colchicine works best when it is started\nwithin 24 hours. Its dose is reduced in kidney disease.",
    "Thiazides raise the concentration of urate in the blood [12]. 他汀类药物可降低胆固醇水平。",
]
GOOD = '"Colchicine works best when it is started within 24 hours" [1].'


def verdicts(draft: str) -> list[str]:
    return [verdict(one) for one in checked(draft, PASSAGES)]


@pytest.mark.parametrize(
    "sentence",
    [
        GOOD,
        'It is said that "works best when it is started within 24 hours." [1]',  # an English full stop inside
        "“Colchicine works best when it is started within 24 hours” [1].",
        f"Both agree: {GOOD.removesuffix('.')} and [2].",
        '"Colchicine works best when it is started within 24 hours" [1, 2].',
        '"works best when it is started within 24 hours. Its dose is reduced" [1].',  # two sentences of the passage
    ],
)
def test_a_number_and_a_quote_support_a_sentence(sentence: str) -> None:
    assert verdicts(sentence) == ["quote found in passage 1"]


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("Colchicine works best when it is started within 24 hours.", "it names no passage"),
        ("Colchicine works best when it is started within 24 hours [1].", "it quotes nothing"),
        (GOOD.replace("[1]", "[3]"), "it names passage 3, and 2 passages were shown"),
        (GOOD.replace("[1]", "[1] [0]"), "it names passage 0, and 2 passages were shown"),
        (GOOD.replace("[1]", "[2]"), "is not in passage 2, word for word"),
        (GOOD.replace("24", "48"), "is not in passage 1, word for word"),
        (GOOD.replace("best", "least"), "is not in passage 1, word for word"),
        (GOOD.replace("Colchicine", "colchicine"), "is not in passage 1, word for word"),
        ('"best when it is started within 24 hour" [1].', "is not in passage 1"),  # a part of a word
        ('"Colchicine works best" [1].', "it quotes no 6 words"),
        (f'{GOOD.removesuffix(".")}, and it "cures gout" [1].', '"cures gout" is not in passage 1'),
        ('"Colchicine works best when it is started within 24 hours [1].', "it quotes nothing"),  # an open quote
        ('"" [1].', "it quotes nothing"),
    ],
)
def test_anything_else_does_not(sentence: str, reason: str) -> None:
    (found,) = verdicts(sentence)
    assert found.startswith("not supported by the passages: ") and reason in found


def test_numbers_within_a_quote_are_the_passages_own() -> None:
    assert verdicts('"raise the concentration of urate in the blood [12]" [2].') == ["quote found in passage 2"]


def test_a_chinese_character_counts_as_a_word() -> None:
    assert verdicts("「他汀类药物可降低」 [2]。") == ["quote found in passage 2"]
    assert verdicts("「他汀类药物」 [2]。") == ["not supported by the passages: it quotes no 6 words"]


@pytest.mark.parametrize(
    ("draft", "sentences"),
    [
        ("One is. [1] Two is.", ["One is. [1]", "Two is."]),
        ("One is [1]. [2] Two is.", ["One is [1].", "[2] Two is."]),
        ('He said "One. Two." [1] Three is.', ['He said "One. Two." [1]', "Three is."]),
        ("A. B is. C is. D is. E is.", ["A. B is.", "C is.", "D is."]),  # "A." is an initial; three at most
        ("- One\n- Two", ["- One", "- Two"]),
        ("1. One is.\n2. Two is.", ["1. One is.", "2. Two is."]),
        ("  ", []),
        ("Cut in the mid", ["Cut in the mid"]),
    ],
)
def test_sentences_keep_their_numbers_and_quotes(draft: str, sentences: list[str]) -> None:
    assert sentences_of(draft) == sentences


def test_a_quote_is_looked_for_at_every_place() -> None:
    assert stands_in("urate in", "curate in the urate in") and not stands_in("urate in", "curate in")
    assert not stands_in("", "text") and quotes_in('"a" and "b."') == ["a", "b"]
