"""The best configs run again under fresh seeds, through the same machinery; the training is `stand_in.py`."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

import launch
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.study.confirmation import confirmed_winner, read_confirmation
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.sweep.confirm import _arguments, choose, confirm
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Outcome, Result, Score
from tests.analysis.trial_folders import submit
from tests.sweep.test_faults import ROOT, Program, complete, told

AWKWARD = "it's [1]=#é, ${x}\\"  # a study's name, full of what Hydra and shells read as something else


def medqa_sweeps(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "medqa_sweeps", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def said(process: subprocess.Popen[str], code: int = 0) -> str:
    text, _ = process.communicate(timeout=200)
    assert process.returncode == code, text
    return text


def config_of(trial: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((trial / "config.yaml").read_text()))


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of conf/ that a test may edit."""
    folder = tmp_path_factory.mktemp("edited") / "conf"
    shutil.copytree(Path(launch.__file__).parent / "conf", folder)
    return folder


@pytest.fixture(scope="module")
def confirmed(tmp_path_factory: pytest.TempPathFactory, conf: Path) -> tuple[Path, str]:
    """A study and what its confirmation said: conf/ was edited in between, and the confirmation interrupted once."""
    folder = tmp_path_factory.mktemp("confirmed") / AWKWARD
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONF", str(conf))
        words = ("lora.r=2,4,8", "optimizer.lr=1e-3,1e-2", "lora.dropout=0.1")
        words += ("hydra/sweeper/pruner=threshold", "hydra.sweeper.pruner.lower=0.0", "training.max_steps=40")
        program = Program(folder, *words)
        assert program.ended(200) == 0, program.said()
        quickstart = conf / "experiment" / "quickstart.yaml"
        quickstart.write_text(quickstart.read_text().replace("batch_size: 100", "batch_size: 7\n  calibration_bins: 3"))
        asked = ("confirm", str(folder), "--top", "2", "--seeds", "3")
        first = medqa_sweeps(*asked)
        end = time.monotonic() + 150
        while not list(folder.with_name(f"{AWKWARD}-confirm").glob("*/metrics.jsonl")):
            assert time.monotonic() < end and first.poll() is None, first.stdout and first.stdout.read()
            time.sleep(0.01)
        first.send_signal(signal.SIGINT)
        stopped = said(first, 130)
        resume = re.search("To resume: uv run medqa-sweeps (.*)", stopped)
        assert resume, stopped
        assert shlex.split(resume[1])[:-1] == ["resume"]
        assert (ROOT / shlex.split(resume[1])[-1]).samefile(folder.with_name(f"{AWKWARD}-confirm"))
        return folder, said(medqa_sweeps("resume", str(folder.with_name(f"{AWKWARD}-confirm"))))


def test_the_saved_configs_decide_and_only_the_seed_differs(confirmed: tuple[Path, str]) -> None:
    study, again = confirmed[0], confirmed[0].with_name(f"{AWKWARD}-confirm")
    complete(again, trials=6)
    record = read_confirmation(again)
    assert record is not None and (record.study, record.chosen_among, record.seeds) == (f"../{AWKWARD}", 6, [1, 2, 3])
    for config in record.configs:
        for number, seed in zip(config.again, record.seeds, strict=True):
            assert config_of(again / str(number)) == {**config_of(study / str(config.trials[0])), "seed": seed}
            provenance = json.loads((again / str(number) / "provenance.json").read_text())
            assert provenance["seeds"]["trial"] == seed and "confirm" in provenance["command"]
    assert len({json.loads((again / str(n) / "result.json").read_text())["signature"] for n in range(6)}) == 6


def test_the_best_were_chosen_and_nothing_was_pruned(confirmed: tuple[Path, str]) -> None:
    study, again = confirmed[0], confirmed[0].with_name(f"{AWKWARD}-confirm")
    values = {trial.number: trial.value for trial in told(study).trials if trial.state.name == "COMPLETE"}
    record = read_confirmation(again)
    assert record is not None
    assert [config.accuracy for config in record.configs] == sorted(values.values(), reverse=True)[:2]
    assert [values[config.trials[0]] for config in record.configs] == [config.accuracy for config in record.configs]
    assert "hydra/sweeper/pruner=none" in yaml.safe_load((again / "study.yaml").read_text())["command"]


def test_it_says_at_the_start_what_the_questions_share_with_training(confirmed: tuple[Path, str]) -> None:
    caution = r"Caution    \d+ of 16 validation questions have a near-duplicate in training, so .*\.\n"
    assert re.search(caution, confirmed[1])


