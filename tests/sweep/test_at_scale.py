"""The real loop, study, journal and pool on a cluster in virtual time whose nodes fail: as `benchmarks/at_scale.py`.

Nothing that is computed takes time here, so a seed decides the whole course.
"""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import optuna
import pytest

from benchmarks.at_scale import Outline, simulate
from benchmarks.simulated_cluster import Conditions, Costs, greedy_seconds
from medqa_sweeps.jobs.contract import JobEnded

optuna.logging.set_verbosity(optuna.logging.WARNING)
COSTS = Costs(prepare=0.01, start=0.1, look=3e-5, end=5e-4)  # seconds, in the order of what was measured


class Notes:
    """A view that counts."""

    def __init__(self) -> None:
        self.begun, self.ends = Counter[int](), Counter[int]()

    def earlier(self, ended: JobEnded, settings: str) -> None: ...
    def say(self, sentence: str) -> None: ...
    def update(self) -> None: ...

    def started(self, number: int, settings: str) -> None:
        self.begun[number] += 1

    def ended(self, ended: JobEnded, settings: str) -> None:
        self.ends[ended.number] += 1


class Swept(NamedTuple):
    figures: dict[str, Any]
    notes: Notes


def sweep(folder: Path, trials: int, **conditions: Any) -> Swept:
    notes = Notes()
    # Long trials would make the makespan of so few a matter of luck: which of them loses its node near the end.
    seconds = {"mean_seconds": 60.0, "longest_seconds": 90.0}
    outline = Outline("random", trials, Conditions(**conditions), COSTS, is_charged=False, **seconds)
    return Swept(simulate(outline, folder, notes), notes)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """300 trials of a minute on 40 slots; nodes fail 500 times as often as the benchmark's, or hardly any would."""
    conditions = {"slots_per_node": 4, "failures_an_hour": 10.0, "queue_seconds": 10.0, "repair_seconds": 20.0}
    return sweep(tmp_path_factory.mktemp("study"), 300, slots=40, **conditions)


def test_every_trial_is_started_and_told_once(swept: Swept) -> None:
    assert swept.notes.begun == swept.notes.ends == Counter(range(300))
    assert swept.figures["completed"] + swept.figures["failed"] == swept.figures["trials"] == 300


def test_a_node_that_fails_costs_its_trials_an_attempt_and_they_run_again(swept: Swept) -> None:
    figures = swept.figures
    assert figures["attempts_lost"] >= 5 and figures["slots_lost_with_their_nodes"] >= figures["attempts_lost"]
    assert figures["starts"] == 300 + figures["attempts_lost"] - figures["failed"]


def test_it_takes_hardly_longer_than_a_greedy_schedule_of_the_same(swept: Swept) -> None:
    assert 0.9 < swept.figures["over_greedy"] < 1.1


def test_a_trial_that_loses_its_last_attempt_has_failed(tmp_path: Path) -> None:
    figures, notes = sweep(tmp_path, 40, slots=8, failures_an_hour=30.0, queue_seconds=10.0, repair_seconds=60.0)
    assert figures["failed"] > 0 and figures["completed"] + figures["failed"] == 40
    assert notes.ends == Counter(range(40))


def test_greedy_starts_a_job_again_that_its_node_has_lost() -> None:
    assert greedy_seconds([6.0, 6.0], [[(0.0, 10.0), (20.0, 100.0)]]) == 26.0


def test_greedy_gives_a_job_up_that_has_lost_both_attempts() -> None:
    assert greedy_seconds([6.0, 9.0, 1.0], [[(0.0, 10.0), (20.0, 28.0), (30.0, 100.0)]]) == 31.0


def test_greedy_fills_the_slot_that_is_there_first() -> None:
    assert greedy_seconds([5.0, 5.0, 5.0], [[(0.0, 100.0)], [(6.0, 100.0)]]) == 11.0
