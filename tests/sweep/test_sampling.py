"""n trials and then m more explore as n + m at once would, for every sampler that is offered, also after a kill.

The storages and samplers are real; the objective is arithmetic, and a process that dies is one that is not asked again.
"""

import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest
from omegaconf import OmegaConf
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import Trial

from medqa_sweeps.compose.settings import CONF
from medqa_sweeps.jobs.contract import JobEnded
from medqa_sweeps.sweep.sampling import SeededPerTrial, seed_of
from medqa_sweeps.sweep.search_space import SearchSpace
from medqa_sweeps.sweep.space_parsing import parse_search_space
from medqa_sweeps.sweep.study import Study
from medqa_sweeps.sweep.sweeper import _instantiated
from medqa_sweeps.trial.records import Outcome

optuna.logging.set_verbosity(optuna.logging.ERROR)
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

OFFERED = sorted(file.stem for file in (CONF / "hydra/sweeper/sampler").glob("*.yaml") if file.stem != "motpe")
WORDS = ("x=interval(-3,3)", "rate=tag(log,interval(1e-5,1e-1))", "steps=interval(1,1000)", "kind=a,b,c")
VARIANTS = {
    **{name: (name, {}) for name in OFFERED},
    "tpe, together": ("tpe", {"multivariate": True, "group": True}),
    "qmc, scrambled": ("qmc", {"scramble": True}),
    "qmc, halton": ("qmc", {"qmc_type": "halton"}),
    "cmaes, in generations": ("cmaes", {"n_startup_trials": 1, "popsize": 5}),
    "cmaes, discrete": ("cmaes", {"with_margin": True, "n_startup_trials": 1, "popsize": 5}),
}
TRIALS = 8
SMALL = {"n_startup_trials": 5, "population_size": 3, "warn_independent_sampling": False}
Points = list[dict[str, Any]]


def sampler_of(variant: str, seed: int | None) -> optuna.samplers.BaseSampler:
    name, more = VARIANTS[variant]
    settings = OmegaConf.load(CONF / "hydra/sweeper/sampler" / f"{name}.yaml")
    small = {key: value for key, value in SMALL.items() if key in settings}
    made: optuna.samplers.BaseSampler = _instantiated(OmegaConf.merge(settings, small, more, {"seed": seed}))
    return made


class Search:
    """One study over a storage, opened anew as by a new process each time."""

    def __init__(self, variant: str, words: Sequence[str] = WORDS, seed: int | None = 1, storage: Any = None) -> None:
        self._variant, self._storage, self._seed = variant, storage or optuna.storages.InMemoryStorage(), seed
        self.space: SearchSpace = parse_search_space(words, {}, [], {}, None)
        optuna.create_study(storage=self._storage, study_name="s")

    def opened(self, total: int | None, extend: Callable[[Trial], None] | None = None) -> Study:
        opened = optuna.load_study(study_name="s", storage=self._storage)
        seed = seed_of(opened, self._seed)
        opened.sampler = SeededPerTrial(sampler_of(self._variant, seed), seed)
        return Study(opened, self.space, total, extend)

    def swept(self, total: int | None, extend: Callable[[Trial], None] | None = None) -> Points:
        """What a process does that sweeps to the end: it resumes what was under way, and asks for the rest."""
        study = self.opened(total, extend)
        for candidate in study.unfinished():
            study.tell(JobEnded(candidate.number, Outcome.COMPLETED, value(candidate.params)))
        while candidate := study.ask():
            study.tell(JobEnded(candidate.number, Outcome.COMPLETED, value(candidate.params)))
        return self.points()

    def points(self) -> Points:
        trials = optuna.load_study(study_name="s", storage=self._storage).trials
        assert [trial.number for trial in trials] == list(range(len(trials)))
        return [trial.params for trial in trials]


def value(params: dict[str, Any]) -> float:
    return float(sum(part if isinstance(part, int | float) else len(part) for part in params.values()))


@functools.cache
def at_once(variant: str) -> Points:
    """The points of a search of TRIALS trials, none of which is drawn twice."""
    points = Search(variant).swept(TRIALS)
    assert len(distinct(points)) == TRIALS
    return points


def distinct(points: Points) -> set[frozenset[Any]]:
    return {frozenset(point.items()) for point in points}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_search_in_two_parts_is_the_search_in_one(variant: str) -> None:
    search = Search(variant)
    for total in (2, 6, TRIALS):
        assert search.swept(total) == at_once(variant)[:total]


