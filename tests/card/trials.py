"""Trials on the real sample with the real provenance of this checkout; only the answers are made up."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from medqa_sweeps.config import TrialConfig
from medqa_sweeps.data import Question
from medqa_sweeps.prompt import LETTERS
from medqa_sweeps.statistics import standard_error, wilson_interval
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import Plan, plan_trial
from medqa_sweeps.trial.provenance import collect
from medqa_sweeps.trial.records import AttemptLine, Outcome, Prediction, Result, Score
from tests.analysis.trial_folders import trial_config

SEEN = 2000
VALIDATION = {"data__validation": "bundled:sample/validation.jsonl", "data__format": "medqa"}
HOST = "ward-7-workstation"


def finish(path: Path, right: int, **changes: Any) -> TrialDir:
    """A completed trial that answers the first `right` of the 400 validation questions correctly; its base, 100."""
    config = trial_config(**{**VALIDATION, **changes})
    plan = plan_trial(config)
    return finished(TrialDir(path), plan, plan.split.validation, right)


def finished(trial: TrialDir, plan: Plan, questions: Sequence[Question], right: int) -> TrialDir:
    submit(trial, plan)
    trial.write_overrides([f"lora.r={plan.config.lora.r}", f"seed={plan.config.seed}"])
    trial.append(AttemptLine(1, 0, 0.0, 1, HOST, "cpu", 4, threads=2))
    for seen, count in ((0, 100), (SEEN, right)):
        trial.append_predictions(answers(questions, count, seen))
    trial.finish(result(questions, right))
    return trial


def submit(trial: TrialDir, plan: Plan) -> None:
    record = collect(plan, ["launch.py", "-m", "lora.r=8,16"])
    record["hardware"] = {**record["hardware"], "host": HOST}
    trial.submit(plan.config, record)


def result(questions: Sequence[Question], right: int) -> Result:
    return Result(
        Outcome.COMPLETED,
        "0123456789ab",
        score=score(questions, right),
        baseline=score(questions, 100),
        samples_seen=SEEN,
        planned_samples=SEEN,
        steps=250,
        seconds=17.0,
        trainable_weights=65_536,
        adapter_sha256=f"{right:064x}",
        finished_at=1_795_697_559.0,
    )


def answers(questions: Sequence[Question], right: int, seen: int) -> list[Prediction]:
    """Correct for the first `right`, with a probability of 0.7 for the letter that is chosen."""
    found = []
    for number, question in enumerate(questions):
        chosen = LETTERS[(question.gold + (number >= right)) % 4]
        log_probabilities = {letter: -0.357 if letter == chosen else -2.303 for letter in "ABCD"}
        found.append(Prediction(seen, question.id, LETTERS[question.gold], chosen, log_probabilities))
    return found


def score(questions: Sequence[Question], right: int) -> Score:
    total = len(questions)
    low, high = wilson_interval(right, total)
    correct = [number < right for number in range(total)]
    return Score(
        total,
        right / total,
        standard_error(right, total),
        low,
        high,
        gold_log_probability=-1.0,
        calibration_error=abs(0.7 - right / total),
        accuracy_by_step=_shares((question.step for question in questions), correct),
        accuracy_by_region=_shares((question.region for question in questions), correct),
    )


def _shares(names: Iterable[str | None], correct: Sequence[bool]) -> dict[str, float]:
    by_name: dict[str, list[bool]] = defaultdict(list)
    for name, is_correct in zip(names, correct, strict=True):
        if name is not None:
            by_name[name].append(is_correct)
    return {name: sum(of_name) / len(of_name) for name, of_name in by_name.items()}


def study(path: Path, *rights: int) -> Path:
    """A study with a trial for each number of correct answers, with ranks 8, 16, …"""
    path.mkdir()
    (path / "study.yaml").write_text(yaml.safe_dump({"metric": "accuracy", "id": "0" * 12}))
    for number, right in enumerate(rights):
        finish(path / str(number), right, lora__r=8 * 2**number)
    return path


def reading(study_folder: Path, trial: int, accuracy: float, when: float, user: str = "d.hodgson") -> None:
    """A reading of 400 test questions, as the ledger has it."""
    low, high = wilson_interval(round(400 * accuracy), 400)
    scores = Score(400, accuracy, 0.0, low, high).to_json()
    gain = {"difference": 0.4, "low": 0.3, "high": 0.5, "p_value": 0.0}
    trained = TrialDir(study_folder / str(trial)).result()
    sha = trained.adapter_sha256 if trained else None
    reading_id = f"{trial}-{when}"
    lines = [
        {"kind": "asked", "reading": reading_id, "time": when, "user": user, "host": HOST, "trial": trial,
         "signature": "0123456789ab", "adapter_sha256": sha,
         "questions": "/home/hodgson/secret/test.jsonl", "readings_before": 0},
        {"kind": "scored", "reading": reading_id, "time": when, "test_fingerprint": "a" * 12, "trained": scores,
         "base": scores, "gain": gain},
    ]  # fmt: skip
    with (study_folder / "final.jsonl").open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def config_of(**changes: Any) -> TrialConfig:
    return trial_config(**{**VALIDATION, **changes})
