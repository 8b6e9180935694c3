"""Sweeps that optimise something else than accuracy, or several metrics at once. Hydra, study, processes and folders
are real; the training is `stand_in.py`."""

import json
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
import optuna
import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

import launch
from medqa_sweeps.config import TrialConfig
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.jobs import single
from medqa_sweeps.jobs.trials import TrialJobs
from medqa_sweeps.pool.in_process import InProcessPool
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.study.objective import Objective, objective_named
from medqa_sweeps.study.pareto import pareto_front
from medqa_sweeps.sweep.confirm import _arguments
from medqa_sweeps.sweep.journal import journal_of, renew_journal, settle_objective
from medqa_sweeps.sweep.space_parsing import parse_search_space
from medqa_sweeps.sweep.study import Study
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Outcome, Result, Score
from tests.conftest import ROOT
from tests.sweep.simulated import Course
from tests.sweep.test_faults import GRID, Program, gone, steps, told
from tests.sweep.test_loop import make_study, make_sweep
from tests.sweep.test_status import status

BOTH = "hydra.sweeper.metric=[accuracy,calibration_error]"
TWO = objective_named(["accuracy", "calibration_error"])


def scores(folder: Path) -> dict[int, dict[str, float]]:
    """By trial, of its final score."""
    found = (path for path in folder.iterdir() if path.name.isdecimal())
    return {int(path.name): json.loads((path / "result.json").read_text())["score"] for path in found}


def trial_lines(lines: Sequence[str]) -> dict[str, str]:
    """By number, how each trial is said to have ended."""
    return {line.split()[1]: line.partition(": ")[2] for line in lines if re.match(r"trial \d+ .*: ", line)}


def read(folder: Path, name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((folder / name).read_text()))


