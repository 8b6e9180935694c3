"""Which trials are cut: ours question by question, Optuna's by config name, over real folders and studies."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from numpy.typing import NDArray

import launch  # noqa: F401  registers the schema
from medqa_sweeps.compose.settings import CONF
from medqa_sweeps.config import from_hydra
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.jobs.contract import Reported
from medqa_sweeps.study.objective import objective_named
from medqa_sweeps.sweep.pruning import OptunaPruner, PairedHalving, make_pruner, with_samples
from medqa_sweeps.sweep.space_parsing import parse_search_space
from medqa_sweeps.sweep.study import Study
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.trial.records import Outcome, Prediction, Result
from tests.conftest import ROOT
from tests.sweep.simulated import Course
from tests.sweep.test_faults import GRID, Program, results
from tests.sweep.test_loop import make_study, make_sweep

QUESTIONS = 200
HARD = np.random.default_rng(0).normal(-1.5, 1.0, QUESTIONS)  # nats; how hard a question is, for every trial alike
PRUNERS = {file.stem: yaml.safe_load(file.read_text()) for file in sorted((CONF / "hydra/sweeper/pruner").iterdir())}


def scores(better_by: float, noise: float = 0.3, seed: int = 0) -> NDArray[np.floating]:
    """Of a trial that is so many nats better than another at 0; `noise` is its own luck with each question."""
    return HARD + better_by + np.random.default_rng(seed).normal(0, noise, QUESTIONS)


class Folders:
    """Trials' folders of a study, and a pruner that reads them."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.path, self.pruner = path, PairedHalving(path, **settings)
        self.study = optuna.create_study(direction="maximize")

    def report(self, number: int, samples: int, values: Sequence[float] | NDArray[np.floating]) -> str | None:
        """A trial scores itself; why it is to be cut."""
        trial = TrialDir(self.path / str(number))
        trial.path.mkdir(exist_ok=True)
        trial.append_predictions(
            Prediction(samples, f"q{place}", "B", "A", {"A": -0.1, "B": float(value)})
            for place, value in enumerate(values)
        )
        return self.verdict(number, samples)

    def verdict(self, number: int, samples: int) -> str | None:
        return self.pruner.after(self.study.ask(), Reported(number, samples, 0.5))


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def test_what_is_worse_beyond_chance_is_cut_with_a_sentence_that_says_so(folders: Folders) -> None:
    assert folders.report(0, 100, scores(0.5, seed=1)) is None
    why = folders.report(1, 100, scores(0.0, seed=2))
    assert why and "after 100 samples it ranked 2 of 2 and was significantly worse than trial 0" in why
    assert "(log-probability of the correct answer -0." in why and "p < 0.0001)" in why


def test_what_is_worse_by_luck_goes_on(folders: Folders) -> None:
    folders.report(0, 100, scores(0.02, seed=1))
    assert folders.report(1, 100, scores(0.0, seed=2)) is None


def test_the_better_part_is_never_cut(folders: Folders) -> None:
    """The second of four is far behind the first, and worth a look all the same."""
    for number, better_by in enumerate((2.0, 0.1, 0.0)):
        folders.report(number, 100, scores(better_by, seed=number))
    assert folders.report(3, 100, scores(1.0, seed=3)) is None


def test_who_came_first_is_held_against_who_came_later_at_its_own_next_report(folders: Folders) -> None:
    assert folders.report(0, 100, scores(0.0, seed=1)) is None
    assert folders.report(1, 100, scores(1.0, seed=2)) is None
    why = folders.report(0, 200, scores(0.5, seed=3))
    assert why and why.startswith("after 100 samples")


def test_trials_are_compared_after_as_many_samples_only(folders: Folders) -> None:
    folders.report(0, 200, scores(2.0, seed=1))
    assert folders.report(1, 100, scores(0.0, seed=2)) is None


def test_a_trial_that_was_cut_still_counts(folders: Folders) -> None:
    assert folders.report(0, 100, scores(1.0, seed=1)) is None
    assert folders.report(1, 100, scores(0.0, seed=2)) is not None, "second of two"
    assert folders.report(2, 100, scores(0.5, seed=3)) is None, "second of three, and half of them is kept"


