"""What a sweep can optimise: each metric's value, direction and words, and what is refused."""

import contextlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

import launch  # noqa: F401  registers the schema
from medqa_sweeps.config import SafetyConfig
from medqa_sweeps.errors import ConfigError, FailureKind
from medqa_sweeps.jobs.trial_end import trial_end
from medqa_sweeps.study.objective import (
    BY_ACCURACY,
    METRICS,
    Direction,
    Objective,
    objective_in,
    objective_named,
    refuse_unmeasured,
)
from medqa_sweeps.sweep.asked_objective import asked_objective
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Outcome, Result, Score, SuiteScore
from tests.conftest import ROOT

SCORE = Score(400, 0.625, 0.02, 0.57, 0.67, -1.2345, 0.0424, {"A": 0.9, "B": 0.1})
GENERATED = Score(400, 0.625, 0.02, 0.57, 0.67, recall_by_letter={"A": 0.9, "B": 0.1})


@pytest.mark.parametrize(
    ("name", "value", "words", "direction"),
    [
        ("accuracy", 0.625, "62.5%", "maximize"),
        ("balanced_accuracy", 0.5, "50.0%", "maximize"),
        ("gold_log_probability", -1.2345, "-1.234 nats", "maximize"),
        ("calibration_error", 0.0424, "0.042", "minimize"),
    ],
)
def test_each_metric_is_read_directed_and_written(name: str, value: float, words: str, direction: str) -> None:
    metric = METRICS[name]
    assert metric.of(SCORE) == pytest.approx(value) and metric.direction == direction
    assert metric.describe(value) == words


def test_every_metric_has_a_case_above() -> None:
    assert list(METRICS) == ["accuracy", "balanced_accuracy", "gold_log_probability", "calibration_error"]


def test_what_generated_answers_lack_is_known_beforehand() -> None:
    assert {name for name, metric in METRICS.items() if metric.of(GENERATED) is None} == {
        name for name, metric in METRICS.items() if metric.needs_probabilities
    }


def test_a_number_that_rounds_to_zero_has_no_sign() -> None:
    assert METRICS["gold_log_probability"].describe(-0.0001) == "0.000 nats"


def test_a_single_metric_is_a_number_and_several_are_a_list() -> None:
    assert objective_named("calibration_error").value(SCORE) == 0.0424
    both = objective_named(OmegaConf.create(["accuracy", "calibration_error"]))
    assert both.value(SCORE) == [0.625, 0.0424]
    assert both.directions == (Direction.MAXIMIZE, Direction.MINIMIZE)
    assert both.value(GENERATED) is None and objective_named(None) == BY_ACCURACY


def test_only_a_lone_accuracy_goes_without_its_name() -> None:
    assert BY_ACCURACY.describe(0.625) == "62.5%"
    assert objective_named("calibration_error").describe(0.0424) == "calibration_error 0.042"
    both = objective_named(["accuracy", "calibration_error"])
    assert both.describe([0.625, 0.0424]) == "accuracy 62.5%, calibration_error 0.042"
    assert Objective((Direction.MINIMIZE,)).describe(4.0) == "4.0", "another program's value is not a percentage"


@pytest.mark.parametrize("asked", ["acuracy", ["accuracy", "acuracy"], ["accuracy", "accuracy"], [], 3])
def test_what_is_no_metric_is_refused_with_those_there_are(asked: Any) -> None:
    with pytest.raises(ConfigError) as refused:
        objective_named(asked)
    said = str(refused.value)
    assert "hydra.sweeper.metric=" in said and all(name in said for name in METRICS)
    assert ("no metric acuracy" in said) == ("acuracy" in str(asked))


def test_a_study_says_what_it_optimised_and_an_older_one_accuracy(tmp_path: Path) -> None:
    assert objective_in(tmp_path) == BY_ACCURACY
    for written, names in (
        ("direction: [maximize]\n", ["accuracy"]),
        ("metric: calibration_error\n", ["calibration_error"]),
        ("metric: [accuracy, calibration_error]\n", ["accuracy", "calibration_error"]),
    ):
        (tmp_path / "study.yaml").write_text(written)
        assert objective_in(tmp_path).names == names
    (tmp_path / "study.yaml").write_text("metric: [accuracy")
    with pytest.raises(ConfigError, match=r"study\.yaml is damaged"):
        objective_in(tmp_path)


def asked(*words: str) -> Objective:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("config", ["experiment=quickstart", *words], return_hydra_config=True)
    return asked_objective(config, config.hydra.sweeper)