@pytest.fixture(scope="module")
def two_metrics(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A sweep with two metrics that was interrupted, and gone on with by the same command."""
    folder = tmp_path_factory.mktemp("two") / "study"
    first = Program(folder, *GRID, BOTH)
    first.until(lambda: steps(folder) > 5)
    processes = first.descendants()
    first.process.send_signal(signal.SIGINT)
    assert first.ended(30) == 130, first.said()
    gone(processes)
    again = Program(folder, *GRID, BOTH, log="again")
    assert again.ended() == 0, again.said()
    return again


def test_the_front_of_two_metrics_is_recorded(two_metrics: Program) -> None:
    found, study = scores(two_metrics.folder), told(two_metrics.folder)
    values = [[found[number]["accuracy"], found[number]["calibration_error"]] for number in range(6)]
    assert [trial.values for trial in study.trials] == values
    assert [way.name for way in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert study.metric_names == ["accuracy", "calibration_error"], "for optuna-dashboard"
    recorded = read(two_metrics.folder, "optimization_results.yaml")
    is_on = pareto_front(values, TWO.directions)
    assert recorded["metric"] == ["accuracy", "calibration_error"]
    front = [one for one, on in zip(values, is_on, strict=True) if on]
    assert sorted(one["values"] for one in recorded["solutions"]) == sorted(front)
    assert all({"lora.r", "optimizer.lr"} == one["params"].keys() for one in recorded["solutions"])


def test_a_sweep_says_what_it_optimises(two_metrics: Program) -> None:
    said = two_metrics.said()
    assert "Objective  accuracy (maximised) and calibration_error (minimised): a Pareto front" in said
    ends = list(trial_lines(said.splitlines()).values())
    assert ends and all(re.search(r"^completed, accuracy [\d.]+%, calibration_error 0\.\d{3}\b", end) for end in ends)


def test_status_shows_the_same_values_and_front(two_metrics: Program) -> None:
    lines = status(two_metrics.folder)
    said, shown = trial_lines(two_metrics.said().splitlines()), trial_lines(lines)
    assert len(shown) == 6 and said.items() <= shown.items()
    (totals,) = [line for line in lines if line.startswith("6 of 6 done")]
    assert "; Pareto front: " in totals and "best" not in totals


def test_a_study_keeps_its_objective_whatever_changes_are_allowed(two_metrics: Program) -> None:
    journal = (two_metrics.folder / "study.journal").read_bytes()
    words = ("hydra.sweeper.metric=accuracy", "hydra.sweeper.allow_changes=true")
    other = Program(two_metrics.folder, *GRID, *words, log="other")
    assert other.ended() == 1
    assert "contains a study with another objective" in other.said() and "Traceback" not in other.said()
    assert "metric: ['accuracy', 'calibration_error'] then, accuracy now" in other.said()
    assert (two_metrics.folder / "study.journal").read_bytes() == journal


@pytest.mark.variant
def test_a_sweep_for_the_least_calibration_error(tmp_path: Path) -> None:
    """A pruner by its name goes with a single metric; this one's threshold cuts nothing."""
    pruner = ("hydra/sweeper/pruner=threshold", "hydra.sweeper.pruner.upper=1.0")
    program = Program(tmp_path / "study", "lora.r=2,4,8", "hydra.sweeper.metric=calibration_error", *pruner)
    assert program.ended() == 0, program.said()
    least = min(score["calibration_error"] for score in scores(program.folder).values())
    assert read(program.folder, "optimization_results.yaml")["best_value"] == least
    assert read(program.folder, "study.yaml")["metric"] == "calibration_error"
    assert "Objective  calibration_error (minimised)\n" in program.said()
    (totals,) = [line for line in status(program.folder) if line.startswith("3 of 3 done")]
    assert f", calibration_error {least:.3f}" in totals and "%" not in totals


def test_minimising_accuracy_is_refused_before_anything_starts(tmp_path: Path) -> None:
    program = Program(tmp_path / "study", *GRID, "hydra.sweeper.direction=minimize")
    assert program.ended() == 1
    assert "accuracy is maximised" in program.said() and "calibration_error is minimised" in program.said()
    assert "Traceback" not in program.said() and not program.folder.exists()


@pytest.mark.variant
def test_trials_through_a_stock_launcher_return_the_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hydra's basic launcher calls `launch.main` itself; the training is left out."""

    def scored(config: TrialConfig, trial: TrialDir, *others: object) -> Result | None:
        score = Score(10, 0.1 * config.lora.r, 0.0, 0.0, 1.0, calibration_error=0.01 * config.lora.r)
        trial.submit(config, {})
        trial.finish(Result(Outcome.COMPLETED, "abc", score=score))
        return trial.result()

    monkeypatch.setattr(single, "run_single", scored)
    words = ("experiment=quickstart", "lora.r=2,4", "hydra/launcher=basic", BOTH)
    monkeypatch.setattr(sys, "argv", ["launch.py", "-m", *words, f"hydra.sweep.dir={tmp_path / 'study'}"])
    hydra.main(version_base="1.3", config_path=str(ROOT / "conf"), config_name="config")(launch.main.__wrapped__)()
    assert [trial.values for trial in told(tmp_path / "study").trials] == [[0.2, 0.02], [0.4, 0.04]]


def test_a_trial_whose_own_evaluation_cannot_be_scored_is_refused_before_it_trains(tmp_path: Path) -> None:
    """As in `evaluation=log_probability,generate`: the config without the swept values has nothing wrong."""

    def composed(words: Sequence[str], number: int) -> DictConfig:
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            return compose("config", ["experiment=quickstart", *words], return_hydra_config=True)

    jobs = TrialJobs(InProcessPool(), tmp_path, ["a test"], composed, objective=TWO)
    assert jobs.prepare(0, ["evaluation=log_probability"]).number == 0
    with pytest.raises(ConfigError, match="generate gives no probabilities, which calibration_error needs"):
        jobs.prepare(1, ["evaluation=generate"])


def test_a_swept_evaluation_that_cannot_be_scored_is_refused_before_anything_starts(tmp_path: Path) -> None:
    words = ("evaluation=log_probability,generate", "hydra.sweeper.metric=calibration_error")
    program = Program(tmp_path / "study", *words)
    assert program.ended() == 1
    assert "1 value of this sweep cannot run" in program.said() and "which calibration_error needs" in program.said()
    assert not program.folder.exists()


def test_a_confirmation_is_swept_for_the_same_metric() -> None:
    words = _arguments(["-m", "lora.r=2,4", BOTH, "hydra.sweeper.direction=[maximize,minimize]"], 4)
    assert BOTH in words and not [word for word in words if "direction" in word or "lora.r" in word]


def test_a_study_of_before_there_was_a_choice_goes_on_as_one_of_accuracy(tmp_path: Path) -> None:
    folder = StudyDir(tmp_path)
    older = {"space": {"a": "1, 2"}, "direction": ["maximize"], "config": {}}
    folder.define("study", older, {"trials": 2})
    now = {**older, **objective_named("accuracy").to_record()}
    folder.refuse_another_objective(now)
    assert folder.changes(now) == []
    for other in ("gold_log_probability", "calibration_error"):
        with pytest.raises(ConfigError, match=f"metric: accuracy then, {other} now"):
            folder.refuse_another_objective({**older, **objective_named(other).to_record()})


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ("accuracy", "gold_log_probability", "metric=accuracy, direction=maximize"),
        ("calibration_error", "accuracy", "metric=calibration_error, direction=minimize"),
        ("accuracy", ["accuracy", "calibration_error"], "metric=accuracy, direction=maximize"),
    ],
)
def test_another_objective_in_a_storage_of_one_s_own_is_refused(before: str, now: Any, said: str) -> None:
    was = objective_named(before)
    study = optuna.create_study(directions=was.directions)
    settle_objective(study, was)
    settle_objective(study, was)
    with pytest.raises(ConfigError) as refused:
        settle_objective(study, objective_named(now))
    assert f"with another objective: {said}. Choose another" in str(refused.value)


