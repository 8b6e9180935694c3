"""The protocol: what is written whole or not at all, what never changes, who may work in a folder."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from medqa_sweeps.config import DataConfig, LoraConfig, ModelConfig, PromptConfig, TrialConfig, checked
from medqa_sweeps.durable.lines import append_lines, read_lines
from medqa_sweeps.errors import ConfigError, FailureKind, InternalError
from medqa_sweeps.trial.folder import MetricsReader, StopReason, Superseded, TrialDir
from medqa_sweeps.trial.records import (
    AttemptEndLine,
    AttemptLine,
    MetricsLine,
    Outcome,
    Prediction,
    Result,
    Score,
    TrainLine,
    ValidationLine,
    line_from_json,
    line_to_json,
)

ROOT = Path(__file__).parents[2]
SCORE = Score(questions=4, accuracy=0.5, standard_error=0.25, low=0.1, high=0.9, recall_by_letter={"A": 1.0})


def config(**changes: object) -> TrialConfig:
    return checked(
        TrialConfig(
            model=ModelConfig(name="m", path="folder"),
            prompt=PromptConfig(name="p", template="{question}{options}"),
            lora=LoraConfig(name="l", **changes),  # type: ignore[arg-type]
            data=DataConfig(name="d", train="file"),
        )
    )


def test_a_question_without_an_own_id_leaves_the_bytes_of_its_answers_as_they_were() -> None:
    bare = Prediction(64, "1f", "B", "A", {"A": -0.1, "B": -2.5})
    assert json.dumps(bare.to_json()) == (
        '{"samples_seen": 64, "id": "1f", "gold": "B", "predicted": "A", "log_probabilities": {"A": -0.1, "B": -2.5}}'
    )
    own = Prediction(64, "1f", "B", "A", {"A": -0.1, "B": -2.5}, source_id="q7")
    assert Prediction.from_json(own.to_json()).source_id == "q7" and Prediction.from_json(bare.to_json()) == own
    assert bare == own, "the same answer, whichever file the question came from"


@pytest.fixture
def trial(tmp_path: Path) -> TrialDir:
    made = TrialDir(tmp_path / "study" / "0")
    made.submit(config(), {"signature": "abc"})
    return made


def report(samples_seen: int, accuracy: float = 0.5) -> ValidationLine:
    score = Score(questions=4, accuracy=accuracy, standard_error=0.25, low=0.1, high=0.9)
    return ValidationLine(samples_seen, samples_seen // 16, 0.0, 0.0, 1.0, score)


floats = st.floats(allow_nan=False, allow_infinity=False)
lines = st.one_of(
    st.builds(AttemptLine, attempt=st.integers(), time=floats),
    st.builds(AttemptEndLine, outcome=st.sampled_from(Outcome), message=st.text(), time=floats),
    st.builds(TrainLine, loss=st.none() | floats, epoch=floats, time=floats, learning_rate=floats,
              gradient_norm=st.none() | floats, tokens_per_second=floats),
    st.builds(ValidationLine, epoch=floats, time=floats, seconds=floats, score=st.just(SCORE)),
)  # fmt: skip


@given(line=lines)
def test_a_line_comes_back_equal(line: MetricsLine) -> None:
    assert line_from_json(json.loads(json.dumps(line_to_json(line), allow_nan=False))) == line


def test_numbers_that_are_not_finite_become_null() -> None:
    line = report(0, accuracy=float("nan"))
    assert line_to_json(line)["score"]["accuracy"] is None


def test_an_older_reader_ignores_keys_it_does_not_know() -> None:
    assert line_from_json({**line_to_json(report(3)), "from_the_future": 1}) == report(3)


def test_submitting_the_same_again_changes_nothing_and_another_config_is_refused(trial: TrialDir) -> None:
    trial.submit(config(), {"signature": "other"})
    assert trial.provenance() == {"signature": "abc", "folder": str(trial.path)}
    with pytest.raises(ConfigError, match="another config"):
        trial.submit(config(r=8), {})


def test_a_finished_trial_is_never_submitted_again_and_its_result_never_changes(trial: TrialDir) -> None:
    trial.finish(Result(Outcome.COMPLETED, "abc", score=SCORE))
    before = trial.result_file.read_bytes()
    with pytest.raises(ConfigError, match="never changes"):
        trial.submit(config(), {})
    with pytest.raises(InternalError, match="never changes"):
        trial.finish(Result(Outcome.FAILED, "abc"))
    assert trial.result_file.read_bytes() == before
    assert trial.result() == Result(Outcome.COMPLETED, "abc", score=SCORE)
    assert {path.name for path in trial.path.iterdir()} == {"config.yaml", "provenance.json", "result.json"}


def test_history_keeps_the_last_of_what_a_resumed_attempt_wrote_again(trial: TrialDir) -> None:
    for line in (report(16, 0.1), report(32, 0.2), report(32, 0.3), report(48, 0.4)):
        trial.append(line)
    history = [line for line in trial.metrics() if isinstance(line, ValidationLine)]
    assert [(line.samples_seen, line.score.accuracy) for line in history] == [(16, 0.1), (32, 0.3), (48, 0.4)]
    trial.append_predictions([Prediction(16, "q", "A", "B"), Prediction(16, "q", "A", "A")])
    assert trial.predictions() == {16: {"q": Prediction(16, "q", "A", "A")}}


@settings(deadline=None)
@given(cut=st.integers(1, 60))
def test_a_half_written_line_is_skipped_by_readers_and_replaced_by_the_next_writer(cut: int) -> None:
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"half-{os.getpid()}-{cut}.jsonl"
    try:
        append_lines(path, [{"first": 1}])
        whole = path.read_bytes()
        torn = (json.dumps({"second": "x" * 80}) + "\n").encode()[:cut]
        path.write_bytes(whole + torn)
        assert list(read_lines(path, dict)) == [{"first": 1}]
        append_lines(path, [{"third": 3}])
        assert list(read_lines(path, dict)) == [{"first": 1}, {"third": 3}]
    finally:
        path.unlink()


def test_a_follower_sees_each_whole_line_once(trial: TrialDir) -> None:
    reader = MetricsReader(trial)
    assert reader.new_lines() == []
    trial.append(report(16))
    assert reader.new_lines() == [report(16)] and reader.new_lines() == []
    with trial.metrics_file.open("a") as file:
        file.write('{"kind": "valid')
    assert reader.new_lines() == []
    trial.append(report(32))
    assert reader.new_lines() == [report(32)]


def _hold(folder: str, held: "multiprocessing.synchronize.Event") -> None:  # type: ignore[name-defined]
    with TrialDir(Path(folder)).claimed():
        held.set()
        time.sleep(60)


def test_one_process_at_a_time_locks_a_folder_and_a_killed_one_releases_it(trial: TrialDir) -> None:
    context = multiprocessing.get_context("fork")
    held = context.Event()
    process = context.Process(target=_hold, args=(str(trial.path), held))
    process.start()
    assert held.wait(10)
    with pytest.raises(ConfigError, match="another process"), trial.claimed():
        pass
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    with trial.claimed():
        pass


def test_what_a_superseded_process_writes_does_not_count(trial: TrialDir) -> None:
    """Two objects stand for two processes: locks are of the open file, also within one."""
    old, new = TrialDir(trial.path), TrialDir(trial.path)
    with old.claimed():
        old.append(report(16))
        new.take_over()
        with new.claimed():
            for late in (
                lambda: old.append(report(32)),
                lambda: old.append_predictions([]),
                lambda: old.finish(Result(Outcome.COMPLETED, "late")),
                lambda: old.fail(FailureKind.DIVERGED, "late"),
                old.stop_reason,
            ):
                with pytest.raises(Superseded, match="has taken this trial over"):
                    late()
            new.append(report(48))
            assert new.stop_reason() is None and new.lines() == [report(16), report(48)]
        assert not trial.is_claimed(), "the lock of a process that was given up is nobody's concern"
        new.finish(Result(Outcome.COMPLETED, "new"))
    assert (result := trial.result()) is not None and result.signature == "new"


def test_nor_does_what_it_writes_after_its_last_look(trial: TrialDir, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is frozen between its look at the folder and the write, and thaws when the folder is another's."""
    old, new = TrialDir(trial.path), TrialDir(trial.path)
    look = TrialDir._refuse_superseded
    looks_left = 1

    def look_and_freeze(process: TrialDir) -> None:
        nonlocal looks_left
        look(process)
        looks_left -= process is old
        if process is old and not looks_left:
            new.take_over()

    monkeypatch.setattr(TrialDir, "_refuse_superseded", look_and_freeze)
    with old.claimed():
        old.append(report(16))
    assert new.lines() == []
    with old.claimed(), pytest.raises(FileNotFoundError):
        looks_left = 2
        old.finish(Result(Outcome.COMPLETED, "late"))
    assert new.result() is None and not list(trial.path.glob(".result*"))


