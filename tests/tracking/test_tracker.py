"""What W&B is told, read back from the files that the real client writes: offline, but for a server that is silent."""

import dataclasses
import json
import logging
import math
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from medqa_sweeps.config import (
    DataConfig,
    LoraConfig,
    ModelConfig,
    PromptConfig,
    TrackingConfig,
    TrialConfig,
    checked,
)
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.tracking import client as wandb_client, tracker as tracking
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import (
    AttemptEndLine,
    AttemptLine,
    MetricsLine,
    Outcome,
    PassageScore,
    Prediction,
    Result,
    Score,
    TrainLine,
    ValidationLine,
)

API_KEY = "0123456789abcdef0123456789abcdef01234567"
HF_TOKEN = "hf_ThisMustNotBeWrittenAnywhere"
SIGNATURE = "c0ffee123456"


def make_trial(path: Path, mode: str = "offline") -> TrialDir:
    config = TrialConfig(
        seed=7,
        model=ModelConfig(name="tiny", path="bundled:tiny"),
        prompt=PromptConfig(name="plain", template="{question} {options}"),
        lora=LoraConfig(name="lora", r=8),
        data=DataConfig(name="sample", train="train.jsonl", synthetic=True),
        tracking=TrackingConfig(
            mode=mode, project="a-project", entity="a-team", tags=["mine"], notes={"why": "first try", "who": "me"}
        ),
    )
    trial = TrialDir(path)
    trial.submit(checked(config), {"signature": SIGNATURE, "submitted_at": 1.5})
    return trial


def attempt(number: int, samples_seen: int = 0) -> AttemptLine:
    return AttemptLine(number, samples_seen, 1000.0 + number, 4242, "a-host", "cuda:0", 4)


def train(samples_seen: int, loss: float | None) -> TrainLine:
    step, time = samples_seen // 16, 2000.0 + samples_seen
    return TrainLine(samples_seen, step, samples_seen / 320, time, loss, 1e-4, 0.5, 900.0, 10**9)


def validation(samples_seen: int, accuracy: float) -> ValidationLine:
    step, time = samples_seen // 16, 3000.0 + samples_seen
    return ValidationLine(samples_seen, step, samples_seen / 320, time, 2.5, score(accuracy))


def score(accuracy: float) -> Score:
    return Score(400, accuracy, 0.02, accuracy - 0.04, accuracy + 0.04, -1.2, 0.1, {"A": accuracy, "B": 0.25})


def result(outcome: Outcome, failure: FailureKind | None = None, message: str = "") -> Result:
    measured = outcome is not Outcome.FAILED
    return Result(
        outcome, SIGNATURE, failure, message, score(0.6) if measured else None, score(0.26) if measured else None,
        samples_seen=320, steps=20, seconds=90.0, peak_memory_bytes=3 * 10**9, trainable_weights=1000,
        passages=PassageScore(380, 0.6, 0.5, 0.55, 60, 20, none_found=20) if measured else None,
        adapter_sha256="ab" * 32 if measured else None, effective={"optimizer": "AdamW"}, finished_at=9.0,
    )  # fmt: skip


# Reading what the client wrote


def wandb_records(folder: Path) -> list[Any]:
    """The protobuf records of the only offline run in a folder, which W&B's service writes a little after `finish`."""
    (path,) = folder.glob("offline-run-*/*.wandb")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        records = records_in(path.read_bytes())
        if any(record.HasField("exit") for record in records):
            return records
        time.sleep(0.05)
    raise AssertionError(f"{path} has no end: {len(records)} records")


def records_in(data: bytes) -> list[Any]:
    """The records of a `.wandb` file.

    The file is a LevelDB log: a 7-byte header, then blocks of 32 KiB with pieces of records. A piece has a checksum
    (4 bytes), a length (2), a type (1: 1 whole, 2 first, 3 middle, 4 last) and its data.
    """
    from wandb.proto.wandb_internal_pb2 import Record

    position, parts, records = 7, b"", []
    assert data[:4] in (b":W&B", b"")
    while position + 7 <= len(data):
        if 32768 - position % 32768 < 7:  # too short for a piece's header: padding
            position += 32768 - position % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        parts += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):
            records.append(Record.FromString(parts))
            parts = b""
    return records