def test_a_search_in_two_parts_is_the_search_in_one_in_the_journal_of_a_folder(tmp_path: Path) -> None:
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "journal")))
    search = Search("tpe", storage=storage)
    search.swept(3)
    assert search.swept(TRIALS) == at_once("tpe")


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_killed_search_goes_on_with_what_was_drawn(variant: str) -> None:
    search = Search(variant)
    search.swept(6)
    assert search.opened(TRIALS).ask() is not None, "its process dies here, with the trial under way"
    assert search.points() == at_once(variant)[:7]
    assert search.swept(TRIALS) == at_once(variant)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_search_killed_while_a_point_is_drawn_repeats_none(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    search = Search(variant)
    for total, suggestions in ((1, 0), (3, 1), (5, 2)):
        search.swept(total)
        with monkeypatch.context() as patched:
            patched.setattr(Trial, "_suggest", dies_after(suggestions))
            with pytest.raises(KeyboardInterrupt):
                search.opened(TRIALS).ask()
    points = search.swept(TRIALS)
    assert len(points) == len(distinct(points)) == TRIALS
    if variant == "random":  # a stream that begins anew would give one parameter the share of another
        shares = [round((point["x"] + 3) / 6, 9) for point in points]
        shares += [round((math.log10(point["rate"]) + 5) / 4, 9) for point in points]
        assert len(set(shares)) == 2 * TRIALS


def dies_after(count: int) -> Any:
    suggest, left = Trial._suggest, [count]

    def suggest_or_die(*arguments: Any) -> Any:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return suggest(*arguments)

    return suggest_or_die


@pytest.mark.parametrize("variant", ["random", "qmc, scrambled", "tpe"])
def test_a_search_without_a_seed_draws_one_and_keeps_it(variant: str) -> None:
    search = Search(variant, seed=None)
    search.swept(3)
    parts, seed = search.swept(7), search.opened(7).optuna.user_attrs["sampler_seed"]
    assert Search(variant, seed=seed).swept(7) == parts
    assert Search(variant, seed=None).swept(3) != parts[:3], "another study draws another seed"


def test_what_a_custom_space_suggests_is_drawn_for_the_trial_too() -> None:
    def extend(trial: Trial) -> None:
        trial.suggest_float("more", 0, 1)

    whole, parts = Search("random"), Search("random")
    parts.swept(4, extend)
    assert parts.swept(8, extend) == whole.swept(8, extend)


def test_a_sampler_that_keeps_its_own_numbers_is_left_alone() -> None:
    """Somebody's own: what cannot be reseeded draws on from where it is."""

    class Counting(optuna.samplers.RandomSampler):
        def __init__(self) -> None:
            super().__init__()
            self.drawn = 0

        def sample_independent(self, *_: Any) -> Any:
            self.drawn += 1
            return self.drawn

    study = optuna.create_study(sampler=SeededPerTrial(Counting(), 1))
    assert [study.ask().suggest_int("x", 1, 9) for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("seed", range(4))
def test_a_grid_that_was_sampled_first_is_completed_point_by_point(seed: int) -> None:
    """Of eight points five are sampled, two of them the same under some seeds; the others follow."""
    search = Search("random", ("x=1,2,3,4", "kind=a,b"), seed)
    search.swept(5)
    points = search.swept(None)
    assert len(distinct(points)) == 8
    assert len(points) == search.opened(None).total == 5 + 8 - len(distinct(points[:5]))


def test_a_grid_whose_lists_have_changed_has_all_its_points() -> None:
    search = Search("random", ("x=1,2", "kind=a"))
    search.swept(None)
    search.space = parse_search_space(("x=1,2", "steps=3,4"), {}, [], {}, None)
    points = search.swept(None)
    assert len(points) == 6 and all("steps" in point for point in points[2:])


def test_a_trial_that_goes_on_uses_up_no_point_of_a_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    search = Search("qmc")
    search.swept(4)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Trial, "_suggest", dies_after(1))
        search.opened(9).ask()
    before = sequences(search)
    search.opened(9).unfinished()
    assert sequences(search) == before and len(before) == 1


def sequences(search: Search) -> dict[str, int]:
    """How far each quasi-random sequence of a study is."""
    study = search.opened(9).optuna
    found = study._storage.get_study_system_attrs(study._study_id)
    return {key: number for key, number in found.items() if key.startswith("qmc:")}
