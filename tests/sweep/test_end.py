"""The end of a sweep: its leaderboard, its page, and an exit code that says whether every trial ended as it should."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from medqa_sweeps.errors import FailureKind
from medqa_sweeps.trial.records import Outcome, Result
from tests.analysis.trial_folders import complete, right_at, submit
from tests.conftest import ROOT


def end(folder: Path, **settings: Any) -> None:
    """What Hydra calls; it executes the plugin's file anew at each scan, and so does this."""
    spec = importlib.util.spec_from_file_location("plugin", ROOT / "hydra_plugins" / "medqa_sweeps.py")
    assert spec is not None and spec.loader is not None
    plugin: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plugin)
    config: DictConfig = OmegaConf.create({"hydra": {"sweep": {"dir": str(folder)}, "sweeper": {"plan_only": False}}})
    plugin.PrintLeaderboard(**settings).on_multirun_end(config)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    complete(tmp_path / "0", right_at(0, 200), lora__r=8, tracking__mode="disabled")
    return tmp_path


def test_a_study_whose_trials_all_completed_ends_well(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    end(study)
    assert "1 completed" in " ".join(capsys.readouterr().out.split())


def test_one_failed_trial_is_an_exit_code_of_1(study: Path) -> None:
    submit(study / "1", lora__r=16).finish(Result(Outcome.FAILED, "x", FailureKind.CONFIG, "No."))
    with pytest.raises(SystemExit, match="1"):
        end(study)


def test_a_leaderboard_that_crashes_is_shown_and_is_no_success(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hydra makes a warning of an exception in a callback, and the exit code would be 0."""

    def broken(*arguments: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("medqa_sweeps.analysis.terminal.printing.print_boards", broken)
    with pytest.raises(SystemExit, match="1"):
        end(study)
    assert "RuntimeError: a defect" in capsys.readouterr().err


def test_the_page_is_written_and_named(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    end(study)
    assert "Page: " in capsys.readouterr().out and (study / "report" / "index.html").exists()


def test_the_page_can_be_turned_off(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    end(study, page=False)
    assert "Page" not in capsys.readouterr().out and not (study / "report").exists()


def test_a_page_that_cannot_be_written_is_said_and_changes_no_exit_code(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("medqa_sweeps.analysis.report_folder.write_report", broken)
    end(study)
    out = capsys.readouterr().out
    assert "1 completed" in " ".join(out.split()) and "The page was not written: RuntimeError: a defect" in out
