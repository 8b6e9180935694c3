"""What pruning saves and what it costs, on recorded trials of the synthetic sample: scores that prove the machinery only.

    python -m benchmarks.pruning record             trains the 16 trials of every seed to their ends, as a sweep like
                                                    any other: the same command goes on where it stopped
    python -m benchmarks.pruning keep               what the replay needs of its finished seeds, in one small file
    python -m benchmarks.pruning replay             sweeps over the records under every pruner, in virtual time

In a replay the study, the loop, the pruners and the folders that ours reads are the real ones; a job plays the reports
of its recorded trial back. A trial that is told to stop trains on for `STEPS_UNHEARD` more steps, as a real one does
until it sees the marker. All figures are over the seeds that were kept.
"""

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from hydra.utils import instantiate
from numpy.typing import NDArray

from benchmarks.record import RESULTS, store
from medqa_sweeps.record import Outcome, Prediction
from medqa_sweeps.statistics import compare_answers
from medqa_sweeps.sweep.failures import CircuitBreaker
from medqa_sweeps.sweep.jobs import Ended, Reported
from medqa_sweeps.sweep.loop import Budget, Sweep
from medqa_sweeps.sweep.pruning import OptunaPruner, PairedHalving, make_pruner
from medqa_sweeps.sweep.search_space import parse_search_space
from medqa_sweeps.sweep.settings import PRUNERS
from medqa_sweeps.sweep.study import Study
from medqa_sweeps.trial_dir import StopReason, TrialDir
from tests.sweep.simulated import Course, SimulatedJobs

SEEDS = range(10)
RATES, RANKS = ("3e-4", "1e-3", "3e-3", "1e-2"), ("2", "4", "8", "16")
STEPS, BATCH, REPORTS, QUESTIONS = 64, 8, 8, 128
STEPS_UNHEARD = 2  # between a report and the step at which a trial sees that it is to stop: a fifth of a second
STUDY = Path("multirun/pruning")
RECORDS = RESULTS / "pruning_records.npz"
TRIAL = (
    *("experiment=quickstart", "tracking=none", "model.load_in_4bit=false", f"training.max_steps={STEPS}"),
    *(f"training.effective_batch_size={BATCH}", f"training.micro_batch_size={BATCH}"),
    *(f"split.max_validation={QUESTIONS}", f"evaluation.reports={REPORTS}", f"evaluation.batch_size={QUESTIONS}"),
)


@dataclass(frozen=True)
class Records:
    """Trials that ran to their ends, of one seed; a trial is named by its words. T reports, Q questions."""

    seed: int
    samples_T: NDArray[np.int64]  # training samples at each report
    gold_TxQ: dict[tuple[str, str], NDArray[np.floating]]  # log-probability of the gold letter, nats
    correct_TxQ: dict[tuple[str, str], NDArray[np.bool_]]


def record() -> None:
    """One sweep over all seeds, the first seed's trials first."""
    axes = [f"seed={','.join(map(str, SEEDS))}", f"optimizer.lr={','.join(RATES)}", f"lora.r={','.join(RANKS)}"]
    words = [*TRIAL, *axes, *sys.argv[2:], f"hydra.sweep.dir={STUDY}"]
    subprocess.run([sys.executable, "launch.py", "-m", *words], check=True)


def keep() -> None:
    """Of every seed whose trials have all completed: log-probabilities to three digits, answers, samples."""
    found: dict[int, dict[tuple[str, str], TrialDir]] = {}
    for folder in STUDY.iterdir():
        trial = TrialDir(folder)
        result = trial.result() if folder.name.isdecimal() else None
        if result and result.outcome is Outcome.COMPLETED:
            config = trial.config()
            found.setdefault(config.seed, {})[_named(config.optimizer.lr, config.lora.r)] = trial
    seeds = [seed for seed in sorted(found) if set(found[seed]) == set(_trials())]
    gold, correct, samples = [], [], []
    for seed in seeds:
        for name in _trials():
            reports = found[seed][name].predictions()
            questions = sorted(next(iter(reports.values())))
            after = sorted(samples_seen for samples_seen in reports if samples_seen > 0)
            answers = [[reports[samples_seen][id] for id in questions] for samples_seen in after]
            gold.append([[answer.log_probabilities[answer.gold] for answer in report] for report in answers])
            correct.append([[answer.predicted == answer.gold for answer in report] for report in answers])
            samples.append(after)
    shape = (len(seeds), len(_trials()), REPORTS, QUESTIONS)
    RESULTS.mkdir(exist_ok=True)
    np.savez_compressed(
        RECORDS,
        seeds=seeds,
        samples=np.array(samples).reshape(shape[:3]),
        gold=np.array(gold, dtype=np.float16).reshape(shape),
        correct=np.packbits(np.array(correct, dtype=bool)),
    )
    print(f"{len(seeds)} of {len(SEEDS)} seeds in {RECORDS}, {RECORDS.stat().st_size / 1e6:.1f} MB")