def test_a_stop_request_is_read_as_written(trial: TrialDir) -> None:
    assert trial.stop_reason() is None
    trial.ask_to_stop(StopReason.PRUNED)
    assert trial.stop_reason() is StopReason.PRUNED


def test_what_hydra_made_is_removed_only_when_no_trial_was_submitted(tmp_path: Path, trial: TrialDir) -> None:
    fresh = TrialDir(tmp_path / "fresh")
    (fresh.path / ".hydra").mkdir(parents=True)
    fresh.discard_unsubmitted()
    assert not fresh.path.exists()
    trial.discard_unsubmitted()
    assert trial.config_file.exists()


WRITER = """
import sys
from pathlib import Path
from medqa_sweeps.trial.records import Outcome, Prediction, Result
from medqa_sweeps.trial.folder import TrialDir
trial = TrialDir(Path(sys.argv[1]))
print("go", flush=True)
for n in range(10**6):
    trial.append_predictions([Prediction(n, "q" * 50, "A", "B", {"A": -1.0}) for _ in range(20)])
"""


def test_a_writer_killed_at_any_moment_leaves_readable_lines(trial: TrialDir) -> None:
    for pause_ms in (1, 7, 23, 61, 140):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(trial.path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None and process.stdout.readline() == "go\n"
        time.sleep(pause_ms / 1000)
        process.kill()
        process.wait()
        before = len(list(read_lines(trial.predictions_file, dict)))
        trial.append_predictions([Prediction(-pause_ms, "after", "A", "A")])
        assert len(list(read_lines(trial.predictions_file, dict))) == before + 1


def test_a_full_disk_leaves_no_result_and_no_debris(trial: TrialDir, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:  # a real full disk cannot be had in a test without a mount
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        trial.finish(Result(Outcome.COMPLETED, "abc"))
    assert trial.result() is None
    assert {path.name for path in trial.path.iterdir()} == {"config.yaml", "provenance.json"}


@pytest.mark.parametrize("content", ["{", "", "[1]", "null"])
def test_the_error_of_a_damaged_provenance_names_the_file_and_a_remedy(content: str, tmp_path: Path) -> None:
    """`resume` of a study ended in a JSONDecodeError that named no file."""
    trial = TrialDir(tmp_path)
    assert trial.provenance() == {}
    trial.provenance_file.write_text(content)
    with pytest.raises(ConfigError, match=r"provenance\.json is damaged .* remove it"):
        trial.provenance()
