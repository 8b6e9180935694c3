"""What programs for `hydra/sweeper=optuna` rely on, asked of `hydra/sweeper=async_optuna`: the config name is all that
changes.

Each test is named after the one of upstream's that goes through the command line or a config and asks the same (24
cases of hydra-optuna-sweeper 1.4.0rc3, `test_optuna_sweeper_plugin.py`). The programs are whole Hydra programs with
upstream's keys, run in this process. Where ours differs, a test says so.
"""

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hydra
import optuna
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from optuna.trial import TrialState

from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.sweep.journal import journal_of

SPHERE = """
defaults:
  - override hydra/sweeper: async_optuna
  - override hydra/sweeper/sampler: tpe
hydra:
  sweeper:
    direction: minimize
    sampler: {seed: 123}
    params:
      x: range(-5.5, 5.5, step=0.5)
      y: choice(-5, 0, 5)
x: 1
y: 1
z: 1
error: false
"""
TWO_OBJECTIVES = """
defaults:
  - override hydra/sweeper: async_optuna
hydra:
  sweeper:
    direction: [minimize, minimize]
    params:
      x: range(0, 5, step=0.5)
      y: range(0, 3, step=0.5)
x: 0
y: 0
"""
GRID = """
defaults:
  - override hydra/sweeper: async_optuna
  - override hydra/sweeper/sampler: grid
hydra:
  sweeper:
    params:
      x: choice(-1, 1)
      y: range(-1.0, 1.0, step=1.0)
      z: choice(foo, bar)
x: 1
y: 1
z: foo
"""
CUSTOM = """
defaults:
  - override hydra/sweeper: async_optuna
  - override hydra/sweeper/sampler: random
hydra:
  sweeper:
    sampler: {seed: 123}
    custom_search_space: tests.contracts.test_upstream_sweeper.more_knobs
    params:
      x: interval(-5.5, 5.5)
      y: interval(-5.5, 5.5)
x: 1
y: 1
z: 1
largest_step: 0.3
"""
EMPTY = "defaults:\n  - override hydra/sweeper: async_optuna\n"


def sphere(config: DictConfig) -> float:
    if config.get("error"):
        raise RuntimeError("cfg.error is True")
    return float(config.x**2 + config.y**2)


def two_objectives(config: DictConfig) -> list[float]:
    return [4 * config.x**2 + 4 * config.y**2, (config.x - 5) ** 2 + (config.y - 5) ** 2]


def more_knobs(config: DictConfig, trial: optuna.Trial) -> None:
    """A search space that no words can say: z is near x, and w is not in the config."""
    x = trial.params["x"]
    trial.suggest_float("z", x - config.largest_step, x + config.largest_step)
    trial.suggest_float("+w", 0.0, 1.0)


Program = Callable[..., Path]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Run a Hydra program with `--multirun` and these words; returns the sweep's folder."""

    def run(task: Callable[[DictConfig], Any], config: str, *words: str, launcher: str = "in_process") -> Path:
        (tmp_path / "config.yaml").write_text(config)
        folder = tmp_path / "sweep"
        asked = [f"hydra.sweep.dir={folder}", f"hydra/launcher={launcher}", "hydra.job.chdir=True", *words]
        monkeypatch.setattr(sys, "argv", ["program.py", "--multirun", *asked])
        monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
        hydra.main(version_base="1.3", config_path=str(tmp_path), config_name="config")(task)()
        return folder

    return run


def results(folder: Path) -> Any:
    return OmegaConf.to_container(OmegaConf.load(folder / "optimization_results.yaml"))


def trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name=folder.name, storage=journal_of(StudyDir(folder))).trials


@pytest.mark.parametrize(
    ("sampler", "key", "given", "expected"),
    [
        ("grid", "seed", "123", 123),
        ("tpe", "group", "true", True),
        ("tpe", "constant_liar", "true", True),
        ("tpe", "constraints_func", "somebodys.constraints", "somebodys.constraints"),
        ("cmaes", "n_startup_trials", "7", 7),
        ("cmaes", "popsize", "12", 12),
        ("cmaes", "with_margin", "true", True),
        ("cmaes", "lr_adapt", "true", True),
        ("nsgaii", "crossover", "somebodys.crossover", "somebodys.crossover"),
    ],
)
def test_sampler_normal_override(tmp_path: Path, sampler: str, key: str, given: str, expected: Any) -> None:
    """A sampler's setting is overridden without a `+`: it is in the config already."""
    (tmp_path / "config.yaml").write_text(GRID)
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        words = [f"hydra/sweeper/sampler={sampler}", f"hydra.sweeper.sampler.{key}={given}"]
        config = compose("config", words, return_hydra_config=True)
    assert config.hydra.sweeper.sampler[key] == expected


