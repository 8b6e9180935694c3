"""How the untuned base answers: computed once for a base, its quantization, the questions and the prompt, and shared.

LoRA starts at B = 0, so this is also the score of every trial after zero samples.
"""

from importlib.metadata import version
from typing import Any

from medqa_sweeps import hardware
from medqa_sweeps.cache import shared
from medqa_sweeps.config import short_hash
from medqa_sweeps.evaluation import answer_questions, prediction, score
from medqa_sweeps.plan import Plan
from medqa_sweeps.prompt import PromptEncoder
from medqa_sweeps.record import Prediction, Score


def untuned(plan: Plan, model: Any, tokenizer: Any, encoder: PromptEncoder) -> tuple[Score, list[Prediction], bool]:
    """The base's score, its predictions at zero samples seen, and whether they were there already."""

    def compute() -> dict[str, Any]:
        answers = answer_questions(model, tokenizer, encoder, plan.split.validation, plan.config.evaluation)
        return {
            "score": score(answers, plan.config.evaluation.calibration_bins).to_json(),
            "predictions": [prediction(answer, samples_seen=0).to_json() for answer in answers],
        }

    stored, was_there = shared("baselines", _key(plan, encoder, str(model.dtype)), compute)
    return Score.from_json(stored["score"]), [Prediction.from_json(line) for line in stored["predictions"]], was_there


def _key(plan: Plan, encoder: PromptEncoder, dtype: str) -> str:
    """Changes with whatever can change a letter: also the libraries and the kind of processor."""
    evaluation = plan.config.evaluation
    described = hardware.description()
    return short_hash(
        {
            "base": plan.base.fingerprint,
            "four_bit": plan.config.model.load_in_4bit,
            "dtype": dtype,
            "prompt": encoder.fingerprint,
            "questions": [(question.id, question.gold) for question in plan.split.validation],
            "how": [evaluation.method, evaluation.max_new_tokens, evaluation.calibration_bins],
            "versions": [version(name) for name in ("torch", "transformers", "unsloth", "bitsandbytes", "peft")],
            "processor": [described["processor"], [gpu["name"] for gpu in described["gpus"]]],
        }
    )