@pytest.mark.parametrize("is_resumed", [False, True])
def test_what_was_cut_is_no_reason_to_cut_the_last_one(folders: Folders, is_resumed: bool) -> None:
    """Each is better than the other after some number of samples; without the rule neither came to its end."""
    folders.report(0, 100, scores(0.0, seed=1))
    folders.report(0, 200, scores(1.0, seed=2))
    folders.report(1, 100, scores(1.0, seed=3))
    assert folders.report(0, 300, scores(1.0, seed=4)) is not None
    if is_resumed:
        TrialDir(folders.path / "0").finish(Result(Outcome.PRUNED, "abc"))
        folders.pruner = PairedHalving(folders.path)
    assert folders.report(1, 200, scores(0.0, seed=5)) is None


def test_nothing_is_cut_before_the_first_samples(tmp_path: Path) -> None:
    folders = Folders(tmp_path, first_samples=200)
    for samples, is_cut in ((100, False), (200, True)):
        folders.report(0, samples, scores(1.0, seed=1))
        assert bool(folders.report(1, samples, scores(0.0, seed=2))) is is_cut


def test_of_trials_that_answered_other_questions_the_common_ones_are_compared(folders: Folders) -> None:
    folders.report(0, 100, scores(1.0, seed=1)[:150])
    assert folders.report(1, 100, scores(0.0, seed=2)) is not None


def test_written_letters_are_no_reason_to_cut(folders: Folders) -> None:
    """`evaluation.method=generate` leaves no log-probability."""
    folders.report(0, 100, scores(1.0, seed=1))
    trial = TrialDir(folders.path / "1")
    trial.path.mkdir()
    trial.append_predictions(Prediction(100, f"q{place}", "B", "A") for place in range(QUESTIONS))
    assert folders.verdict(1, 100) is None


def test_equal_trials_are_not_told_apart(folders: Folders) -> None:
    same = scores(0.0)
    assert folders.report(0, 100, same) is None and folders.report(1, 100, same) is None


@pytest.mark.parametrize("settings", [{"keep_one_in": 1.0}, {"level": 0.0}, {"level": 1.0}])
def test_settings_out_of_range_are_refused(tmp_path: Path, settings: Mapping[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        PairedHalving(tmp_path, **settings)


def made(name: str, folder: Path, **settings: Any) -> Any:
    node = {key: value for key, value in {**PRUNERS[name], **settings}.items() if value is not None}
    return make_pruner(instantiate(node) if node else None, folder)


NEEDED = {"threshold": {"lower": 0.26}, "hyperband": {"min_resource": 125, "max_resource": 1000}}


@pytest.mark.parametrize("name", [name for name in PRUNERS if name not in ("none", "paired_halving")])
def test_every_optuna_pruner_by_name_cuts_some_and_lets_others_complete(tmp_path: Path, name: str) -> None:
    """Twenty trials of eight reports; the worse ones also get worse, so that patience runs out."""
    pruner = made(name, tmp_path, **NEEDED.get(name, {}))
    assert isinstance(pruner, OptunaPruner)
    inner = optuna.create_study(direction="maximize", pruner=pruner.pruner, study_name="brackets depend on the name")
    study = make_study(["a=range(0,20)"], into=inner)

    def course(number: int, words: Sequence[str]) -> Course:
        level = 0.25 + (number * 7 + 13) % 20 / 40
        slope = -0.001 if level < 0.5 else 0.001
        reports = [(k / 8, level + slope * k) for k in range(1, 9)]
        return Course(seconds=1 + number / 100, value=reports[-1][1], reports=reports)

    sweep, jobs, _ = make_sweep(study, course, slots=3, pruner=pruner)
    assert sweep.run().complete
    assert {trial.state.name for trial in inner.trials} == {"COMPLETE", "PRUNED"}
    assert all(why.startswith(f"by {type(pruner.pruner).__name__} after ") for _, _, why in jobs.stops)


def test_the_length_of_a_trial_is_known_to_pruners_that_halve() -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        words = ["experiment=quickstart", "training.max_steps=100", "evaluation.reports=4"]
        plan = plan_trial(from_hydra(compose("config", words)))
    known = with_samples({"min_resource": None, "max_resource": None, "lower": None, "bootstrap_count": 0}, plan)
    assert known == {"min_resource": 200, "max_resource": 800, "lower": None, "bootstrap_count": 0}
    assert with_samples({"max_resource": 7}, plan) == {"max_resource": 7}


def test_no_pruner_is_none(tmp_path: Path) -> None:
    assert made("none", tmp_path) is None


def test_what_is_no_pruner_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no pruner"):
        make_pruner(object(), tmp_path)


def test_a_pruner_follows_one_metric(tmp_path: Path) -> None:
    both = objective_named(["accuracy", "calibration_error"])
    for pruner in (optuna.pruners.MedianPruner(), PairedHalving(tmp_path)):
        with pytest.raises(ConfigError, match=r"\[accuracy,calibration_error\]: a pruner \(\w+\) follows one metric"):
            make_pruner(pruner, tmp_path, both)
    assert make_pruner(optuna.pruners.NopPruner(), tmp_path, both) is None


def test_what_is_known_at_the_end_alone_is_not_pruned_by(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"safety\.order is known at a trial's end alone"):
        make_pruner(optuna.pruners.MedianPruner(), tmp_path, objective_named("safety.order"))


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "gold_log_probability"])
def test_paired_halving_is_for_means_over_questions(tmp_path: Path, metric: str) -> None:
    assert isinstance(make_pruner(PairedHalving, tmp_path, objective_named(metric)), PairedHalving)


