"""Trials that ran to their ends, for `pruning.py` to play back. Synthetic questions: they prove the machinery only.

    python -m benchmarks.pruning_records train      the 16 trials of every seed, as a sweep like any other, seed by
                                                    seed; the same command goes on where it stopped
    python -m benchmarks.pruning_records keep       what a replay needs of the seeds that are complete, in a small file

Sizes: S seeds, N trials of one seed, T reports, Q questions.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.record import RESULTS
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Outcome

SEEDS = range(10)
RATES, RANKS = ("3e-4", "1e-3", "3e-3", "1e-2"), ("2", "4", "8", "16")
STEPS, BATCH, REPORTS, QUESTIONS = 64, 8, 8, 128
TRIAL = (
    *("experiment=quickstart", "tracking=none", "model.load_in_4bit=false", f"training.max_steps={STEPS}"),
    *(f"training.effective_batch_size={BATCH}", f"training.micro_batch_size={BATCH}"),
    *(f"split.max_validation={QUESTIONS}", f"evaluation.reports={REPORTS}", f"evaluation.batch_size={QUESTIONS}"),
)
STUDY = Path("multirun/pruning")
FILE = RESULTS / "pruning_records.npz"

Name = tuple[str, str]  # of a trial within its seed: learning rate and rank, as typed


@dataclass(frozen=True)
class Records:
    """All trials of one seed, by name."""

    seed: int
    samples_T: NDArray[np.int64]  # training samples at each report, the same for every trial
    gold_TxQ: Mapping[Name, NDArray[np.floating]]  # log-probability of the gold letter, nats
    correct_TxQ: Mapping[Name, NDArray[np.bool_]]


def names() -> list[Name]:
    return [(rate, rank) for rate in RATES for rank in RANKS]


def train() -> None:
    axes = [f"seed={','.join(map(str, SEEDS))}", f"optimizer.lr={','.join(RATES)}", f"lora.r={','.join(RANKS)}"]
    words = [*TRIAL, *axes, *sys.argv[2:], f"hydra.sweep.dir={STUDY}"]
    subprocess.run([sys.executable, "launch.py", "-m", *words], check=True)


def keep() -> None:
    """Writes `FILE`: log-probabilities to three digits, and which answers were right."""
    complete = _complete_seeds()
    reports = [[_after_the_first(trial) for trial in trials] for trials in complete.values()]
    gold_SxNxTxQ = [[[_gold(report) for report in trial.values()] for trial in seed] for seed in reports]
    correct_SxNxTxQ = [[[_correct(report) for report in trial.values()] for trial in seed] for seed in reports]
    np.savez_compressed(
        FILE,
        seeds=np.array(list(complete)),
        samples=np.array([[list(trial) for trial in seed] for seed in reports]),
        gold=np.array(gold_SxNxTxQ, dtype=np.float16),
        correct=np.packbits(np.array(correct_SxNxTxQ, dtype=bool)),
    )
    print(f"{len(complete)} of {len(SEEDS)} seeds in {FILE}, {FILE.stat().st_size / 1e6:.2f} MB")


def kept(file: Path = FILE) -> list[Records]:
    with np.load(file) as stored:
        seeds, samples, gold = stored["seeds"], stored["samples"], stored["gold"].astype(float)
        correct = np.unpackbits(stored["correct"], count=gold.size).reshape(gold.shape).astype(bool)
    assert (samples == samples[:1, :1]).all(), "all trials report after as many samples"
    return [
        Records(
            int(seed),
            samples[place, 0],
            dict(zip(names(), gold[place], strict=True)),
            dict(zip(names(), correct[place], strict=True)),
        )
        for place, seed in enumerate(seeds)
    ]


def _complete_seeds() -> dict[int, list[TrialDir]]:
    """Trials in the order of `names`, by seed."""
    found: dict[tuple[int, float, int], TrialDir] = {}
    for folder in (path for path in STUDY.iterdir() if path.name.isdecimal()):
        result = TrialDir(folder).result()
        if result and result.outcome is Outcome.COMPLETED:
            config = TrialDir(folder).config()
            found[config.seed, config.optimizer.lr, config.lora.r] = TrialDir(folder)
    wanted = {seed: [(seed, float(rate), int(rank)) for rate, rank in names()] for seed in SEEDS}
    return {seed: [found[key] for key in keys] for seed, keys in wanted.items() if set(keys) <= set(found)}


def _after_the_first(trial: TrialDir) -> dict[int, list[tuple[float, bool]]]:
    """Of each report but the untuned base's: gold log-probability and correctness, in the order of the questions."""
    return {
        samples: [(one.log_probabilities[one.gold], one.predicted == one.gold) for _, one in sorted(report.items())]
        for samples, report in sorted(trial.predictions().items())
        if samples > 0
    }


def _gold(report: list[tuple[float, bool]]) -> list[float]:
    return [log_probability for log_probability, _ in report]


def _correct(report: list[tuple[float, bool]]) -> list[bool]:
    return [correct for _, correct in report]


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[1])
    {"train": train, "keep": keep}[sys.argv[1]]()
