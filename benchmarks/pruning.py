"""What pruners save and what that costs: recorded trials played back under each. Synthetic: the machinery only.

    python -m benchmarks.pruning

The study, the loop, the pruners and the folders that ours reads are the real ones; only the time is virtual, and a job
plays the reports of its recorded trial (`pruning_records.py`). A trial that is told to stop trains `STEPS_UNHEARD` more
steps, as a real one does until it sees the marker. Each sweep is a grid of 16.
"""

import itertools
import random
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import yaml
from hydra.utils import instantiate
from optuna.trial import TrialState

from benchmarks.pruning_records import BATCH, RANKS, RATES, TRIAL, Name, Records, kept
from benchmarks.record import store
from medqa_sweeps.compose.settings import CONF
from medqa_sweeps.jobs.contract import JobEnded, Reported
from medqa_sweeps.jobs.failures import CircuitBreaker
from medqa_sweeps.statistics import compare_answers
from medqa_sweeps.sweep.loop import Budget, Sweep
from medqa_sweeps.sweep.pruning import OptunaPruner, Pruner, make_pruner
from medqa_sweeps.sweep.space_parsing import parse_search_space
from medqa_sweeps.sweep.study import Study
from medqa_sweeps.trial.folder import StopReason, TrialDir
from medqa_sweeps.trial.records import Prediction
from tests.sweep.simulated import Course, SimulatedJobs

STEPS_UNHEARD = 2  # a poll of 0.2 s at ten steps a second
COMPARED: tuple[tuple[str, dict[str, Any]], ...] = (  # by config name, with settings other than the config's
    ("none", {}),
    ("paired_halving", {}),
    *((name, {}) for name in ("median", "percentile", "successive_halving", "hyperband", "wilcoxon")),
)
PRUNERS = {file.stem: yaml.safe_load(file.read_text()) for file in sorted((CONF / "hydra/sweeper/pruner").iterdir())}


@dataclass(frozen=True)
class Played:
    """What a pruner made of one seed's sweep."""

    pruner: str  # and its settings, other than its config's
    seed: int
    slots: int
    order: str  # mixed, as a sweep with a pruner asks for them; or typed
    saved: float  # share of the training samples of the sweep without a pruner
    winner: str  # learning rate and rank
    lost: float  # accuracy of the whole sweep's winner minus this winner's: 0 or more, a share
    standard_error: float  # paired, of that difference
    cut: int  # trials

    @property
    def kept_the_winner(self) -> bool:
        return self.lost <= self.standard_error


class Replay(SimulatedJobs):
    """Recorded trials in virtual time: a report reaches its folder, then the loop; what was trained is counted."""

    def __init__(self, records: Records, slots: int, folder: Path) -> None:
        super().__init__(slots, self._course)
        self.samples: dict[int, int] = {}  # trained, by number
        self.names: dict[int, Name] = {}
        self._records, self._folder = records, folder
        self._speed = random.Random(records.seed)

    @property
    def whole(self) -> int:
        return int(self._records.samples_T[-1])

    def poll(self, timeout: float) -> list[Reported | JobEnded]:
        return [self._written(event) if isinstance(event, Reported) else event for event in super().poll(timeout)]

    def stop(self, number: int, reason: StopReason, why: str = "") -> None:
        super().stop(number, reason, why)
        self.samples[number] = min(self.whole, self.samples[number] + STEPS_UNHEARD * BATCH)

    def _course(self, number: int, words: Sequence[str]) -> Course:
        given = dict(word.split("=") for word in words)
        name = self.names[number] = _typed(given["optimizer.lr"], given["lora.r"])
        scores_T = self._records.correct_TxQ[name].mean(axis=1)
        shares_T = self._records.samples_T / self.whole
        return Course(
            seconds=self._speed.uniform(0.9, 1.1),  # two trials never take quite as long
            value=float(scores_T[-1]),
            reports=[(float(share), float(score)) for share, score in zip(shares_T, scores_T, strict=True)],
        )

    def _written(self, event: Reported) -> Reported:
        """The report at its true number of samples (`SimulatedJobs` counts in thousandths of the way)."""
        report = int(np.argmin(np.abs(self._records.samples_T / self.whole - event.samples_seen / 1000)))
        samples = self.samples[event.number] = int(self._records.samples_T[report])
        trial = TrialDir(self._folder / str(event.number))
        trial.path.mkdir(exist_ok=True)
        gold_Q = self._records.gold_TxQ[self.names[event.number]][report]
        trial.append_predictions(
            Prediction(samples, str(place), "A", None, {"A": float(score)}) for place, score in enumerate(gold_Q)
        )
        return Reported(event.number, samples, event.value)