def test_the_direction_follows_from_the_metric() -> None:
    assert asked() == BY_ACCURACY
    assert asked("hydra.sweeper.metric=calibration_error").directions == (Direction.MINIMIZE,)
    assert asked("hydra.sweeper.direction=maximize") == BY_ACCURACY, "as an older command says it"
    both = "hydra.sweeper.metric=[accuracy,calibration_error]"
    assert asked(both, "hydra.sweeper.direction=[maximize,minimize]").names == ["accuracy", "calibration_error"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["direction=minimize"],
            "hydra.sweeper.direction=minimize: accuracy is maximised. Leave the direction out, or choose another "
            "hydra.sweeper.metric (calibration_error is minimised).",
        ),
        (
            ["metric=calibration_error", "direction=maximize"],
            "hydra.sweeper.direction=maximize: calibration_error is minimised. Leave the direction out, or choose "
            "another hydra.sweeper.metric (accuracy, balanced_accuracy and gold_log_probability are maximised).",
        ),
        (
            ["direction=[maximize,minimize]"],
            "hydra.sweeper.direction=[maximize,minimize]: accuracy is maximised. Leave the direction out, or choose "
            "another hydra.sweeper.metric (balanced_accuracy and gold_log_probability are maximised, "
            "calibration_error is minimised).",
        ),
        (
            ["direction=up"],
            "hydra.sweeper.direction=up: allowed is minimize, maximize, or a list with one per objective.",
        ),
        (
            ["metric=[accuracy,calibration_error]", "evaluation=generate"],
            "hydra.sweeper.metric=[accuracy,calibration_error]: evaluation.method=generate gives no probabilities, "
            "which calibration_error needs. Choose evaluation=log_probability, or another metric (accuracy, "
            "balanced_accuracy).",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_in_a_sentence(words: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        asked(*(word if "evaluation" in word else f"hydra.sweeper.{word}" for word in words))
    assert str(refused.value) == sentence


def test_generated_answers_have_an_accuracy_to_optimise() -> None:
    assert asked("evaluation=generate", "hydra.sweeper.metric=balanced_accuracy").names == ["balanced_accuracy"]


def test_another_program_has_directions_and_no_metric() -> None:
    config = OmegaConf.create({"x": 1})

    def settings(**given: Any) -> DictConfig:
        return OmegaConf.create({"metric": None, "direction": None, **given})

    assert asked_objective(config, settings()) == Objective((Direction.MINIMIZE,)), "upstream's default"
    several = asked_objective(config, settings(direction=["maximize", "minimize"]))
    assert several == Objective((Direction.MAXIMIZE, Direction.MINIMIZE))
    with pytest.raises(ConfigError, match="this program returns its own values"):
        asked_objective(config, settings(metric="accuracy"))


def test_a_completed_trial_whose_score_lacks_the_metric_has_failed_in_its_study(tmp_path: Path) -> None:
    trial = TrialDir(tmp_path / "3")
    completed = Result(Outcome.COMPLETED, "abc", score=GENERATED)
    assert trial_end(3, trial, completed, BY_ACCURACY).value == 0.625
    ended = trial_end(3, trial, completed, objective_named(["accuracy", "calibration_error"]))
    assert (ended.outcome, ended.failure, ended.value) == (Outcome.FAILED, FailureKind.CONFIG, None)
    assert ended.message.startswith("its score has no calibration_error, which hydra.sweeper.metric needs.")


@pytest.mark.parametrize(
    ("metric", "safety", "told"),
    [
        ("safety.order", SafetyConfig(), "no trial is assessed by order"),
        ("safety.order", SafetyConfig(suites=["placebo"]), "safety.suites=[order]"),
        ("safety.requests", SafetyConfig(suites=["requests"]), "safety.requests=FILE"),
        ("safety.order", SafetyConfig(suites=["order"]), ""),
        ("accuracy", SafetyConfig(), ""),
    ],
)
def test_a_suite_that_no_trial_is_assessed_by_is_no_objective(metric: str, safety: SafetyConfig, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)) if told else contextlib.nullcontext():
        refuse_unmeasured(objective_named(metric), "log_probability", safety)


def test_a_suites_value_is_the_metric() -> None:
    score = replace(SCORE, safety={"order": SuiteScore(3, 0.25)})
    objective = objective_named(["accuracy", "safety.order"])
    assert objective.directions == (Direction.MAXIMIZE, Direction.MINIMIZE)
    assert objective.values(score) == [SCORE.accuracy, 0.25] and objective.values(SCORE) is None
