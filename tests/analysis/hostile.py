"""A study whose questions, settings and messages try to run as scripts; small, with everything a page can show."""

import json
from pathlib import Path

import numpy as np

from medqa_sweeps.config import DataConfig, LoraConfig
from medqa_sweeps.data import read_questions
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import AttemptLine, Outcome, Prediction, Result, TrainLine, ValidationLine
from tests.analysis.trial_folders import score_of, trial_config

ATTACK = "<script>window.attacked = true</script><img src=x onerror='window.attacked = true'>"
QUESTIONS = 60


def write_hostile_study(folder: Path, trials: int = 12) -> Path:
    """Ranks and rates in a grid, so that every plot has something to draw; the last trial failed."""
    file = folder.parent / "questions.jsonl"
    file.write_text("".join(json.dumps(_question(number)) + "\n" for number in range(QUESTIONS)))
    data = DataConfig(name="hostile", train=str(file), validation=str(file), synthetic=True)
    ids = [question.id for question in read_questions(data, "validation").questions]
    random = np.random.default_rng(1)
    base = list(random.random(QUESTIONS) < 0.3)
    for number in range(trials):
        config = trial_config(
            data=data,
            lora=LoraConfig(name=f"</script>{ATTACK}" if number % 2 else "all_linear", r=4 + number),
            optimizer__lr=10.0 ** -(2 + number % 3),
        )
        directory = TrialDir(folder / str(number))
        directory.submit(config, {})
        _run(directory, number, ids, base, list(random.random(QUESTIONS) < 0.3 + 0.04 * number))
    failed = TrialDir(folder / str(trials))
    failed.submit(trial_config(data=data, lora=LoraConfig(name="all_linear", r=99)), {})
    failed.finish(Result(Outcome.FAILED, "x", FailureKind.DATA, ATTACK))
    return folder


def _question(number: int) -> dict[str, object]:
    options = {letter: f"{ATTACK} {letter}" for letter in "ABCD"}
    return {"question": f"{ATTACK} Question {number}?", "options": options, "answer_idx": "A", "meta_info": "step1"}


def _run(directory: TrialDir, number: int, ids: list[str], base: list[bool], right: list[bool]) -> None:
    began = 1.79e9 + 100 * (number // 2)
    directory.append(AttemptLine(1, 0, began, 1, ATTACK, "cpu", 8))
    directory.append(ValidationLine(0, 0, 0.0, began + 1, 1.0, score_of(base)))
    for step in range(1, 4):
        directory.append(TrainLine(100 * step, step, step / 3, began + 20 * step, 2 / step, 1e-3, 1.0, 1000.0, 2**30))
    directory.append(ValidationLine(300, 3, 1.0, began + 70, 1.0, score_of(right)))
    for samples, answers in ((0, base), (300, right)):
        directory.append_predictions(
            Prediction(samples, id_, "A", "A" if ok else "B", {"A": -0.2 if ok else -2.0, "B": -2.0 if ok else -0.2})
            for id_, ok in zip(ids, answers, strict=True)
        )
    letters = {"recall_by_letter": {"A": 0.5}, "accuracy_by_step": {ATTACK: 0.5}}
    scores = [score_of(base).to_json() | letters, score_of(right).to_json() | letters]
    result = Result(
        Outcome.COMPLETED,
        "x",
        samples_seen=300,
        seconds=75.0 - number,
        peak_memory_bytes=2**30,
        trainable_weights=1000 * (number + 1),
        finished_at=began + 75,
    ).to_json()
    result |= {"score": scores[1], "baseline": scores[0]}
    directory.finish(Result.from_json(result))