class Run:
    """An offline run as plain values."""

    def __init__(self, trial: TrialDir) -> None:
        records = wandb_records(trial.path / "wandb")
        runs = [r.run for r in records if r.HasField("run")]
        self.run = runs[0]
        self.tags = set(runs[-1].tags)
        self.config = {u.key: json.loads(u.value_json) for u in self.run.config.update if u.key != "_wandb"}
        self.history = [values(r.history.item) for r in records if r.HasField("history")]
        self.summary: dict[str, Any] = {}
        for record in records:
            if record.HasField("summary"):
                self.summary |= values(record.summary.update)
        self.metrics = {m.name or m.glob_name: m for m in (r.metric for r in records if r.HasField("metric"))}
        self.exit_codes = [r.exit.exit_code for r in records if r.HasField("exit")]
        self.preempting = any(r.HasField("preempting") for r in records)

    def rows(self) -> list[dict[str, Any]]:
        """The history without what the client adds, `_timestamp` apart."""
        return [{k: v for k, v in row.items() if k not in ("_step", "_runtime")} for row in self.history]


def values(items: Any) -> dict[str, Any]:
    """Nested keys joined by a dot."""
    found: dict[str, Any] = {}
    for item in items:
        key, value = ".".join(item.nested_key) or item.key, json.loads(item.value_json)
        found |= {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
    return found


# The cases: all of them are open at the same time, in one process, as in a sweep

CASES: dict[str, tuple[list[MetricsLine], Result | None]] = {
    "completed": (
        [attempt(1), validation(0, 0.26), train(160, 1.3), validation(160, 0.7), train(320, 0.9), validation(320, 0.6)],
        result(Outcome.COMPLETED),
    ),
    "pruned": ([attempt(1), train(160, 1.3), validation(160, 0.2)], result(Outcome.PRUNED, message="hopeless")),
    "failed": (
        [attempt(1), train(160, None)],
        result(Outcome.FAILED, FailureKind.DIVERGED, "the loss is not a number"),
    ),
    "killed": (
        [attempt(1), train(160, 1.3), AttemptEndLine(1, 160, 9.0, Outcome.FAILED, FailureKind.KILLED, "signal 9")],
        result(Outcome.FAILED, FailureKind.KILLED, "signal 9"),
    ),
    "interrupted": (
        [attempt(1), train(160, 1.3), AttemptEndLine(1, 160, 9.0, Outcome.INTERRUPTED, None, "Ctrl-C")],
        None,
    ),
    "long": ([train(16 * i, 1.0 / i) for i in range(1, 400)], result(Outcome.COMPLETED)),  # more than one block
}
COLLAPSED = [Prediction(320, f"q{number}", "ABCD"[number % 4], "D") for number in range(60)]  # of "long"


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, TrialDir]]:
    study = tmp_path_factory.mktemp("study")
    trials = {name: make_trial(study / name) for name in CASES}
    trials["long"].append_predictions(COLLAPSED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_API_KEY", API_KEY)
        patch.setenv("HF_TOKEN", HF_TOKEN)
        trackers = {name: tracking.tracker_for(trial, "a-group") for name, trial in trials.items()}
        assert all(trackers.values())
        open_at_once = {name: tracker for name, tracker in trackers.items() if tracker}
        for step in range(max(len(lines) for lines, _ in CASES.values())):
            for name, (lines, _) in CASES.items():
                if step < min(3, len(lines)):
                    feed_in_halves(trials[name], lines[step], open_at_once[name])
                elif step < len(lines):
                    trials[name].append(lines[step])
        for name, tracker in open_at_once.items():
            ended = CASES[name][1]
            if ended:
                trials[name].finish(ended)
            tracker.finish(ended)
        assert all(tracker.wait() for tracker in open_at_once.values())
    yield trials


def feed_in_halves(trial: TrialDir, line: MetricsLine, tracker: tracking.Tracker) -> None:
    """Append `line` in two pieces with a feed after each and one more: half a line must wait, a whole one come once."""
    before = trial.metrics_file.read_bytes() if trial.metrics_file.exists() else b""
    trial.append(line)
    whole = trial.metrics_file.read_bytes()
    middle = (len(before) + len(whole)) // 2
    trial.metrics_file.write_bytes(whole[:middle])
    settle(tracker)
    with trial.metrics_file.open("ab") as file:
        file.write(whole[middle:])
    settle(tracker)
    settle(tracker)


def settle(tracker: tracking.Tracker) -> None:
    tracker.feed()
    deadline = time.monotonic() + 30
    while not tracker._messages.empty():
        assert tracker._task.is_running and time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(scope="module")
def runs(trials: dict[str, TrialDir]) -> dict[str, Run]:
    return {name: Run(trial) for name, trial in trials.items()}


@pytest.mark.parametrize("name", CASES)
def test_history_is_the_folder_line_by_line(name: str, runs: dict[str, Run]) -> None:
    expected = [tracking.history_row(line) for line in CASES[name][0]]
    assert comparable(runs[name].rows()) == comparable(expected)
    assert [row["_step"] for row in runs[name].history] == list(range(len(expected)))


def comparable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with a NaN that equals itself."""
    return [{k: "NaN" if v != v else v for k, v in row.items()} for row in rows]


def test_a_row_contains_the_numbers_of_its_line() -> None:
    row = tracking.history_row(validation(160, 0.7))
    assert row["samples_seen"] == 160
    assert row["_timestamp"] == 3160.0
    assert row["validation/accuracy"] == 0.7
    assert row["validation/recall_by_letter/B"] == 0.25
    assert not any(key.endswith(("/time", "/samples_seen", "/kind")) for key in row)


def test_a_run_names_node_and_card_of_its_last_attempt(tmp_path: Path) -> None:
    line = AttemptLine(1, 0, 1.0, 1, "login7", "cuda", node="n3", card="GPU 1")
    row = tracking.history_row(line)
    assert (row["attempt/host"], row["attempt/node"], row["attempt/card"]) == ("login7", "n3", "GPU 1")
    masked = tracking.history_row(line, host="somewhere")
    assert "n3" not in masked.values() and masked["attempt/node"] == masked["attempt/host"] == "somewhere"
    alone = tracking.history_row(dataclasses.replace(line, node=None), host="somewhere")
    assert "attempt/node" not in alone, "there is no cluster"


def test_the_summary_names_node_and_card(runs: dict[str, Run]) -> None:
    attempt = next(line for line in reversed(CASES["completed"][0]) if isinstance(line, AttemptLine))
    assert (runs["completed"].summary["node"], runs["completed"].summary["card"]) == (attempt.host, attempt.device)


def test_a_nan_loss_is_sent_as_nan(runs: dict[str, Run]) -> None:
    assert math.isnan(runs["failed"].history[1]["train/loss"])


def test_identity(trials: dict[str, TrialDir], runs: dict[str, Run]) -> None:
    run, trial = runs["completed"].run, trials["completed"]
    assert run.run_id == tracking.run_id(trial)
    assert (run.entity, run.project, run.run_group) == ("a-team", "a-project", "a-group")
    assert run.display_name == f"{trial.path.parent.name}/completed"
    assert runs["completed"].config == dataclasses.asdict(trial.config())
    assert run.notes == "why: first try\nwho: me"
    assert len({run.run.run_id for run in runs.values()}) == len(CASES)


def test_equal_experiments_in_two_studies_are_two_runs(tmp_path: Path) -> None:
    one, two = make_trial(tmp_path / "study_1" / "0"), make_trial(tmp_path / "study_2" / "0")
    assert one.provenance()["signature"] == two.provenance()["signature"]
    assert tracking.run_id(one) != tracking.run_id(two)
    assert tracking.run_id(one) == tracking.run_id(TrialDir(one.path / ".." / "0"))


def test_axes_and_summaries_are_defined(runs: dict[str, Run]) -> None:
    metrics = runs["completed"].metrics
    for name in ("train/*", "validation/*", "attempt/*", "attempt_end/*", "train/loss", "validation/accuracy"):
        assert metrics[name].step_metric == "samples_seen", name
    for name in ("attempt/*", "train/step", "validation/epoch", "validation/questions"):
        assert metrics[name].options.hidden, name
    assert not metrics["validation/*"].options.hidden and not metrics["train/*"].options.hidden
    assert metrics["validation/accuracy"].summary.max
    assert metrics["train/loss"].summary.last
    assert runs["completed"].summary["validation/accuracy.max"] == 0.7
    assert runs["completed"].summary["train/loss.last"] == 0.9


def test_what_is_about_the_accuracy_says_so() -> None:
    row = tracking.history_row(validation(160, 0.7))
    assert row["validation/accuracy"] == 0.7 and row["samples_seen"] == 160
    assert {name for name in row if name.startswith("validation/accuracy")} >= {
        "validation/accuracy_low", "validation/accuracy_high", "validation/accuracy_standard_error",
    }  # fmt: skip
    assert not {"validation/low", "validation/high", "validation/standard_error"} & row.keys()


ENDS = {
    "completed": ({"mine", "synthetic"}, 0),
    "pruned": ({"mine", "synthetic", "pruned"}, 0),
    "failed": ({"mine", "synthetic", "failed", "diverged"}, 1),
    "killed": ({"mine", "synthetic", "failed", "killed"}, 1),
    "interrupted": ({"mine", "synthetic", "interrupted"}, 1),
}


@pytest.mark.parametrize("name", ENDS)
def test_outcome_as_it_was(name: str, runs: dict[str, Run]) -> None:
    run, (tags, exit_code) = runs[name], ENDS[name]
    assert run.tags == tags
    assert run.exit_codes == [exit_code]
    assert run.preempting == (name == "interrupted")
    assert run.summary["outcome"] == {"killed": "failed"}.get(name, name)
    assert run.summary["signature"] == SIGNATURE


def test_summary_is_the_result(runs: dict[str, Run]) -> None:
    expected = {
        "accuracy": 0.6, "accuracy_low": 0.6 - 0.04, "accuracy_high": 0.64,
        "accuracy_standard_error": 0.02, "questions": 400,
        "baseline_accuracy": 0.26, "minutes": 1.5, "peak_memory_bytes": 3 * 10**9, "adapter_sha256": "ab" * 32,
        "passages.without": 0.5, "passages.foreign": 0.55, "passages.helped": 60, "passages.none_found": 20,
        "failure": None, "message": "", "attempts": 1, "effective.optimizer": "AdamW", "samples_seen": 320,
    }  # fmt: skip
    found = runs["completed"].summary
    assert {key: found.get(key, "absent") for key in expected} == expected
    assert (found["passages.over_without"], found["passages.over_foreign"]) == pytest.approx((0.1, 0.05))
    assert runs["killed"].summary["failure"] == "killed"
    assert runs["killed"].summary["message"] == "signal 9"
    assert runs["failed"].summary["accuracy"] is None
    assert runs["interrupted"].summary["message"] == "Ctrl-C"


def test_alarms_are_tags_and_stand_in_the_summary(runs: dict[str, Run]) -> None:
    sentence = "the model answers D to 60 of 60 questions, though D is the correct answer to 15"
    assert runs["long"].summary["alarms"] == [f"one_letter: {sentence}"]
    assert runs["long"].tags == {"mine", "synthetic", "alarm:one_letter"}
    assert runs["completed"].summary["alarms"] == []


def test_no_secret_and_no_stray_file(trials: dict[str, TrialDir]) -> None:
    for trial in trials.values():
        (run_folder,) = (trial.path / "wandb").iterdir()
        assert run_folder.name.startswith("offline-run-")
        written = [path for path in (trial.path / "wandb").rglob("*") if path.is_file()]
        assert {path.name for path in written} <= {
            f"run-{tracking.run_id(trial)}.wandb", "debug.log", "debug-internal.log", "debug-core.log",
        }  # fmt: skip
        for path in written:
            assert API_KEY.encode() not in path.read_bytes(), path
            assert HF_TOKEN.encode() not in path.read_bytes(), path


def test_a_resumed_trial_is_sent_once_and_completely(trials: dict[str, TrialDir], tmp_path: Path) -> None:
    trial = make_trial(tmp_path / "study" / "0")
    end = AttemptEndLine(1, 320, 9.0, Outcome.INTERRUPTED, None, "Ctrl-C")
    first: list[MetricsLine] = [attempt(1), train(160, 1.3), train(320, 1.1), end]
    again: list[MetricsLine] = [attempt(2, 160), train(320, 1.1), train(480, 0.9)]
    for line in first:
        trial.append(line)
    assert tracking.replay(trial, "a-group")
    assert Run(trial).summary["outcome"] == "interrupted"
    for line in again:
        trial.append(line)
    trial.finish(result(Outcome.COMPLETED))
    assert tracking.replay(trial, "a-group")
    run = Run(trial)  # finds one offline folder only
    assert [row["samples_seen"] for row in run.history] == [0, 160, 320, 320, 160, 480]
    assert run.summary["outcome"] == "completed"
    assert run.tags == {"mine", "synthetic"}
    assert run.run.run_id == tracking.run_id(trial)


def test_only_new_bytes_are_read(tmp_path: Path) -> None:
    steps: list[int] = []

    class FakeRun:
        def log(self, row: dict[str, Any], step: int, commit: bool) -> None:
            steps.append(step)

    trial = make_trial(tmp_path / "study" / "0")
    history = tracking._History(cast(Any, FakeRun()), trial)
    history.log_new()  # there is no file yet
    trial.append(train(16, 1.0))
    history.log_new()
    trial.metrics_file.write_bytes(b"x" * (trial.metrics_file.stat().st_size - 1) + b"\n")  # unreadable, if read again
    trial.append(train(32, 1.0))
    history.log_new()
    assert steps == [0, 1]


def test_a_failing_client_is_logged_once_and_switched_off(
    trials: dict[str, TrialDir], tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    import wandb

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    trial = make_trial(tmp_path / "study" / "0")
    monkeypatch.setattr(wandb.Run, "log", full)
    tracker = tracking.tracker_for(trial, "a-group")
    assert tracker is not None
    for samples_seen in (16, 32):
        trial.append(train(samples_seen, 1.0))
        tracker.feed()
    tracker.finish(None)
    assert tracker.wait()
    tracker.feed()
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert "No space left on device" in warning
    assert str(trial.path) in warning


def run_python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**clean, **environment}, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip


def test_disabled_imports_no_wandb(tmp_path: Path) -> None:
    trial = make_trial(tmp_path / "study" / "0", mode="disabled")
    code = """
import sys; from pathlib import Path
from medqa_sweeps.tracking import tracker as tracking; from medqa_sweeps.trial.folder import TrialDir
trial = TrialDir(Path(sys.argv[1]))
assert tracking.tracker_for(trial, "g") is None
assert tracking.replay(trial, "g")
assert not {"wandb", "torch"} & set(sys.modules), "heavy imports"
"""
    run_python(code, str(trial.path))
    assert not (trial.path / "wandb").exists()


REPLAY = """
import logging, sys, time; from pathlib import Path
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
from medqa_sweeps.tracking import tracker as tracking; from medqa_sweeps.trial.folder import TrialDir
trial = TrialDir(Path(sys.argv[1])); started = time.monotonic()
tracker = tracking.tracker_for(trial, "g"); tracker.feed(); tracker.finish(trial.result())
print("blocked", time.monotonic() - started, tracker.wait())
"""


def test_auto_without_a_key_is_offline_and_quiet(tmp_path: Path) -> None:
    trial = make_trial(tmp_path / "study" / "0", mode="auto")
    trial.append(train(16, 1.0))
    ended = run_python(REPLAY, str(trial.path), NETRC=str(tmp_path / "none"), WANDB_CONFIG_DIR=str(tmp_path))
    (folder,) = (trial.path / "wandb").iterdir()
    assert folder.name.startswith("offline-run-")
    command = "uv run medqa-sweeps wandb-sync "
    assert ended.stderr.startswith(f"INFO W&B: offline (no API key found). Send it later with: {command}")
    assert ended.stderr.endswith("study/0\n")
    assert ended.stderr.count("\n") == 1
    assert len(Run(trial).history) == 1


def silent_server() -> tuple[socket.socket, list[socket.socket]]:
    """A server on the loopback that takes connections and never says a word."""
    server, taken = socket.create_server(("127.0.0.1", 0), backlog=64), []

    def take() -> None:
        while True:
            try:
                taken.append(server.accept()[0])
            except OSError:
                return

    threading.Thread(target=take, daemon=True).start()
    return server, taken


@pytest.mark.slow
@pytest.mark.parametrize("mode, key_in", [("online", "environment"), ("auto", "netrc")])
def test_a_silent_server_costs_the_trial_nothing(mode: str, key_in: str, tmp_path: Path) -> None:
    trial = make_trial(tmp_path / "study" / "0", mode=mode)
    trial.append(train(16, 1.0))
    trial.finish(result(Outcome.COMPLETED))
    server, taken = silent_server()
    address = f"127.0.0.1:{server.getsockname()[1]}"
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {address}\n  login user\n  password {API_KEY}\n" if key_in == "netrc" else "")
    environment = {"WANDB_API_KEY": API_KEY} if key_in == "environment" else {}
    with server:
        ended = run_python(REPLAY, str(trial.path), NETRC=str(netrc), WANDB_BASE_URL=f"http://{address}", **environment)
    assert taken, "the server was asked"
    word, blocked_seconds, in_time = ended.stdout.split()
    assert (word, in_time) == ("blocked", "True")
    assert float(blocked_seconds) < wandb_client.ANSWER_SECONDS, "feeding and finishing did not wait for the server"
    assert ended.stderr.startswith("WARNING W&B: offline")
    assert "does not respond" in ended.stderr
    assert ended.stderr.endswith(f"wandb-sync {trial.path}\n")
    run = Run(trial)
    assert run.history[0]["train/loss"] == 1.0
    assert run.summary["accuracy"] == 0.6