def test_it_says_what_it_confirms_and_what_came_of_it(confirmed: tuple[Path, str]) -> None:
    words = confirmed[1]
    assert "Confirms" in words and "the best 2 of 6 configs again under the fresh seeds 1, 2, 3" in words
    assert "leads again" in words or "The order changed" in words
    assert "with new seeds it averages" in words and ("points less." in words or "points more." in words)
    assert "16 validation questions" in words and "the validation questions that were used for selection" in words
    assert "seed=2" in words, "a trial is told by its config and its seed"
    status = said(medqa_sweeps("status", str(confirmed[0].with_name(f"{AWKWARD}-confirm"))))
    assert "6 of 6 done" in status


def test_another_question_in_the_same_folder_is_refused(confirmed: tuple[Path, str]) -> None:
    words = said(medqa_sweeps("confirm", str(confirmed[0]), "--top", "3", "--seeds", "3"), 1)
    assert "confirms 2 configs under 3 seeds already" in words and "--into" in words


def test_a_study_that_is_being_swept_has_no_best_yet(tmp_path: Path) -> None:
    study = StudyDir(tmp_path / "study")
    finish(submit(study.path / "0"), 0.5)
    study.definition_file.write_text(yaml.safe_dump({"trials": 2, "command": ["launch.py"], "directory": "."}))
    with study.claimed(), pytest.raises(ConfigError, match="another process is sweeping"):
        confirm(StudyDir(study.path), 1, 1)
    assert not (tmp_path / "study-confirm").exists()


def finish(trial: TrialDir, accuracy: float, outcome: Outcome = Outcome.COMPLETED) -> None:
    score = Score(100, accuracy, 0.0, 0.0, 1.0) if outcome is Outcome.COMPLETED else None
    trial.finish(Result(outcome, "abc", score=score))


def test_replicates_are_one_config_and_their_mean_counts(tmp_path: Path) -> None:
    study = tmp_path / "study"
    for number, (rank, seed, accuracy) in enumerate(
        [(8, 0, 0.9), (8, 4, 0.3), (16, 0, 0.7), (16, 1, 0.6), (32, 0, 0.5)]
    ):
        finish(submit(study / str(number), lora__r=rank, seed=seed), accuracy)
    submit(study / "5", lora__r=64, seed=2)  # under way: not to be chosen, and its seed is not fresh
    chosen = choose(study, tmp_path / "study-confirm", 2, 3)
    assert [(one.trials, round(one.accuracy, 6), one.again) for one in chosen.configs] == [
        ([2, 3], 0.65, [0, 1, 2]),
        ([0, 1], 0.6, [3, 4, 5]),
    ]
    assert (chosen.chosen_among, chosen.seeds) == (3, [3, 5, 6])
    with pytest.raises(ConfigError, match="3 configs with a score"):
        choose(study, tmp_path / "other", 4, 1)


def test_the_search_is_dropped_from_the_words_and_the_rest_stays() -> None:
    asked = [
        *("-m", "-cn", "config", "experiment=quickstart", "lora.r=8,16", "optimizer.lr=interval(1e-4,1e-2)", "seed=3"),
        *("lora.target_modules=[q_proj,v_proj]", "hydra.sweeper.n_trials=9", "hydra/sweeper/sampler=tpe"),
        *("hydra.sweeper.n_jobs=2", "hydra.launcher.devices=cpu", "hydra.sweep.dir=x"),
    ]  # fmt: skip
    kept = _arguments([*asked, "++seed=3", "--config-dir", "/a=1,2"], 6)
    assert kept.pop(7) == "--config-dir" and kept.pop(7) == "/a=1,2"
    assert kept[:6] == [
        *("-m", "-cn", "config", "experiment=quickstart", "lora.target_modules=[q_proj,v_proj]"),
        "hydra.sweeper.n_jobs=2",
    ]  # fmt: skip
    assert kept[6] == "hydra.launcher.devices=cpu" and kept[-1] == "hydra.sweeper.n_trials=6"


def test_the_winner_is_known_when_every_seed_has_completed(confirmed: tuple[Path, str], tmp_path: Path) -> None:
    again = confirmed[0].with_name(f"{AWKWARD}-confirm")
    winner, record = confirmed_winner(again), read_confirmation(again)
    assert winner is not None and record is not None
    means = {config.settings: sum(told(again).trials[n].value or 0 for n in config.again) for config in record.configs}
    assert means[winner.settings] == max(means.values())
    partly = tmp_path / "study-confirm"
    shutil.copytree(again, partly)
    (partly / "4" / "result.json").unlink()
    assert confirmed_winner(partly) is None and confirmed_winner(confirmed[0]) is None