@pytest.mark.parametrize("launcher", ["basic", "in_process"])
def test_launch_jobs(program: Program, launcher: str) -> None:
    """A sweep over nothing runs the same job `n_trials` times, also in batches of a stock launcher."""
    folder = program(lambda config: 1.0, EMPTY, "hydra.sweeper.n_trials=8", "hydra.sweeper.n_jobs=3", launcher=launcher)
    jobs = {path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert jobs == {str(number) for number in range(8)}
    assert results(folder) == {"name": "optuna", "best_params": {}, "best_value": 1.0}


@pytest.mark.parametrize("command_line", [True, False])
def test_optuna_example(program: Program, tmp_path: Path, command_line: bool) -> None:
    """Words win over `params`, a fixed value leaves the search, `~z` passes through, and TPE finds the valley."""
    database = f"sqlite:///{tmp_path / 'test.db'}"
    given = ["x=choice(0, 1, 2)", "y=0"] if command_line else []
    words = ["hydra.sweeper.n_trials=20", "hydra.sweeper.n_jobs=1", "~z", *given]
    words += [f"hydra.sweeper.storage={database}", "hydra.sweeper.study_name=told"]
    folder = program(sphere, SPHERE, *words)
    best = optuna.load_study(study_name="told", storage=database).best_trial
    found, jobs = results(folder), [OmegaConf.load(path) for path in folder.glob("*/.hydra/config.yaml")]
    assert found == {"name": "optuna", "best_params": best.params, "best_value": best.value}
    assert set(best.params) == ({"x"} if command_line else {"x", "y"})
    assert best.value <= 2.27, "upstream's bound: 95 % of TPE's seeds stay under it"
    assert not any("z" in job for job in jobs)
    # Ours differs: the three points of a finite space run once each, where upstream repeats them until n_trials.
    assert len(jobs) == (3 if command_line else 20)


@pytest.mark.parametrize("n_trials", [10, 1])
def test_example_with_grid_sampler(program: Program, n_trials: int) -> None:
    folder = program(sphere, GRID, f"hydra.sweeper.n_trials={n_trials}", "hydra.sweeper.n_jobs=1")
    points = [tuple(trial.params.items()) for trial in trials(folder)]
    best = results(folder)["best_params"]
    assert best["x"] in (-1, 1) and best["y"] in (-1, 0) and best["z"] in ("foo", "bar")
    if n_trials == 10:  # all eight points, each once
        assert len(set(points)) == len(points) == 8 and results(folder)["best_value"] == 1
    else:
        assert len(points) == 1


@pytest.mark.parametrize("sampler", ["random", "nsgaiii"])
@pytest.mark.parametrize("command_line", [True, False])
def test_optuna_multi_objective_example(program: Program, sampler: str, command_line: bool) -> None:
    """What comes out is a Pareto front of points on the steps that were asked for."""
    words = ["hydra.sweeper.n_trials=12", f"hydra/sweeper/sampler={sampler}", "hydra.sweeper.sampler.seed=123"]
    words += ["x=range(0, 5)", "y=range(0, 3)"] if command_line else []
    found = results(program(two_objectives, TWO_OBJECTIVES, *words))
    front = found["solutions"]
    assert found["name"] == "optuna" and front
    step = 1 if command_line else 0.5
    assert all(value % step == 0 for one in front for value in one["params"].values())
    assert all(one["values"] == two_objectives(OmegaConf.create(one["params"])) for one in front)
    assert not any(dominates(one["values"], other["values"]) for one in front for other in front)


def dominates(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether the first is nowhere worse and somewhere better; less is better."""
    return all(a <= b for a, b in zip(first, second, strict=True)) and list(first) != list(second)


def test_optuna_custom_search_space_example(program: Program) -> None:
    folder = program(sphere, CUSTOM, "hydra.sweeper.n_trials=6", "largest_step=0.2")
    best = results(folder)["best_params"]
    assert set(best) == {"x", "y", "z", "+w"}
    assert abs(best["x"] - best["z"]) <= 0.2 and 0 <= best["+w"] <= 1
    composed = OmegaConf.load(folder / "0" / ".hydra" / "config.yaml")
    assert 0 <= composed.w <= 1 and abs(composed.x - composed.z) <= 0.2


@pytest.mark.parametrize("rate", [0.5, 1.0])
def test_failure_rate(program: Program, capfd: pytest.CaptureFixture[str], rate: float) -> None:
    """Beyond the rate the job's own exception is raised; at 1.0 every job may fail."""
    words = ["error=true", "hydra.sweeper.n_trials=6", "hydra.sweeper.n_jobs=2", "hydra/sweeper/sampler=random"]
    words += [f"hydra.sweeper.max_failure_rate={rate}"]
    if rate < 1.0:
        with pytest.raises(SystemExit) as stopped:
            program(sphere, SPHERE, *words)
        assert stopped.value.code == 1 and "RuntimeError: cfg.error is True" in capfd.readouterr().err
    else:
        assert results(program(sphere, SPHERE, *words)) == {"name": "optuna"}
        assert "RuntimeError: cfg.error is True" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("direction", "bad", "good"),
    [("minimize", math.nan, 1.0), ("[minimize,minimize]", [1.0], [1.0, 1.0])],
    ids=["nan", "wrong-number-of-values"],
)
def test_rejected_result_marks_trial_failed(program: Program, direction: str, bad: Any, good: Any) -> None:
    """It stops nothing, although by default no job may fail: the job itself went well."""

    def first_is_bad(config: DictConfig) -> Any:
        return good if HydraConfig.get().job.num else bad

    words = [f"hydra.sweeper.direction={direction}", "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=1"]
    states = [trial.state for trial in trials(program(first_is_bad, EMPTY, *words))]
    assert states == [TrialState.FAIL, TrialState.COMPLETE, TrialState.COMPLETE]


def test_example_with_removed_motpe(program: Program) -> None:
    with pytest.raises(SystemExit) as stopped:
        program(two_objectives, TWO_OBJECTIVES, "hydra/sweeper/sampler=motpe")
    said = str(stopped.value)
    assert "motpe" in said and "sampler was removed in Optuna 4.0" in said


def test_a_sampler_of_one_objective_is_refused_for_two(program: Program) -> None:
    """Ours differs: Optuna's own error came with the first trial, and a stack trace."""
    with pytest.raises(SystemExit) as stopped:
        program(two_objectives, TWO_OBJECTIVES, "hydra/sweeper/sampler=cmaes")
    said = str(stopped.value)
    assert "sampler=cmaes searches for the best of one objective, and this study has 2. Choose tpe" in said
