"""What `benchmarks/` measures side by side is the same work, and a disagreement of two evaluations is seen."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from benchmarks.cases import TINY, composed, encoder_of, model_words, texts_of
from benchmarks.evaluation import agreement, harness_case
from benchmarks.plain_samples import samples
from benchmarks.training import plain_case
from medqa_sweeps.prompt import PromptEncoder
from medqa_sweeps.prompt.stream import TrainingStream
from medqa_sweeps.prompt.tokenizer import FileTokenizer
from medqa_sweeps.trial.plan import Plan, plan_trial

OURS = [[-0.1, -2.5, -4.0, -5.0], [-3.0, -0.2, -2.5, -6.0], [-1.0, -1.0004, -3.0, -3.0]]
GOLD = [0, 1, 1]


@pytest.fixture(scope="module")
def plan() -> Plan:
    words = ["model.dtype=float32", "training.max_steps=3", "training.max_length_tokens=1024", "engine.threads=1"]
    return plan_trial(composed([*model_words(TINY, None), *words]))


@pytest.fixture(scope="module")
def tokenizer(plan: Plan) -> Any:
    return AutoTokenizer.from_pretrained(plan.base.folder)


def test_the_plain_script_trains_on_the_tokens_and_labels_of_our_stream(plan: Plan, tokenizer: Any) -> None:
    case, tokens = plain_case(plan.config, "unused", 4)
    encoder = encoder_of(tokenizer, plan.config, plan.split)
    ours = list(TrainingStream(plan.split.train, encoder, plan.config.training, plan.config.seed))
    plain = samples(case["rows"], tokenizer)
    assert plain == ours and len(ours) == 24
    assert sum(tokens) == sum(len(sample["input_ids"]) for sample in ours) and len(tokens) == 3
    assert json.loads(json.dumps(case)) == case, "it is handed over as JSON"


def test_the_plain_script_is_told_what_our_config_says(plan: Plan) -> None:
    case, _ = plain_case(plan.config, "unused", 4)
    told = case["arguments"]
    assert (told["max_steps"], told["per_device_train_batch_size"]) == (3, 4)
    assert (told["learning_rate"], told["weight_decay"]) == (plan.config.optimizer.lr, 0.01)
    assert case["lora"]["r"] == plan.config.lora.r and case["lora"]["lora_alpha"] == plan.config.lora.alpha
    assert case["dtype"] == "float32" and case["load_in_4bit"]


def test_a_text_that_gives_other_tokens_is_refused(tokenizer: Any) -> None:
    one, two = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("fe", "ver"))
    assert len(tokenizer("fever", add_special_tokens=False)["input_ids"]) < len([*one, *two])
    with pytest.raises(ValueError, match="does not give the tokens that it was made of"):
        texts_of([{"input_ids": [*one, *two, 1], "labels": [-100] * len([*one, *two]) + [1]}], tokenizer)


def test_the_harness_is_given_our_prompts_and_letters(plan: Plan, tmp_path: Path) -> None:
    case = harness_case(plan, Path("adapter"), 5, tmp_path / "documents.jsonl")
    documents = [json.loads(line) for line in Path(case["documents"]).read_text().splitlines()]
    tokenizer = FileTokenizer(plan.base.folder)
    encoder = PromptEncoder(tokenizer, plan.config.prompt, 4)
    for document, question in zip(documents, plan.split.validation[:5], strict=True):
        assert document["gold"] == question.gold
        for choice, letter_id in zip(document["choices"], encoder.letter_ids, strict=True):
            whole = tokenizer(document["prompt"] + choice, add_special_tokens=False)["input_ids"]
            assert whole == [*encoder.encode(question).input_ids, letter_id]


def test_two_evaluations_that_differ_by_a_constant_a_question_agree() -> None:
    shifted = [[value - 0.7 * place for value in row] for place, row in enumerate(OURS)]
    found = agreement(OURS, shifted, GOLD, their_error=0.3)
    assert (found["questions"], found["too_close_to_count"], found["other_letter"]) == (3, 1, 0)
    assert found["largest_difference_nats"] < 1e-12
    assert found["our_error_by_n_minus_1"] == pytest.approx(math.sqrt((2 / 3) * (1 / 3) / 2))
    assert found["their_error"] == 0.3


def test_another_letter_counts_where_the_two_best_are_apart_and_only_there() -> None:
    close = [OURS[0], OURS[1], [-1.0004, -1.0, -3.0, -3.0]]
    assert agreement(OURS, close, GOLD, 0.3)["other_letter"] == 0
    wrong = [OURS[0], [-0.2, -3.0, -2.5, -6.0], OURS[2]]
    found = agreement(OURS, wrong, GOLD, 0.3)
    assert found["other_letter"] == 1
    assert found["largest_difference_nats"] == pytest.approx(2.8)


@pytest.mark.parametrize("theirs", [OURS[:2], [row[:3] for row in OURS]])
def test_answers_to_other_questions_are_not_compared(theirs: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="answers to 3 questions"):
        agreement(OURS, theirs, GOLD, 0.3)
