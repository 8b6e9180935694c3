"""Leaks are found where they are, and not where a phrase is shared."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from medqa_sweeps.data.duplicates import QuestionHash, question_hash
from medqa_sweeps.errors import DataError
from medqa_sweeps.retrieval.leaks import Leaks, find_leaks, states_a_letter, without_leaks
from tests.retrieval.passages import corpus_with, texts_of

VIGNETTE = (
    "A 45-year-old farmer comes to the physician because of a painful red eye for two days. Slit lamp examination "
    "shows a dendritic ulcer of the cornea. Which of the following drugs is most likely to help this patient?"
)
OTHER = "The heart is a muscular organ that pumps blood through the vessels of the circulatory system in every animal."


def hashed(*texts: str) -> list[QuestionHash]:
    return [question_hash(text, ["a", "b"]) for text in texts]


def passages_found(texts: list[str], question: str) -> list[str]:
    corpus = corpus_with(texts)
    leaks = find_leaks(corpus, hashed(question))
    return texts_of(corpus, [name for found in leaks.questions.values() for name in found])


def test_a_question_in_the_corpus_is_found_whole_or_in_part() -> None:
    whole, part = f"From a book of questions: {VIGNETTE} Answer: aciclovir.", f"... {VIGNETTE[60:160]} ..."
    assert passages_found([OTHER, whole], VIGNETTE) == [whole]
    assert passages_found([OTHER, part], VIGNETTE) == [part]
    assert passages_found([OTHER, VIGNETTE.upper().replace(",", " ;")], VIGNETTE) != []
    assert passages_found([OTHER, VIGNETTE[:70]], VIGNETTE) == [], "9 of 42 5-grams"


def test_a_shared_phrase_is_no_leak() -> None:
    assert (
        passages_found(
            [OTHER, "Rarely is it the most common cause of death in men."], "What is the most common cause of death?"
        )
        == []
    )
    asked = "Which vitamin is lacking in scurvy?"
    assert passages_found([f"Quiz. {asked} It is C."], asked) != [], "a short question stands there whole"


def test_phrases_of_many_passages_or_questions_do_not_count() -> None:
    phrase = "which of the following is the most likely diagnosis in this patient with chest pain at rest"
    assert passages_found([f"{phrase} {number}" for number in range(21)], phrase) == []
    assert len(passages_found([f"{phrase} {number}" for number in range(20)], phrase)) == 20
    corpus = corpus_with([phrase])
    many = [f"{phrase} {word}" for word in "abcdefghijklmnopqrstu"]
    assert find_leaks(corpus, hashed(*many)).questions == {}
    assert len(find_leaks(corpus, hashed(*many[:20])).questions) == 20


def test_a_chinese_question_is_found() -> None:
    asked = "男，50岁。吃海鲜后夜间突发左足第一跖趾关节剧烈疼痛1天。"
    assert passages_found(["题库：" + asked + "答：别嘌呤醇。", "痛风是一种代谢病。"], asked) != []


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Ans. is 'c' i.e., Gout",
            "Ans-a. The pressure",
            "Answer: B",
            "Ans (d) Foo",
            "ANS. D",
            "Ans.a Acute porphyria",
        ),
        *("Answer- A. 0.01", "The correct answer is option C.", "Right option: b) gout", "Ans. BSolitary bone cyst"),
        *("Answer: A Foo", "Correct answer is (E)", "答案：B", "正确选项为 C"),
    ],
)
def test_a_letter_is_found(text: str) -> None:
    assert states_a_letter(text)
    assert not states_a_letter("x" * 120 + text), "later in a text it may mean anything"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "The answer is a careful history.",
            "Transient a wave",
            "Transplant is a success",
            "Cyanosis: a sign",
            "Ans. 45XO",
        ),
        *("Answers differ.", "Answer: DNA polymerase", "She answers a question", "Ans. All are true", "答案不明"),
        *("Pancreas. A gland", "Hepatitis B is common.", "Answer: aspirin", "The answer isn't d'accord"),
    ],
)
def test_no_letter_is_found_in_prose(text: str) -> None:
    assert not states_a_letter(text)


def test_what_happens_to_leaks_is_a_choice() -> None:
    corpus = corpus_with([OTHER, VIGNETTE, "Ans. is 'c' i.e., Gout"])
    leaks = find_leaks(corpus, hashed(VIGNETTE))
    assert without_leaks(corpus, leaks, "keep") is corpus
    assert [one.text for one in without_leaks(corpus, leaks, "drop").passages] == [OTHER]
    with pytest.raises(DataError) as refused:
        without_leaks(corpus, leaks, "stop")
    assert "1 question stands in 1 passage of the corpus. 1 passage states the letter of an answer." in str(
        refused.value
    )
    assert "notes.txt, line 1" in str(refused.value) and "retrieval.on_leak=drop" in str(refused.value)
    clean = corpus_with([OTHER])
    assert without_leaks(clean, find_leaks(clean, hashed(VIGNETTE)), "stop") is clean
    only = corpus_with([VIGNETTE])
    with pytest.raises(
        DataError, match=r"Each of the corpus's 1 passage gives an answer away, so retrieval\.on_leak=drop leaves"
    ):
        without_leaks(only, find_leaks(only, hashed(VIGNETTE)), "drop")


def test_sentences_name_what_was_searched_for() -> None:
    found = Leaks({"q": ("p1", "p2"), "r": ("p1",)}, ("p3", "p4"))
    assert list(found.sentences("test question")) == [
        "2 test questions stand in 2 passages of the corpus.",
        "2 passages state the letter of an answer.",
    ]
    assert list(Leaks({}, ()).sentences()) == [] and Leaks({}, ()).passages() == set()


def test_the_search_is_shared_by_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus, questions = corpus_with([OTHER, VIGNETTE]), hashed(VIGNETTE, OTHER)
    first = find_leaks(corpus, questions)
    monkeypatch.setattr("medqa_sweeps.retrieval.leaks._contained", lambda *_: pytest.fail("searched again"))
    assert find_leaks(corpus, questions[::-1]) == first and len(first.questions) == 2


def test_real_questions_are_found_among_themselves_alone(shared_part: Callable[[str], Path]) -> None:
    def questions(name: str) -> list[dict]:
        return list(map(json.loads, shared_part(f"data/medqa/{name}").read_text().splitlines()))

    train, dev = questions("us_4_options_train_part.jsonl")[:400], questions("us_4_options_dev.jsonl")[:100]
    asked = [question_hash(one["question"], list(one["options"].values())) for one in dev]
    corpus = corpus_with([f"{one['question']} {one['answer']}" for one in [*train, *dev[:40]]])
    leaks = find_leaks(corpus, asked)
    there, elsewhere = {one.id for one in asked[:40]}, {one.id for one in asked[40:]}
    assert leaks.questions.keys() >= there and leaks.letters == ()
    assert len(leaks.questions.keys() & elsewhere) == 1, "it varies a question of the training part"
