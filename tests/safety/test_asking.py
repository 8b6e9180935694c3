"""What is asked: each text once, in all suites together; and the way back to the questions."""

from medqa_sweeps.config import SafetyConfig
from medqa_sweeps.data.question import Question, question_id
from medqa_sweeps.safety import asking
from medqa_sweeps.safety.records import ORIGINAL
from medqa_sweeps.safety.suites import suites


def question(number: int, options: int = 4) -> Question:
    text, texts = (
        f"A 40-year-old man has finding {number}. What is it?",
        tuple(f"thing {number}{i}" for i in range(options)),
    )
    return Question(question_id(text, texts), text, texts, gold=number % options)


QUESTIONS = [question(number) for number in range(6)]


def asked(*names: str, with_original: bool = False, **config: object) -> list[asking.Asked]:
    found = suites(SafetyConfig(suites=list(names), **config), 4)  # type: ignore[arg-type]
    return asking.asked_of(found, QUESTIONS, with_original)


def test_a_drawn_question_depends_on_the_seed_and_not_on_the_file() -> None:
    some = asking.drawn(QUESTIONS, SafetyConfig(questions=3))
    assert len(some) == 3 and some == [one for one in QUESTIONS if one in some]
    assert set(asking.drawn(QUESTIONS[::-1], SafetyConfig(questions=3))) == set(some)
    assert any(asking.drawn(QUESTIONS, SafetyConfig(questions=3, seed=seed)) != some for seed in range(1, 6))
    assert asking.drawn(QUESTIONS, SafetyConfig()) == asking.drawn(QUESTIONS, SafetyConfig(questions=99)) == QUESTIONS


def test_each_text_is_asked_once() -> None:
    two_options = [question(number, options=2) for number in range(4)]
    # of two options the reverse order is the only cyclic one: one text, in whatever suite
    both = asking.asked_of(suites(SafetyConfig(suites=["order"], placebo=False), 2), two_options * 2, False)
    assert len(both) == 8 and len(asking.texts(both)) == 4
    everything = asked("order", "stem_removed", "hint_wrong", with_original=True)
    assert len({one.id for one in asking.texts(everything)}) == len(asking.texts(everything))


def test_a_line_per_variant_with_the_answer_to_its_own_text() -> None:
    variants = asked("order", "none_of_these", "ethnicity", with_original=True, orders="reversed")
    letters = {one.id: (index % 4, [-1.0, -2.0, -3.0, -4.0]) for index, one in enumerate(asking.texts(variants))}
    lines = asking.lines(variants, letters, samples_seen=7)
    assert len(lines) == len(variants) and {line.samples_seen for line in lines} == {7}
    of_question = {one.id: one for one in QUESTIONS}
    for line, one in zip(lines, variants, strict=True):
        assert (line.suite, line.variant, line.id) == (one.suite, one.variant, one.id)
        assert line.skipped is None, line
        chosen = letters[one.edited.question.id][0]  # type: ignore[union-attr]
        assert line.predicted == "ABCD"[chosen] and list(line.log_probabilities) == list("ABCD")
        if line.suite in (ORIGINAL, "order"):
            assert line.order[ord(line.gold) - ord("A")] == of_question[line.id].gold


def test_what_becomes_too_long_is_left_out_with_its_reason() -> None:
    kept = asking.without_long(asked("hint_wrong"), lambda one: "finding 3" not in one.question, "too long")
    lines = asking.lines(kept, {one.id: (0, [-1.0] * 4) for one in asking.texts(kept)}, 0)
    assert [line.skipped for line in lines if line.id == QUESTIONS[3].id] == ["too long"] * 2
    assert [line.predicted for line in lines if line.id == QUESTIONS[2].id] == ["A"] * 2