def test_an_older_study_in_a_storage_of_one_s_own_is_one_of_accuracy() -> None:
    study = optuna.create_study(direction="maximize")
    study.add_trial(optuna.trial.create_trial(value=0.5))
    with pytest.raises(ConfigError, match="metric=accuracy, direction=maximize"):
        settle_objective(study, objective_named("gold_log_probability"))
    settle_objective(study, objective_named("accuracy"))
    another_program_s = optuna.create_study(direction="maximize")
    settle_objective(another_program_s, Objective(objective_named("accuracy").directions))
    assert another_program_s.metric_names is None


def test_a_changed_space_keeps_the_names_of_the_metrics(tmp_path: Path) -> None:
    folder = StudyDir(tmp_path)
    study = optuna.create_study(storage=journal_of(folder), study_name="s", directions=TWO.directions)
    settle_objective(study, TWO)
    space = parse_search_space(["a=1,2"], {}, [], {}, None)
    renew_journal(folder, "s", space)
    assert optuna.load_study(study_name="s", storage=journal_of(folder)).metric_names == TWO.names


def test_reports_of_several_metrics_do_not_disturb_optuna() -> None:
    """Optuna takes none of several objectives; the trials complete with both values."""
    inner = optuna.create_study(directions=TWO.directions)

    def course(number: int, words: Sequence[str]) -> Course:
        return Course(value=[number / 10, number / 10], reports=[(0.5, [0.1, 0.2])])

    study = make_study(["a=1,2,3"], into=inner)
    sweep, _, _ = make_sweep(study, course)
    assert sweep.run().complete
    assert [trial.values for trial in inner.trials] == [[0.0, 0.0], [0.1, 0.1], [0.2, 0.2]]
    assert len(Study(inner, parse_search_space(["a=1,2,3"], {}, [], {}, None), None).results()["solutions"]) == 3