def kept() -> Iterator[Records]:
    with np.load(RECORDS) as file:
        gold, samples, seeds = file["gold"].astype(float), file["samples"], file["seeds"]
        correct = np.unpackbits(file["correct"], count=gold.size).reshape(gold.shape).astype(bool)
    for place, seed in enumerate(seeds):
        names = _trials()
        assert (samples[place] == samples[place, 0]).all(), "all trials report after as many samples"
        yield Records(
            int(seed),
            samples[place, 0],
            dict(zip(names, gold[place], strict=True)),
            dict(zip(names, correct[place], strict=True)),
        )


class Replay(SimulatedJobs):
    """Recorded trials in virtual time: a report reaches its folder, then the loop; what was trained is counted."""

    def __init__(self, records: Records, slots: int, folder: Path, writes: bool) -> None:
        super().__init__(slots, self._course)
        self.samples: dict[int, int] = {}  # trained, by number
        self.names: dict[int, tuple[str, str]] = {}
        self._records, self._folder, self._writes = records, folder, writes
        self._speed = random.Random(records.seed)  # two trials never take quite as long

    def _course(self, number: int, words: Sequence[str]) -> Course:
        given = dict(word.split("=") for word in words)
        self.names[number] = name = _named(float(given["optimizer.lr"]), int(given["lora.r"]))
        scores = self._records.correct_TxQ[name].mean(axis=1)
        shares = self._records.samples_T / self._records.samples_T[-1]
        return Course(
            seconds=self._speed.uniform(0.9, 1.1),
            value=float(scores[-1]),
            reports=[(float(share), float(score)) for share, score in zip(shares, scores, strict=True)],
            signature=" ".join(name),
        )

    def poll(self, timeout: float) -> list[Reported | Ended]:
        return [self._true(event) for event in super().poll(timeout)]

    def stop(self, number: int, reason: StopReason, why: str = "") -> None:
        super().stop(number, reason, why)
        whole = int(self._records.samples_T[-1])
        self.samples[number] = min(whole, self.samples[number] + STEPS_UNHEARD * BATCH)

    def _true(self, event: Reported | Ended) -> Reported | Ended:
        """A report at the samples at which it was made; `SimulatedJobs` counts in thousandths of the way."""
        if isinstance(event, Ended):
            return event
        whole = int(self._records.samples_T[-1])
        report = int(np.argmin(np.abs(self._records.samples_T - event.samples_seen * whole / 1000)))
        self.samples[event.number] = int(self._records.samples_T[report])
        if self._writes:
            self._write(event.number, report)
        return Reported(event.number, self.samples[event.number], event.value)

    def _write(self, number: int, report: int) -> None:
        trial = TrialDir(self._folder / str(number))
        trial.path.mkdir(exist_ok=True)
        scores = self._records.gold_TxQ[self.names[number]][report]
        trial.append_predictions(
            Prediction(self.samples[number], f"q{place}", "A", None, {"A": float(score)})
            for place, score in enumerate(scores)
        )


@dataclass(frozen=True)
class Played:
    """What one pruner made of one seed's sweep."""

    trained: float  # share of the samples that the sweep without a pruner trains
    winner: tuple[str, str]  # its learning rate and rank
    lost: float  # accuracy of the whole sweep's winner minus the winner's: 0 or more, a share
    standard_error: float  # paired, of that difference
    seconds: float  # virtual, of a sweep whose every trial takes about one

    @property
    def kept_the_winner(self) -> bool:
        return self.lost <= self.standard_error


class Silent:
    """A view that shows nothing."""

    def started(self, number: int, settings: str) -> None: ...
    def ended(self, ended: Ended) -> None: ...
    def say(self, sentence: str) -> None: ...
    def update(self) -> None: ...


