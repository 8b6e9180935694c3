"""Scores: the letter of a full forward, the same whatever the batch, in memory that no vocabulary can blow up."""

import dataclasses
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from medqa_sweeps.data import Question
from medqa_sweeps.errors import Diverged
from medqa_sweeps.trial.plan import plan_trial
from tests.analysis.trial_folders import trial_config
from tests.conftest import variant

ROOT = Path(__file__).parents[2]

# In a process of their own, so that the fast tests do not all wait for Unsloth's import, and memory is measured clean.
AGREES = """
import torch
from medqa_sweeps.worker.model import load_base, load_tokenizer
from medqa_sweeps.base import locate
from medqa_sweeps.config import DataConfig, EvaluationConfig, ModelConfig, PromptConfig, SplitConfig, TrainingConfig
from medqa_sweeps.worker.completions import Completion, completion_log_probabilities, write
from medqa_sweeps.worker.evaluation import answer_questions, prediction, score
from medqa_sweeps.prompt import PromptEncoder
from medqa_sweeps.data.split import split_questions

config = ModelConfig(name="tiny", path="bundled:tiny_gemma3")
base = locate(config)
model, tokenizer = load_base(base, config, TrainingConfig(gradient_checkpointing=False)), load_tokenizer(base)
template = "{question}\\n\\n{options}\\n\\nAnswer with the letter of the one correct option."
encoder = PromptEncoder(tokenizer, PromptConfig(name="chat", template=template), 4)
data = DataConfig(name="sample", train="bundled:sample/train.jsonl", validation="bundled:sample/validation.jsonl")
questions = split_questions(data, SplitConfig(max_validation=60)).validation

by_batch = {
    size: answer_questions(model, tokenizer, encoder, questions, EvaluationConfig(batch_size=size))
    for size in (1, 7, 60)
}
for size, answers in by_batch.items():
    assert [answer.question for answer in answers] == questions
    for one, many in zip(by_batch[1], answers):
        assert max(abs(a - b) for a, b in zip(one.log_probabilities, many.log_probabilities)) < 1e-4, size
        two = sorted(one.log_probabilities)[-2:]
        assert one.predicted == many.predicted or two[1] - two[0] < 1e-3

for question, answer in list(zip(questions, by_batch[7]))[:10]:  # against the model's own forward, logits everywhere
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([encoder.encode(question).input_ids])).logits[0, -1].float()
    expected = torch.log_softmax(logits, -1)[encoder.letter_ids]
    assert torch.allclose(expected, torch.tensor(answer.log_probabilities), atol=1e-4)
print("agrees", score(by_batch[7], 10).accuracy)

rows = [encoder.encode(question).input_ids for question in questions[:5]]
texts = [Completion(row, questions_row[:4 + 70 * at]) for at, (row, questions_row) in enumerate(zip(rows, rows[::-1]))]
found = completion_log_probabilities(model, tokenizer.pad_token_id, texts, EvaluationConfig(batch_size=3))
written = write(model, tokenizer.pad_token_id, rows, [encoder.end_of_turn_id], 3, EvaluationConfig(batch_size=3))
for text, value, ids in zip(texts, found, written):
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([text.tokens])).logits[0].float()
    start = len(text.prompt)
    each = [torch.log_softmax(logits[start + at - 1], -1)[id] for at, id in enumerate(text.answer)]
    assert abs(float(sum(each)) / len(each) - value) < 1e-4, (value, each)
    likeliest = int(logits[start - 1].argmax())
    assert ids[:1] == ([] if likeliest == encoder.end_of_turn_id else [likeliest])
"""

MEMORY = """
import resource, torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig
from medqa_sweeps.config import EvaluationConfig
from medqa_sweeps.data import Question
from medqa_sweeps.worker.completions import Completion, completion_log_probabilities
from medqa_sweeps.worker.evaluation import answer_questions

VOCABULARY, LENGTH, BATCH = 262_144, 512, 8  # Gemma's own vocabulary
model = Gemma3ForCausalLM(Gemma3TextConfig(
    vocab_size=VOCABULARY, hidden_size=64, intermediate_size=64, num_hidden_layers=1, num_attention_heads=1,
    num_key_value_heads=1, head_dim=64, query_pre_attn_scalar=64,
)).eval()
model.for_inference = model.for_training = lambda *a, **k: model

class Encoder:
    letter_ids = [5, 6]
    def encode_all(self, questions):
        return [[(7 * n + k) % 1000 for k in range(LENGTH)] for n, _ in enumerate(questions)]

class Tokenizer:
    pad_token_id = 0

questions = [Question(str(n), "?", ("a", "b"), 0) for n in range(BATCH)]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
answer_questions(model, Tokenizer(), Encoder(), questions, EvaluationConfig(batch_size=BATCH))
texts = [Completion(row[:200], row[200:]) for row in Encoder().encode_all(questions)]
assert len(completion_log_probabilities(model, 0, texts, EvaluationConfig(batch_size=BATCH))) == BATCH
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
everywhere = BATCH * LENGTH * VOCABULARY * 4
print("grew", grown, "logits everywhere", everywhere)
assert grown < everywhere / 10, (grown, everywhere)
"""