class Silent:
    """A view that shows nothing."""

    def earlier(self, ended: JobEnded, settings: str) -> None: ...
    def started(self, number: int, settings: str) -> None: ...
    def ended(self, ended: JobEnded, settings: str) -> None: ...
    def say(self, sentence: str) -> None: ...
    def update(self) -> None: ...


def play(records: Records, pruner: str, slots: int, order: str = "mixed", **settings: Any) -> Played:
    """A sweep over one seed's records, with other `settings` of the pruner than its config's where given."""
    space = parse_search_space([f"optimizer.lr={','.join(RATES)}", f"lora.r={','.join(RANKS)}"], {}, [], {}, None)
    with tempfile.TemporaryDirectory() as folder:
        made = _made(pruner, records, Path(folder), settings)
        inner = optuna.create_study(
            study_name=f"seed {records.seed}",
            direction="maximize",
            pruner=made.pruner if isinstance(made, OptunaPruner) else optuna.pruners.NopPruner(),
        )
        jobs = Replay(records, slots, Path(folder))
        study = Study(inner, space, None, mixed=order == "mixed")
        assert Sweep(study, jobs, made, CircuitBreaker(1.0, study.total), Budget(), Silent()).run().complete
    winner = jobs.names[inner.best_trial.number]
    lost, standard_error = _loss(records, winner)
    saved = 1 - sum(jobs.samples.values()) / (study.total * jobs.whole)
    cut = sum(trial.state is TrialState.PRUNED for trial in inner.get_trials(deepcopy=False))
    label = " ".join([pruner, *(f"{key}={value:g}" for key, value in settings.items())])
    return Played(label, records.seed, slots, order, saved, " ".join(winner), lost, standard_error, cut)


def _made(pruner: str, records: Records, folder: Path, settings: dict[str, Any]) -> Pruner | None:
    lengths = {"min_resource": int(records.samples_T[0]), "max_resource": int(records.samples_T[-1])}
    node = {key: lengths.get(key) if value is None else value for key, value in {**PRUNERS[pruner], **settings}.items()}
    node = {key: value for key, value in node.items() if value is not None}
    return make_pruner(instantiate(node) if node else None, folder)


def _loss(records: Records, winner: Name) -> tuple[float, float]:
    """How much more accurate the best of all trials is than the winner, with the paired standard error of that."""
    finals = {name: correct_TxQ[-1] for name, correct_TxQ in records.correct_TxQ.items()}
    best = max(finals, key=lambda name: (finals[name].mean(), name == winner))
    pair = compare_answers(finals[best], finals[winner])
    split = (pair.only_first + pair.only_second) / pair.questions
    return pair.difference, float(np.sqrt((split - pair.difference**2) / pair.questions))


def _typed(rate: str, rank: str) -> Name:
    """The name of a trial from Hydra's words, which may write a number in another way."""
    wanted = (float(rate), float(rank))
    return next(name for name in itertools.product(RATES, RANKS) if (float(name[0]), float(name[1])) == wanted)


def table(played: Iterable[Played]) -> Iterable[str]:
    """One line a pruner, number of slots and order, over the seeds."""
    yield f"{'pruner':30}slots order  saved, mean (least)  winner kept  accuracy lost, mean (most)  cut, mean"
    for (pruner, slots, order), group in itertools.groupby(played, lambda one: (one.pruner, one.slots, one.order)):
        rows = list(group)
        saved, lost, cut = zip(*((row.saved, row.lost, row.cut) for row in rows), strict=True)
        kept_in = sum(row.kept_the_winner for row in rows)
        yield (
            f"{pruner:30}{slots:3}   {order}{np.mean(saved):10.1%} ({min(saved):.1%}){kept_in:9} of {len(rows)}"
            f"{np.mean(lost):15.1%} ({max(lost):.1%}){np.mean(cut):18.1f}"
        )


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    cases = itertools.product((2, 4), ("mixed", "typed"), COMPARED, kept())
    played = [play(records, name, slots, order, **settings) for slots, order, (name, settings), records in cases]
    print(*table(played), sep="\n")
    figures = {"trial": TRIAL, "steps_unheard": STEPS_UNHEARD, "sweeps": [asdict(one) for one in played]}
    print(f"Synthetic questions: the machinery, never the medicine. Stored in {store('pruning', figures)}")


if __name__ == "__main__":
    main()
