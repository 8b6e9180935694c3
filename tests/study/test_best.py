"""Which config is the best: one rule for every caller.

Three configs under three seeds each. The luckiest trial (seed 2 of r=16) belongs to the second-best config: whoever
takes the single best trial is found out.
"""

from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml

from medqa_sweeps.analysis.comparing.leaderboard import leaderboard
from medqa_sweeps.analysis.reading.studies import read_study
from medqa_sweeps.config import signature
from medqa_sweeps.jobs.contract import JobEnded
from medqa_sweeps.study.best import ScoredTrial, on_front, ranked, ranked_in
from medqa_sweeps.study.confirmation import ChosenConfig, Confirmation, confirmed_winner, write_confirmation
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.study.objective import objective_named
from medqa_sweeps.study.selection import selected_trial
from medqa_sweeps.sweep.confirm import choose
from medqa_sweeps.sweep.space_parsing import parse_search_space
from medqa_sweeps.sweep.study import Study
from medqa_sweeps.sweep.table import SweepTable
from medqa_sweeps.trial.records import Outcome, Result, Score, StoppedBy
from tests.analysis.trial_folders import complete, right_at, submit

CORRECT = {8: (70, 71, 72), 16: (60, 62, 80), 32: (40, 41, 42)}  # of 100 questions, by rank and seed


def make(folder: Path) -> StudyDir:
    number = 0
    for rank_, by_seed in CORRECT.items():
        for seed, right in enumerate(by_seed):
            complete(folder / str(number), right_at(0, right, 100), lora__r=rank_, seed=seed)
            number += 1
    (folder / "study.yaml").write_text(yaml.safe_dump({"trials": number, "command": ["launch.py"], "directory": "."}))
    return StudyDir(folder)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyDir:
    return make(tmp_path_factory.mktemp("best") / "study")


def test_the_rule(study: StudyDir) -> None:
    configs = ranked_in(study.path)
    assert [[trial.number for trial in config.trials] for config in configs] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert configs[0].mean == pytest.approx(0.71) and configs[0].first.number == 0


def test_the_leaderboard(study: StudyDir) -> None:
    best = leaderboard(read_study(study.path)).best
    assert best is not None and [trial.name for trial in best.trials] == ["0", "1", "2"]


def test_confirm(study: StudyDir) -> None:
    assert choose(study.path, study.path.with_name("again"), 1, 2).configs[0].trials == [0, 1, 2]


def test_final(study: StudyDir) -> None:
    assert selected_trial(study) == (0, "the first seed of the best config by validation, on average over 3 seeds")


def test_the_winner_of_a_confirmation(tmp_path: Path) -> None:
    folder = make(tmp_path / "again").path
    configs = [ChosenConfig("r=16", [0], 0.8, [3, 4, 5]), ChosenConfig("r=8", [1], 0.7, [0, 1, 2])]
    write_confirmation(folder, Confirmation("../study", 2, [0, 1, 2], configs))
    winner = confirmed_winner(folder)
    assert winner is not None and winner.settings == "r=8"


