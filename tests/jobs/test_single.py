"""How a single run says that it ends: what Ctrl-C does now, and the gain over the untuned base in pairs."""

from pathlib import Path

import pytest

from medqa_sweeps.command_line import short_path
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.jobs.contract import JobEnded
from medqa_sweeps.jobs.single import _ending, _stopping
from medqa_sweeps.statistics import compare_answers
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.phase import Phase, PhaseName
from medqa_sweeps.trial.records import Outcome, Result
from tests.analysis.passage_lines import with_passages
from tests.analysis.trial_folders import complete, right_at, submit


def ending(trial: TrialDir) -> str:
    result = trial.result()
    assert result is not None
    return _ending(trial, result, JobEnded(0, result.outcome)).splitlines()[0]


def answers(*runs: tuple[bool, int]) -> list[bool]:
    return [right for right, times in runs for _ in range(times)]


def test_a_gain_that_could_be_chance_is_not_resolved(tmp_path: Path) -> None:
    """20 questions, 5 gained and 2 lost."""
    trained = answers((True, 12), (False, 8))
    base = answers((True, 7), (False, 5), (True, 2), (False, 6))
    text = ending(complete(tmp_path / "0", trained, base))
    assert text.startswith("Completed: accuracy 60.0% of 20 questions (95% CI ")
    assert "; +15.0 points over the untuned base (95% CI -12.3 to 40.5): not resolved. 81 s, in " in text
    assert "45.0%" not in text, "two accuracies side by side look like a gain"


def test_a_significant_gain_has_the_leaderboard_s_interval(tmp_path: Path) -> None:
    import numpy as np

    trained, base = answers((True, 60), (False, 40)), answers((True, 20), (False, 80))
    paired = compare_answers(np.array(trained), np.array(base))
    text = ending(complete(tmp_path / "0", trained, base))
    limits = f"{100 * paired.low:.1f} to {100 * paired.high:.1f}"
    assert f"; +40.0 points over the untuned base (95% CI {limits}). 81 s" in text


def test_a_loss_is_no_gain(tmp_path: Path) -> None:
    trained, base = answers((False, 30), (True, 20)), answers((True, 50))
    text = ending(complete(tmp_path / "0", trained, base))
    assert "; -60.0 points compared with the untuned base (95% CI -72.4 to " in text


def test_without_a_scored_base_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    text = ending(complete(tmp_path / "0", answers((True, 3), (False, 1))))
    assert "untuned base" not in text and "4 questions" in text


def test_whether_the_passages_help_has_a_line_of_its_own(tmp_path: Path) -> None:
    trial = with_passages(tmp_path / "0", right_at(0, 250), right_at(0, 100), right_at(0, 240))
    result = trial.result()
    assert result is not None
    _, passages, *_ = _ending(trial, result, JobEnded(0, result.outcome)).splitlines()
    assert passages.startswith("The passages help: with them the model is 37.5 points (95% CI ")
    trial.controls_file.write_text("{\n")
    _, damaged, *_ = _ending(trial, result, JobEnded(0, result.outcome)).splitlines()
    assert damaged.startswith(f"{trial.controls_file} is damaged in line 1 (")
    trial.controls_file.unlink()
    assert "\nThe passages were not compared with the controls" in _ending(trial, result, JobEnded(0, result.outcome))


def test_a_failure_keeps_its_own_sentence(tmp_path: Path) -> None:
    trial = submit(tmp_path / "0")
    trial.fail(FailureKind.DATA, "a question is missing")
    assert ending(trial) == "Failed (data): a question is missing"


def test_an_interrupted_run_says_how_to_resume_it(tmp_path: Path) -> None:
    trial = submit(tmp_path / "0")
    text = _ending(trial, None, JobEnded(0, Outcome.INTERRUPTED, message="interrupted"))
    assert text.startswith(f"Interrupted. The trial {trial.resumes_from()}. To resume: ")
    assert text.endswith(f"medqa-sweeps resume {short_path(trial.path)}")
    nothing = TrialDir(tmp_path / "1")
    assert _ending(nothing, None, JobEnded(0, Outcome.INTERRUPTED, message="The trial had not started.")) == (
        "Interrupted. The trial had not started."
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (PhaseName.LOADING, "Stopping now: training has not begun, so there is no new checkpoint to save."),
        (PhaseName.TRAINING, "Stopping after this step, with a checkpoint. Ctrl-C again stops now."),
        (PhaseName.SCORING, "Stopping after this evaluation, with a checkpoint. Ctrl-C again stops now."),
    ],
)
def test_ctrl_c_says_what_it_does_in_this_phase(name: PhaseName, words: str) -> None:
    assert _stopping(Phase(name)) == words


def test_a_result_without_its_answers_is_told_without_a_comparison(tmp_path: Path) -> None:
    trial = complete(tmp_path / "0", answers((True, 3), (False, 1)), answers((True, 1), (False, 3)))
    trial.predictions_file.unlink()
    result = trial.result()
    assert isinstance(result, Result) and "untuned base" not in ending(trial)
