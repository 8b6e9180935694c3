"""How the untuned base answers: computed once for a base, its quantization, the questions and the prompt, and shared.

LoRA starts at B = 0, so this is also the score of every trial after zero samples.
"""

import dataclasses
from typing import Any

from medqa_sweeps import hardware
from medqa_sweeps.base import BaseModel
from medqa_sweeps.base.errors import reads_base
from medqa_sweeps.config import EvaluationConfig, short_hash
from medqa_sweeps.data import Question
from medqa_sweeps.durable.cache import shared
from medqa_sweeps.errors import ConfigError, Diverged
from medqa_sweeps.trial.plan import Plan
from medqa_sweeps.trial.records import Prediction, Score
from medqa_sweeps.versions import COMPUTING, versions_of
from medqa_sweeps.worker.engines.contract import Engine
from medqa_sweeps.worker.evaluation import Answered, prediction, score


def untuned(
    plan: Plan, engine: Engine, prompt_fingerprint: str, answered: Answered
) -> tuple[Score, list[Prediction], bool]:
    """The base's score, its predictions at zero samples seen, and whether they were there already.

    Waits while another process computes them.

    Args:
        prompt_fingerprint: `PromptEncoder.fingerprint`: of the wording and what reads it.
        answered: is told on the way how many questions are answered, 0 first; nothing where the score is there.
    """

    def compute() -> dict[str, Any]:
        answered(0)
        answers = engine.answer(plan.split.validation, plan.config.evaluation, answered)
        return {
            "score": score(answers, plan.config.evaluation.calibration_bins).to_json(),
            "predictions": [prediction(answer, samples_seen=0).to_json() for answer in answers],
        }

    stored, was_there = shared("baselines", _key(plan, prompt_fingerprint, str(engine.dtype)), compute)
    read = [Prediction.from_json(line) for line in stored["predictions"]]
    asked = zip(read, plan.split.validation, strict=True)  # the same questions may have other ids in another file
    answers = [dataclasses.replace(answer, source_id=question.source_id) for answer, question in asked]
    return Score.from_json(stored["score"]), answers, was_there


@reads_base
def refuse_useless(base: BaseModel, engine: Engine, questions: list[Question]) -> None:
    """Nothing if the untuned base gives finite log-probabilities for the first of the questions.

    Raises:
        ConfigError: if it does not, naming the weights to blame; nothing has been trained, so no setting of the
            training is.
    """
    try:
        engine.answer(questions[:1], EvaluationConfig(batch_size=1))
    except Diverged:
        raise ConfigError(_not_finite(base, engine)) from None


def _not_finite(base: BaseModel, engine: Engine) -> str:
    numbers = f"{base.label} gives numbers that are not finite before anything is trained"
    if weights := engine.weights_not_finite():
        first, more = weights[0], len(weights) - 1
        named = f"{first} and {more:,} more hold" if more else f"{first} holds"
        return f"{numbers}: {named} NaN or infinity. Fetch the weights in {base.folder} again, or use another model."
    return (
        f"{numbers}, although its weights are finite: it overflows in {engine.dtype}. Use model.dtype=bfloat16 or "
        "model.dtype=float32."
    )


def _key(plan: Plan, prompt_fingerprint: str, dtype: str) -> str:
    """Changes with whatever can change a letter: also the libraries and the kind of processor."""
    evaluation = plan.config.evaluation
    return short_hash(
        {
            "base": plan.base.fingerprint,
            "four_bit": plan.config.model.load_in_4bit,
            "dtype": dtype,
            "prompt": prompt_fingerprint,
            "questions": [(one.id, one.gold, one.step, one.region, *one.passages) for one in plan.split.validation],
            "how": [evaluation.method, evaluation.max_new_tokens, evaluation.calibration_bins],
            **machine(),
        }
    )


def machine() -> dict[str, Any]:
    """What can change the last bits of an answer: the libraries and the kind of processor."""
    described = hardware.description()
    return {
        "versions": versions_of(COMPUTING),
        "processor": [described["processor"], [gpu["name"] for gpu in described["gpus"]]],
    }