def test_the_live_table(study: StudyDir, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    table = SweepTable(Console(), 9)
    for config in ranked_in(study.path):
        for trial in config.trials:
            table.earlier(
                JobEnded(trial.number, Outcome.COMPLETED, trial.value, scored=trial), f"r=? seed={trial.seed}"
            )
    assert "best so far r=?, 71.0% on average over 3 seeds" in table.totals()


def test_the_record_of_the_results(study: StudyDir) -> None:
    words = ["lora.r=8,16,32", "seed=0,1,2"]
    asked = Study(optuna.create_study(direction="maximize"), parse_search_space(words, {}, [], {}, None), None)
    values = [right / 100 for by_seed in CORRECT.values() for right in by_seed]
    for value in values:
        candidate = asked.ask()
        assert candidate is not None
        asked.tell(JobEnded(candidate.number, Outcome.COMPLETED, value))
    assert asked.results(ranked_in(study.path)[:1]) == {
        "name": "optuna",
        "best_params": {"lora.r": 8},
        "best_value": pytest.approx(0.71),
        "best_trials": [0, 1, 2],
    }


def test_the_smallest_is_the_best_where_that_is_asked_for() -> None:
    trials = [ScoredTrial(number, key, 0, value) for number, (key, value) in enumerate([("a", 3.0), ("b", 1.0)])]
    assert [config.first.number for config in ranked(trials, objective_named("calibration_error"))] == [1, 0]


def test_of_several_objectives_the_first_ranks_then_the_next_and_the_front_is_of_means_over_seeds() -> None:
    """The luckiest trial for both (config b, seed 1) is not enough for b to be on the front."""
    values = {"a": [(0.7, 0.2), (0.7, 0.2)], "b": [(0.3, 0.5), (0.9, 0.1)], "c": [(0.7, 0.1)], "d": [(0.5, 0.05)]}
    trials = [
        ScoredTrial(10 * index + seed, key, seed, accuracy, others=(error,))
        for index, (key, by_seed) in enumerate(values.items())
        for seed, (accuracy, error) in enumerate(by_seed)
    ]
    objective = objective_named(["accuracy", "calibration_error"])
    configs = ranked(trials, objective)
    assert [config.first.replicate_key for config in configs] == ["c", "a", "b", "d"]
    assert [config.first.replicate_key for config in on_front(configs, objective)] == ["c", "d"]


def test_equal_configs_stay_in_the_order_in_which_they_were_tried() -> None:
    trials = [ScoredTrial(number, key, 0, 0.5) for number, key in ((2, "a"), (0, "b"), (1, "c"))]
    assert [config.first.number for config in ranked(trials)] == [0, 1, 2]


def test_a_second_trial_of_one_seed_is_no_replicate() -> None:
    trials = [ScoredTrial(0, "a", 0, 0.5), ScoredTrial(1, "a", 0, 0.5), ScoredTrial(2, "a", 1, 0.5)]
    assert [[trial.number for trial in config.trials] for config in ranked(trials)] == [[0, 2], [1]]


def finish(path: Path, accuracy: float, message: str = "", **more: Any) -> None:
    score = Score(100, accuracy, 0.0, 0.0, 1.0)
    submit(path, seed=int(path.name)).finish(Result(Outcome.COMPLETED, "abc", message=message, score=score, **more))


def test_a_trial_that_a_person_stopped_is_not_ranked_and_one_that_its_own_patience_ended_is(tmp_path: Path) -> None:
    finish(tmp_path / "0", 0.5)
    finish(tmp_path / "1", 0.9, stopped_by=StoppedBy.REQUEST)
    finish(tmp_path / "2", 0.9, message="stopped on request after 8 of 64 samples")  # an older result
    finish(tmp_path / "3", 0.6, stopped_by=StoppedBy.PATIENCE)
    (config,) = ranked_in(tmp_path)
    assert [trial.number for trial in config.trials] == [0, 3]


def test_the_key_of_an_older_folder_is_made_from_its_record(tmp_path: Path) -> None:
    import json

    for number, fingerprint in enumerate(["x", "x", "y"]):
        finish(tmp_path / str(number), 0.5)
        record = {"base": {"fingerprint": "b"}, "questions": {"fingerprint": fingerprint}, "seeds": {"trial": number}}
        (tmp_path / str(number) / "provenance.json").write_text(json.dumps(record))
    assert [[trial.number for trial in config.trials] for config in ranked_in(tmp_path)] == [[0, 1], [2]]


def test_replicates_differ_in_nothing_but_the_seed(tmp_path: Path) -> None:
    from medqa_sweeps.config import replicate_key
    from tests.analysis.trial_folders import trial_config

    key = replicate_key(trial_config(seed=3), "base", "questions")
    assert key == replicate_key(trial_config(seed=4), "base", "questions")
    assert key != replicate_key(trial_config(seed=3, lora__r=8), "base", "questions")
    assert key != replicate_key(trial_config(seed=3), "other", "questions")
    assert signature(trial_config(seed=3), "b", "q") != signature(trial_config(seed=4), "b", "q")
