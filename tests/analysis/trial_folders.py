"""Trial folders as the run half leaves them, with answers of a known number right."""

import dataclasses
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from medqa_sweeps.config import (
    DataConfig,
    LoraConfig,
    ModelConfig,
    PromptConfig,
    TrialConfig,
    checked,
    replicate_key,
    signature,
)
from medqa_sweeps.statistics import standard_error, wilson_interval
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import AttemptLine, Outcome, Prediction, Result, Score

QUESTIONS = 400
SAMPLES_SEEN = 6000


def trial_config(**changes: Any) -> TrialConfig:
    """A checked config; `changes` are by dotted key with a double underscore: lora__r=8."""
    config = TrialConfig(
        model=ModelConfig(name="tiny_gemma3", path="bundled:tiny_gemma3"),
        prompt=PromptConfig(name="letter", template="{question}\n{options}"),
        lora=LoraConfig(name="all_linear"),
        data=DataConfig(name="sample", train="bundled:sample/train.jsonl", synthetic=True),
    )
    for key, value in changes.items():
        group, _, name = key.partition("__")
        if name:
            config = dataclasses.replace(
                config, **{group: dataclasses.replace(getattr(config, group), **{name: value})}
            )
        else:
            config = dataclasses.replace(config, **{group: value})
    return checked(config)


def score_of(correct: Sequence[bool]) -> Score:
    right = sum(correct)
    low, high = wilson_interval(right, len(correct))
    return Score(len(correct), right / len(correct), standard_error(right, len(correct)), low, high)


def right_at(first: int, count: int, questions: int = QUESTIONS) -> list[bool]:
    """`count` right answers from question `first` on: overlaps decide what a paired test sees."""
    return [first <= number < first + count for number in range(questions)]


def submit(path: Path, **changes: Any) -> TrialDir:
    directory, config = TrialDir(path), trial_config(**changes)
    provenance = {
        "signature": signature(config, "base", "questions"),
        "replicate_key": replicate_key(config, "base", "questions"),
        "seeds": {"trial": config.seed},
    }
    directory.submit(config, provenance)
    return directory


def predict(directory: TrialDir, correct: Sequence[bool], samples_seen: int, first_id: int = 0) -> None:
    directory.append_predictions(
        Prediction(samples_seen, f"q{first_id + number:05d}", "ABCD"[number % 4], "ABCD"[(number + (not right)) % 4])
        for number, right in enumerate(correct)
    )


def complete(
    path: Path,
    correct: Sequence[bool],
    base: Sequence[bool] | None = None,
    first_id: int = 0,
    **changes: Any,
) -> TrialDir:
    """A completed trial that answered as `correct` says, and its untuned base as `base` says."""
    directory = submit(path, **changes)
    if base is not None:
        predict(directory, base, 0, first_id)
    predict(directory, correct, SAMPLES_SEEN, first_id)
    directory.finish(
        Result(
            Outcome.COMPLETED,
            "0123456789ab",
            score=score_of(correct),
            baseline=score_of(base) if base is not None else None,
            samples_seen=SAMPLES_SEEN,
            seconds=81.0,
            peak_memory_bytes=3 * 2**29,
            trainable_weights=24_576,
        )
    )
    return directory


def attempt(pid: int, started: float | None = None, host: str | None = None) -> AttemptLine:
    began = time.time() if started is None else started
    return AttemptLine(1, 0, began, pid, host or platform.node(), "cpu", 8)


def dead_pid() -> int:
    """The number of a process that has ended."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


def tell(directory: TrialDir, *overrides: str, choices: dict[str, str] | None = None) -> None:
    """Leave what Hydra writes of a trial: its overrides, and the options of all groups where `choices` are given."""
    directory.write_overrides(overrides)
    if choices is not None:
        directory.hydra_file.write_text(yaml.safe_dump({"hydra": {"runtime": {"choices": choices}}}))