def test_paired_halving_is_refused_for_what_single_questions_say_nothing_of(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="calibration_error is no mean over questions"):
        make_pruner(PairedHalving, tmp_path, objective_named("calibration_error"))


def test_optuna_s_pruners_cut_by_the_metric_and_in_its_direction(tmp_path: Path) -> None:
    """Twelve trials whose errors rise with their number: the first have the least, and the last are cut."""
    objective = objective_named("calibration_error")
    pruner = make_pruner(optuna.pruners.MedianPruner(n_startup_trials=4), tmp_path, objective)
    assert isinstance(pruner, OptunaPruner)
    inner = optuna.create_study(directions=objective.directions, pruner=pruner.pruner)

    def course(number: int, words: Sequence[str]) -> Course:
        error = 0.1 + number / 100
        return Course(value=error, reports=[(0.5, error)])

    sweep, jobs, _ = make_sweep(make_study(["a=range(0,12)"], into=inner), course, slots=1, pruner=pruner)
    assert sweep.run().complete
    assert [number for number, *_ in jobs.stops] == list(range(4, 12))
    assert jobs.stops[0][2] == "by MedianPruner after 500 samples, at calibration_error 0.140"


def next_point(study: Study) -> int:
    candidate = study.ask()
    assert candidate is not None
    return int(candidate.params["a"])


def test_a_grid_under_a_pruner_comes_in_a_mixed_order_each_point_once_also_when_it_goes_on() -> None:
    def begin(inner: optuna.Study) -> Study:
        return Study(inner, parse_search_space(["a=range(0,40)"], {}, [], {}, None), None, mixed=True)

    inner = optuna.create_study(study_name="its name decides the order")
    begun = [next_point(study) for study in [begin(inner)] for _ in range(15)]
    again = begin(inner)
    rest = [next_point(again) for _ in range(25)]
    assert begun != list(range(15)) and sorted(begun + rest) == list(range(40)) and again.ask() is None
    other = begin(optuna.create_study(study_name=inner.study_name))
    assert [next_point(other) for _ in range(15)] == begun


@pytest.mark.slow
@pytest.mark.parametrize("name", PRUNERS)
def test_every_pruner_by_name_in_a_whole_sweep(tmp_path: Path, name: str) -> None:
    """The command as a person types it, over the stand-in for training; a finished study, whatever was cut. A trial
    of 100 steps takes two seconds, so that a verdict reaches it."""
    more = ["hydra.sweeper.pruner.lower=0.6"] if name == "threshold" else []
    sweep = Program(tmp_path / "study", *GRID, "training.max_steps=100", f"hydra/sweeper/pruner={name}", *more)
    assert sweep.ended(280) == 0, sweep.said()
    outcomes = [result["outcome"] for result in results(sweep.folder).values()]
    assert len(outcomes) == 6
    if name in ("threshold", "successive_halving"):  # the stand-in's answers are chance: others may find no loser
        assert "pruned" in outcomes


@pytest.mark.slow
def test_a_pruner_that_lacks_a_setting_is_refused_before_anything_runs(tmp_path: Path) -> None:
    sweep = Program(tmp_path / "study", *GRID, "hydra/sweeper/pruner=threshold")
    assert sweep.ended(120) == 1
    assert "hydra.sweeper.pruner cannot be made" in sweep.said() and "Traceback" not in sweep.said()