def play(records: Records, pruner: str | Callable[[Path], PairedHalving], slots: int, shuffled: bool = False) -> Played:
    """A whole sweep over one seed's records, its grid in the order typed or, shuffled, in one that the seed draws."""
    rates, ranks = list(RATES), list(RANKS)
    if shuffled:
        random.Random(records.seed).shuffle(rates)
        random.Random(records.seed).shuffle(ranks)
    with tempfile.TemporaryDirectory() as folder:
        asked = (
            instantiate({k: v for k, v in PRUNERS[pruner].items() if v is not None})
            if isinstance(pruner, str)
            else None
        )
        made = (
            (make_pruner(asked, Path(folder)) if asked else None) if isinstance(pruner, str) else pruner(Path(folder))
        )
        inner = optuna.create_study(
            direction="maximize", pruner=made.pruner if isinstance(made, OptunaPruner) else optuna.pruners.NopPruner()
        )
        words = [f"optimizer.lr={','.join(rates)}", f"lora.r={','.join(ranks)}"]
        study = Study(inner, parse_search_space(words, {}, [], {}, None), None)
        jobs = Replay(records, slots, Path(folder), writes=isinstance(made, PairedHalving))
        swept = Sweep(study, jobs, made, CircuitBreaker(1.0, study.total), Budget(), Silent()).run()
        assert swept.complete
    winner = jobs.names[inner.best_trial.number]
    finals = {name: correct_TxQ[-1] for name, correct_TxQ in records.correct_TxQ.items()}
    best = max(finals, key=lambda name: (finals[name].mean(), name == winner))
    pair = compare_answers(finals[best], finals[winner])
    split = pair.only_first + pair.only_second
    variance = (split - (pair.only_first - pair.only_second) ** 2 / pair.questions) / pair.questions**2
    whole = len(finals) * int(records.samples_T[-1])
    return Played(sum(jobs.samples.values()) / whole, winner, pair.difference, variance**0.5, jobs.now)


COMPARED = ("none", "paired_halving", "median", "percentile", "successive_halving", "hyperband", "wilcoxon")


def replay() -> None:
    """Every pruner over every seed, on two and on four slots, in the order typed and in drawn ones."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    seeds = list(kept())
    rows: list[dict[str, Any]] = []
    for slots in (2, 4):
        for shuffled in (False, True):
            for pruner in COMPARED:
                for records in seeds:
                    played = play(records, pruner, slots, shuffled)
                    rows.append(
                        {
                            "pruner": pruner,
                            "slots": slots,
                            "shuffled": shuffled,
                            "seed": records.seed,
                            "trained": round(played.trained, 4),
                            "winner": " ".join(played.winner),
                            "lost": round(played.lost, 4),
                            "standard_error": round(played.standard_error, 4),
                            "kept_the_winner": played.kept_the_winner,
                            "seconds": round(played.seconds, 3),
                        }
                    )
    print(f"{len(seeds)} seeds of {len(_trials())} trials; synthetic questions: the machinery, never the medicine")
    print("pruner              slots order   saved, mean (least)  winner kept  lost, mean (most)")
    for slots in (2, 4):
        for shuffled in (False, True):
            for pruner in COMPARED:
                chosen = [
                    row for row in rows if (row["pruner"], row["slots"], row["shuffled"]) == (pruner, slots, shuffled)
                ]
                saved = [1 - row["trained"] for row in chosen]
                lost = [row["lost"] for row in chosen]
                print(
                    f"{pruner:20}{slots:3}   {'drawn' if shuffled else 'typed'}  {np.mean(saved):6.1%} ({min(saved):.1%})"
                    f"      {sum(row['kept_the_winner'] for row in chosen):2} of {len(chosen)}"
                    f"     {np.mean(lost):.1%} ({max(lost):.1%})"
                )
    print(f"stored in {store('pruning', {'trial': TRIAL, 'steps_unheard': STEPS_UNHEARD, 'replays': rows})}")


def _trials() -> list[tuple[str, str]]:
    return [_named(float(rate), int(rank)) for rate in RATES for rank in RANKS]


def _named(rate: float, rank: int) -> tuple[str, str]:
    return f"{rate:g}", str(rank)


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[1])
    {"record": record, "keep": keep, "replay": replay}[sys.argv[1]]()