@pytest.mark.parametrize("program", [AGREES, variant(MEMORY)], ids=["agrees with a full forward", "memory"])
def test_in_a_clean_process(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def evaluation() -> object:
    from medqa_sweeps.worker import evaluation

    return evaluation


def test_the_score_of_known_answers(evaluation) -> None:  # type: ignore[no-untyped-def]
    half = math.log(0.5)
    questions = [Question(str(n), "?", ("a", "b"), n % 2, "us", "step1" if n < 2 else None) for n in range(4)]
    predicted = [0, 0, 0, 1]  # right, wrong, right, right
    answers = [
        evaluation.Answer(question, choice, [half, half]) for question, choice in zip(questions, predicted, strict=True)
    ]
    score = evaluation.score(answers, calibration_bins=10)
    assert (score.questions, score.accuracy) == (4, 0.75)
    assert score.standard_error == pytest.approx(math.sqrt(0.75 * 0.25 / 4))
    assert score.low < 0.75 < score.high
    assert score.recall_by_letter == {"A": 1.0, "B": 0.5}
    assert score.accuracy_by_step == {"step1": 0.5} and score.accuracy_by_region == {"us": 0.75}
    assert score.gold_log_probability == pytest.approx(half)
    assert score.calibration_error == pytest.approx(0.25)  # says 0.5, is right 0.75 of the time


def test_no_answers_is_an_error(evaluation) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="empty"):
        evaluation.score([], 10)


@pytest.mark.parametrize(
    ("text", "index"),
    [("B", 1), (" B.", 1), ("**C**", 2), ("(D) because", 3), ("Because", None), ("E", None), ("", None), ("b", None)],
)
def test_the_letter_of_a_written_answer(evaluation, text: str, index: int | None) -> None:  # type: ignore[no-untyped-def]
    assert evaluation._first_letter(text, options=4) == index


@pytest.mark.parametrize("letter", [float("nan"), float("inf")])
def test_a_model_whose_letters_are_not_finite_has_diverged(evaluation, letter: float) -> None:  # type: ignore[no-untyped-def]
    """It was `internal: ValueError: a confidence is not a probability from 0 to 1`."""
    import torch

    logits_BxV = torch.tensor([[0.0, 1.0], [0.0, letter]])
    model = SimpleNamespace(
        get_decoder=lambda: lambda **asked: (logits_BxV[:, None],),
        get_output_embeddings=lambda: lambda hidden: hidden,
        config=SimpleNamespace(get_text_config=lambda: None),
    )
    encoder, tokenizer = SimpleNamespace(letter_ids=[0, 1]), SimpleNamespace(pad_token_id=0)
    questions = [Question(id, "?", ("a", "b"), 0) for id in ("fine", "broken")]
    answers = evaluation._likeliest_letters(model, tokenizer, encoder, [[1], [1]], questions, None)
    assert next(answers)[0] == 1
    with pytest.raises(Diverged, match=r"question broken are not finite.*optimizer\.lr"):
        next(answers)


def test_a_baseline_that_was_there_has_the_ids_of_the_file_that_is_read_now() -> None:
    """It is kept by the content of its questions, which may come from another file."""
    from medqa_sweeps.worker import baseline, evaluation

    plan = plan_trial(trial_config(data__validation="bundled:sample/validation.jsonl"))
    engine: Any = SimpleNamespace(
        dtype="float32",
        answer=lambda questions, *rest: [evaluation.Answer(one, 0, [0.0] + [-1.0] * 3) for one in questions],
    )
    found = []
    for own in (["a"], ["b"], [None]):
        named = [
            dataclasses.replace(one, source_id=name) for one, name in zip(plan.split.validation, own, strict=False)
        ]
        split = dataclasses.replace(plan.split, validation=[*named, *plan.split.validation[1:]])
        answers, was_there = baseline.untuned(dataclasses.replace(plan, split=split), engine, "own", lambda n: None)[1:]
        found.append((answers[0].source_id, answers[1].source_id, was_there))
    assert found == [("a", None, False), ("b", None, True), (None, None, True)]


def test_a_baseline_is_of_one_base_with_all_its_files_and_of_these_questions() -> None:
    from medqa_sweeps.worker.baseline import _key

    plan = plan_trial(trial_config(data__validation="bundled:sample/validation.jsonl"))
    other_base = {**plan.base.files, "tokenizer_config.json": "0" * 64}
    other_step = [dataclasses.replace(plan.split.validation[0], step="step2&3"), *plan.split.validation[1:]]
    plans = [
        plan,
        dataclasses.replace(plan, base=dataclasses.replace(plan.base, files=other_base)),
        dataclasses.replace(plan, split=dataclasses.replace(plan.split, validation=other_step)),
    ]
    assert len({_key(one, "prompt", "float32") for one in plans}) == 3
