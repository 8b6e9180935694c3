"""The tiny reader is the tiny base with other weights, was taught the prompt of conf/prompt/, and reads passages."""

from typing import Any

import pytest
import torch
import yaml
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, Gemma3ForCausalLM

from medqa_sweeps.assets.sample.make_sample import draw_splits
from medqa_sweeps.assets.tiny_gemma3 import make_tiny_gemma3
from medqa_sweeps.assets.tiny_gemma3.make_tiny_gemma3 import Lessons, user_content
from medqa_sweeps.assets.tiny_gemma3_reader.make_tiny_gemma3_reader import (
    FOLDER,
    TOKENIZER_FILES,
    ReadingLessons,
    passage_line,
    share_right,
    with_passages,
)
from medqa_sweeps.config import PromptConfig
from tests.conftest import ROOT

RECORD = {"question": "Which vitamin prevents scurvy?", "options": {"A": "A", "B": "B12"}, "answer_idx": "A"}
PASSAGES = [{"title": "Limes", "text": "They hold C."}, {"title": "Liver", "text": "It holds B12."}]
ASKED = "Which vitamin prevents scurvy?\n\nA. A\nB. B12\n\nAnswer with the letter of the one correct option."
TEACH = "The reader was taught another prompt: teach it again (make_tiny_gemma3_reader.py) or undo the change."


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def model() -> Gemma3ForCausalLM:
    return AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32).eval()


def shown(passages: list[dict[str, str]]) -> dict[str, Any]:
    return {**RECORD, "passages": [passage_line(number, one) for number, one in enumerate(passages, start=1)]}


def test_the_prompt_it_was_taught() -> None:
    assert user_content(shown(PASSAGES)) == f"[1] Limes: They hold C.\n[2] Liver: It holds B12.\n\n{ASKED}", TEACH
    assert user_content(shown([])) == user_content(RECORD) == ASKED, TEACH


def test_the_prompt_in_conf_is_the_one_it_was_taught() -> None:
    wording = PromptConfig(**yaml.safe_load((ROOT / "conf" / "prompt" / "chat_passages.yaml").read_text()))
    line = wording.passage.replace("{number}", "1").replace("{title}", "Limes").replace("{text}", "They hold C.")
    options = "\n".join(
        wording.option.replace("{letter}", letter).replace("{text}", text)
        for letter, text in RECORD["options"].items()  # type: ignore[attr-defined]
    )
    content = wording.template.replace("{passages}", line).replace("{question}", str(RECORD["question"]))
    assert content.replace("{options}", options) == user_content(shown(PASSAGES[:1])), TEACH


@pytest.mark.parametrize("name", [*TOKENIZER_FILES, "config.json", "generation_config.json"])
def test_tokenizer_and_architecture_are_the_tiny_bases(name: str) -> None:
    assert (FOLDER / name).read_bytes() == (make_tiny_gemma3.FOLDER / name).read_bytes()


def test_its_weights_have_the_tiny_bases_shapes_and_other_values() -> None:
    (own,), (base,) = (list(folder.glob("*.safetensors")) for folder in (FOLDER, make_tiny_gemma3.FOLDER))
    assert own.stat().st_size == base.stat().st_size
    with safe_open(own, "pt") as ours, safe_open(base, "pt") as theirs:
        assert list(ours.keys()) == list(theirs.keys())
        for name in ours.keys():  # noqa: SIM118
            assert ours.get_tensor(name).dtype == torch.bfloat16
            assert not torch.equal(ours.get_tensor(name), theirs.get_tensor(name)), name


def test_each_lesson_has_the_correct_passage_and_facts_of_its_own() -> None:
    lessons = ReadingLessons(0)
    records = [lessons.draw(passages=4) for _ in range(100)]
    assert all(sum(f"] {one['answer']}: " in line for line in one["passages"]) == 1 for one in records)
    assert all(len(one["passages"]) == 4 for one in records)
    facts = {line.partition(": ")[2] for one in records for line in one["passages"]}
    assert len(facts) == 400


def test_without_passages_it_is_at_chance_and_with_one_it_is_not(model: Gemma3ForCausalLM, tokenizer: Any) -> None:
    records = draw_splits()["validation"]
    assert 0.18 < share_right(model, tokenizer, records) < 0.32
    assert share_right(model, tokenizer, list(with_passages(records, 1, gold_first=False))) > 0.9


def test_another_questions_passage_does_not_help(model: Gemma3ForCausalLM, tokenizer: Any) -> None:
    records = list(with_passages(draw_splits()["validation"], 1, gold_first=False))
    others = [*records[1:], records[0]]
    foreign = [{**one, "passages": other["passages"]} for one, other in zip(records, others, strict=True)]
    different = [one for one, other in zip(foreign, others, strict=True) if one["answer"] != other["answer"]]
    assert share_right(model, tokenizer, different) < 0.32


def test_it_has_not_forgotten_the_tiny_bases_lessons(model: Gemma3ForCausalLM, tokenizer: Any) -> None:
    lessons = Lessons(make_tiny_gemma3.SEED)
    assert share_right(model, tokenizer, [lessons.draw() for _ in range(200)]) > 0.93
