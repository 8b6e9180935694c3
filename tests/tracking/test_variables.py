"""W&B's own variables, told to the real client over the loopback: what is switched off stays here, the rest is obeyed.

The client runs in this process, where each test has one of its own.
"""

import contextlib
import dataclasses
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medqa_sweeps import doctor
from medqa_sweeps.analysis.reading.studies import read_study
from medqa_sweeps.analysis.sending import wandb_summary, wandb_sync
from medqa_sweeps.analysis.sending.wandb_summary import log_summary
from medqa_sweeps.config import TrackingConfig
from medqa_sweeps.study import not_run
from medqa_sweeps.study.not_run import NotRun
from medqa_sweeps.tracking import session as wandb_session, tracker as tracking, variables as wandb_variables
from medqa_sweeps.tracking.run_settings import effective_mode
from medqa_sweeps.tracking.variables import VARIABLES, Rule, ignored, to_record, variables_here
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Outcome
from tests.analysis.trial_folders import complete, right_at, trial_config
from tests.tracking.test_tracker import SIGNATURE, Run, attempt, result, run_python, train
from tests.tracking.wandb_server import StoredRun, WandbServer

ROOT = Path(__file__).parents[2]
Say = Callable[..., None]


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Neither variables nor settings files nor a key, and a client that has seen none."""
    for name in [name for name in os.environ if name.startswith("WANDB")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "user"))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(wandb_session, "_logged", set())
    end_client()
    yield
    end_client()


def end_client() -> None:
    if wandb := sys.modules.get("wandb"):
        with contextlib.suppress(Exception):  # its service may have been killed
            wandb.teardown()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    """One that the client finds, with its key: only the variables of a test can keep it from sending there."""
    with WandbServer() as made:
        for name, value in made.environment().items():
            if name != "WANDB_MODE":
                monkeypatch.setenv(name, value)
        yield made


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Say:
    def variables(**said: str) -> None:
        for name, value in said.items():
            monkeypatch.setenv(name, value)

    return variables


def begun(path: Path, record: dict[str, str] | None = None, **own: object) -> TrialDir:
    """A trial that has ended, with a `tracking` of its own; `record`: what it noted of the variables."""
    trial = TrialDir(path)
    config = trial_config(tracking=TrackingConfig(**{"mode": "auto", **own}))
    trial.submit(config, {"signature": SIGNATURE} | ({} if record is None else {"wandb": record}))
    trial.append(attempt(1))
    trial.append(train(16, 1.0))
    trial.finish(result(Outcome.COMPLETED))
    return trial


def told(trial: TrialDir) -> bool:
    """Whether there was a tracker; it has ended."""
    tracker = tracking.tracker_for(trial, "a-group")
    if tracker is None:
        return False
    tracker.finish(trial.result())
    assert tracker.wait()
    return True


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What people are warned of: the client's own log goes to its run's folder."""
    ours = [record for record in caplog.records if record.name.startswith("medqa_sweeps")]
    return [record.getMessage() for record in ours if record.levelno >= logging.WARNING]


def stored(server: WandbServer, trial: TrialDir) -> StoredRun:
    return server.runs[tracking.run_id(trial)]


# Whether

OFFLINE = [{"WANDB_MODE": "offline"}, {"WANDB_MODE": "dryrun"}]
OFF = [
    {"WANDB_MODE": "disabled"},
    {"WANDB_DISABLED": "true"},
    {"WANDB_DISABLED": "1", "WANDB_MODE": "online"},
    {"WANDB_MODE": "ofline"},
    {"WANDB_MODE": "Offline"},  # which the client refuses
]


@pytest.mark.parametrize("said", [*OFFLINE, *OFF], ids=str)
def test_what_is_switched_off_stays_here(
    said: dict[str, str], server: WandbServer, say: Say, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever sends: the trial, the study's summary, `wandb-sync`. `doctor` says the same of it, and asks nobody."""
    caplog.set_level(logging.INFO, "medqa_sweeps")
    say(**said)
    study = tmp_path / "study"
    for mode in ("auto", "online"):
        assert told(begun(study / mode, mode=mode)) == (said in OFFLINE)
        assert tracking.replay(TrialDir(study / mode), "a-group", mode="online")
    complete(tmp_path / "other" / "0", right_at(0, 250), tracking__mode="online")
    assert log_summary(read_study(tmp_path / "other"))
    assert wandb_sync.sync(study) == 1
    finding = doctor._wandb()
    assert server.calls == 0
    found = list((study / "auto").glob("wandb/offline-run-*"))
    assert len(found) == (said in OFFLINE) and not list((study / "auto").glob("wandb/run-*"))
    name, value = next(iter(said.items()))
    (why,) = {match[1] for match in re.finditer(r"^W&B: \w+ \(([^)]*)\)", "\n".join(caplog.messages), re.MULTILINE)}
    assert f"({why})" in finding.sentence and f"{name}={value}" in why


@pytest.mark.parametrize("folder, tells", [("wandb", True), (".wandb", True), ("user", False)])
def test_the_clients_own_command_switches_off_too(
    folder: str, tells: bool, server: WandbServer, say: Say, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """`wandb offline` and `wandb disabled` write a settings file, in the folder or for the user."""
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "settings").write_text(f"[default]\nmode = {'offline' if tells else 'disabled'}\n")
    assert told(begun(tmp_path / "study" / "0", mode="online")) == tells
    assert server.calls == 0 and f"{folder}/settings)" in doctor._wandb().sentence
    assert not capfd.readouterr().err, "the client itself says nothing"
    say(WANDB_MODE="online")  # a variable ranks above a file
    assert told(begun(tmp_path / "study" / "1")) and server.calls


def test_a_trial_that_began_switched_off_stays_so(server: WandbServer, tmp_path: Path) -> None:
    off = begun(tmp_path / "study" / "0", record={"WANDB_MODE": "disabled"})
    kept = begun(tmp_path / "study" / "1", record={"WANDB_MODE": "offline"})
    assert not told(off) and told(kept)
    assert server.calls == 0
    assert wandb_sync.sync(tmp_path / "study") == 0, "what was offline is sent when that is asked for"
    assert list(server.runs) == [tracking.run_id(kept)]


def test_the_most_restrictive_decides() -> None:
    said = {"offline": {"WANDB_MODE": "offline"}, "online": {"WANDB_MODE": "online"}, "nothing": {}}
    here = {name: variables_here(variables) for name, variables in said.items()}
    for asked in ("auto", "online", "offline", "disabled"):
        restricted = "disabled" if asked == "disabled" else "offline"
        assert effective_mode(asked, {}, here["offline"]).name == restricted
        assert effective_mode(asked, {}, here["online"]).name == ("online" if asked == "auto" else asked)
        assert effective_mode(asked, {}, here["nothing"]).name == asked
    assert effective_mode("auto", {}, variables_here({"WANDB_MODE": "", "WANDB_DISABLED": "false"})).name == "auto"


# As what, and where


def test_variables_fill_in_what_the_config_leaves_open(server: WandbServer, say: Say, tmp_path: Path) -> None:
    say(WANDB_PROJECT="p", WANDB_ENTITY="e", WANDB_RUN_GROUP="g", WANDB_TAGS="one, two", WANDB_NOTES="first try")
    say(WANDB_JOB_TYPE="a-job", WANDB_HOST="a-name")
    trial = begun(tmp_path / "study" / "0")
    own = {"project": "own", "entity": "mine", "group": "ours", "tags": ["three"], "notes": {"why": "again"}}
    explicit = begun(tmp_path / "study" / "1", **own)
    assert told(trial) and told(explicit)
    run = stored(server, trial)
    assert (run.project, run.entity, run.group, run.notes, run.job_type) == ("p", "e", "g", "first try", "a-job")
    assert set(run.tags) == {"one", "two", "synthetic"} and run.host == "a-name"
    assert run.history[0]["attempt/host"] == "a-name", "the machine's own name does not go out"
    run = stored(server, explicit)
    assert (run.project, run.entity, run.group, run.notes) == ("own", "mine", "ours", "why: again")
    assert set(run.tags) == {"three", "synthetic"}
    assert "project p of e" in doctor._wandb().sentence


def test_a_run_belongs_where_it_began(server: WandbServer, say: Say, tmp_path: Path) -> None:
    """A study that is resumed or sent from another terminal is not torn apart."""
    record = to_record(variables_here({"WANDB_PROJECT": "first", "WANDB_BASE_URL": server.url}), alone=False)
    say(WANDB_PROJECT="of another job", WANDB_RUN_GROUP="of another job")
    trial = begun(tmp_path / "study" / "0", record=record)
    assert told(trial)
    assert (stored(server, trial).project, stored(server, trial).group) == ("first", "a-group")


def test_what_was_for_a_server_is_not_sent_to_another(
    server: WandbServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("WANDB_BASE_URL")  # whoever sends later has forgotten it
    trial = begun(tmp_path / "study" / "0", record={"WANDB_BASE_URL": server.url, "WANDB_MODE": "offline"})
    assert wandb_sync.sync(tmp_path / "study") == 0
    assert stored(server, trial).state == "finished"


def test_secrets_are_not_noted() -> None:
    said = {"WANDB_API_KEY": "a" * 40, "WANDB_BASE_URL": "https://me:secret@host", "WANDB_PROJECT": "p"}
    assert to_record(variables_here(said), alone=True) == {"WANDB_PROJECT": "p"}


def test_a_folder_of_ones_own_for_what_w_and_b_writes(server: WandbServer, say: Say, tmp_path: Path) -> None:
    say(WANDB_DIR="elsewhere", WANDB_MODE="offline")
    (tmp_path / "elsewhere").mkdir()
    trials = [begun(tmp_path / "study" / name) for name in "01"]
    assert all(told(trial) for trial in trials)
    assert told(trials[0]), "it replaces its own older copy"
    written = sorted(path.name[-12:] for path in (tmp_path / "elsewhere" / "wandb").glob("offline-run-*"))
    assert written == sorted(map(tracking.run_id, trials))
    say(WANDB_MODE="online")
    assert told(trials[0]) and tracking.has_been_sent(trials[0])
    assert [path.name for path in (trials[0].path / "wandb").iterdir()] == ["sent.json"]


@pytest.mark.parametrize("obstacle", ["a file", "a file below"])
def test_a_folder_that_cannot_be_written_is_named_before_anything_trains(
    obstacle: str, say: Say, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client would say nothing, and write to the system's temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    place = tmp_path / "elsewhere"
    if obstacle == "a file below":
        place.mkdir()
        (place / "wandb").write_text("a file where its folder should be")
    else:
        place.write_text("a file where the folder should be")
    say(WANDB_DIR=str(place), WANDB_MODE="offline")
    trial = begun(tmp_path / "study" / "0")
    tracker = tracking.tracker_for(trial, "a group of its own " + obstacle)
    assert f"W&B: WANDB_DIR={place} cannot be written (" in caplog.text
    assert "so W&B's files go to the folder of each run" in caplog.text
    assert tracker is not None
    tracker.finish(trial.result())
    assert tracker.wait()
    assert list((trial.path / "wandb").glob("offline-run-*"))
    assert not list((tmp_path / "temporary").glob("wandb/*"))


def test_files_that_are_not_to_be_sent_are_not(server: WandbServer, say: Say, tmp_path: Path) -> None:
    study = tmp_path / "study"
    complete(study / "0", right_at(0, 250), tracking__mode="online")
    (study / "report").mkdir()
    (study / "report" / "index.html").write_text("<p>a page</p>")
    say(WANDB_IGNORE_GLOBS="media/html/*")
    assert log_summary(read_study(study))
    (run,) = server.runs.values()
    assert [name for name in run.files if name.startswith("media/table")]
    assert not [name for name in run.files if name.startswith("media/html")]


# What would make one run of many

AGENT = {"WANDB_SWEEP_ID": "s1", "WANDB_RUN_ID": "of-the-agent", "WANDB_NAME": "a name", "WANDB_PROJECT": "p"}


def test_trials_inside_an_agent_stay_apart(
    server: WandbServer, say: Say, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "medqa_sweeps")
    say(**AGENT, WANDB_RESUME="must", WANDB_LAUNCH="true")
    trials = [begun(tmp_path / "study" / name, to_record(variables_here(), alone=False)) for name in "01"]
    assert all(told(trial) for trial in trials)
    runs = [stored(server, trial) for trial in trials]
    assert len(server.runs) == 2 and [run.display_name for run in runs] == ["study/0", "study/1"]
    assert {(run.sweep, run.project) for run in runs} == {(None, "p")}
    names = "WANDB_RUN_ID, WANDB_NAME, WANDB_SWEEP_ID, WANDB_RESUME, WANDB_LAUNCH"
    assert caplog.text.count(f"{names} ignored: every trial is a separate run") == 1
    assert f"In a sweep: {names} ignored" in doctor._wandb().sentence


def test_a_single_run_inside_an_agent_is_the_agents(server: WandbServer, say: Say, tmp_path: Path) -> None:
    say(**AGENT)
    trial = begun(tmp_path / "outputs" / "0", to_record(variables_here(), alone=True))
    assert tracking.run_id(trial) == "of-the-agent" and ignored(variables_here(), tracking._record(trial)) is None
    assert told(trial)
    run = stored(server, trial)
    assert (run.sweep, run.display_name, run.project) == ("s1", "a name", "p")


def test_a_run_keeps_its_id_and_group_on_sagemaker(server: WandbServer, say: Say, tmp_path: Path) -> None:
    say(SM_TRAINING_ENV="{}", TRAINING_JOB_NAME="a-job")
    trial = begun(tmp_path / "study" / "0")
    assert told(trial) and stored(server, trial).group == "a-group"


@pytest.mark.parametrize("token", ["3-1-unix-/nowhere", "3-1-tcp-localhost-1", "2-1-tcp-1", "nonsense"])
def test_a_stale_service_is_passed_over(
    token: str, server: WandbServer, say: Say, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    say(WANDB_SERVICE=token)
    trial = begun(tmp_path / "study" / "0")
    assert told(trial) and stored(server, trial).state == "finished"
    assert not warnings(caplog)


# The table


def test_every_variable_of_the_client_is_decided_on() -> None:
    """A new one in `wandb/env.py` that decides whether, where or as what data go out needs its line in the table."""
    from wandb import env

    named = {value for name, value in vars(env).items() if name.isupper() and str(value).startswith("WANDB_")}
    assert named - {variable.name for variable in VARIABLES} == OF_NO_CONSEQUENCE
    settings = {variable.setting for variable in VARIABLES if variable.setting}
    from wandb import Settings

    assert settings <= set(Settings.model_fields)
    assert {variable.key for variable in VARIABLES if variable.key} == {
        field.name for field in dataclasses.fields(TrackingConfig)
    } - {"mode"}


OF_NO_CONSEQUENCE = {
    # of the client's agent, notebooks, debugging; of the machine's description, which is never sent
    *("WANDB_AGENT_DISABLE_FLAPPING", "WANDB_AGENT_KILL_DELAY", "WANDB_AGENT_MAX_INITIAL_FAILURES"),
    *("WANDB_AGENT_REPORT_INTERVAL", "WANDB_NOTEBOOK_NAME", "WANDB_JUPYTER", "WANDB_DEBUG", "WANDB_CORE_DEBUG"),
    *("WANDB_PROGRAM", "WANDB_ARGS", "WANDB_GIT_ROOT", "WANDB_GIT_COMMIT", "WANDB_GIT_REMOTE_URL"),
    *("WANDB_X_EXECUTABLE", "WANDB_ENABLE_DCGM_PROFILING"),
    # how long it waits and retries; artifacts and launches, of which there are none
    *("WANDB_HTTP_TIMEOUT", "WANDB_FILE_PUSHER_TIMEOUT", "WANDB_ARTIFACT_DIR", "WANDB_LAUNCH_QUEUE_NAME"),
    *("WANDB_ARTIFACT_FETCH_FILE_URL_BATCH_SIZE", "WANDB_LAUNCH_QUEUE_ENTITY", "WANDB_LAUNCH_TRACE_ID"),
    # that 0.31 names and does not read
    *("WANDB_DESCRIPTION", "WANDB_SHOW_RUN", "WANDB_INITED", "WANDB_MAGIC", "WANDB_ANONYMOUS", "WANDB_RUN_DIR"),
    *("WANDB_RUN_STORAGE_ID", "WANDB_CRASH_NOSYNC_TIME", "WANDB_ORGANIZATION"),
}


def test_the_page_for_people_is_the_table() -> None:
    page = (ROOT / "docs" / "wandb.md").read_text()
    assert wandb_variables.as_markdown() in page, (
        "python -c 'from medqa_sweeps.tracking.variables import *; print(as_markdown())'"
    )
    assert all(rule in page for rule in Rule)


# W&B breaks, at any moment


@pytest.mark.parametrize("status, words", [(500, "responds with error 500"), (401, "rejects the API key")])
def test_a_server_that_refuses_is_passed_over(
    status: int, words: str, server: WandbServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.status = status
    trial = begun(tmp_path / "study" / "0")
    assert told(trial)
    assert f"offline ({server.url} {words}" in caplog.text and words in doctor._wandb().sentence
    assert len(Run(trial).history) == 2


def test_a_server_that_breaks_at_the_start(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wandb_session, "ANSWER_SECONDS", 0.5)
    server.status, server.healthy_calls = 500, 1  # it answers whether it is there
    assert told(begun(tmp_path / "study" / "0"))
    (warning,) = warnings(caplog)
    assert "W&B failed" in warning and "wandb-sync" in warning


def test_a_server_that_dies_in_mid_run(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wandb_session, "UPLOAD_SECONDS", 0.5)
    trial = begun(tmp_path / "study" / "0")
    tracker = tracking.tracker_for(trial, "a-group")
    assert tracker is not None
    until(lambda: tracking.run_id(trial) in server.runs)
    server.__exit__()
    tracker.finish(trial.result())
    assert tracker.wait()
    (warning,) = warnings(caplog)
    assert "W&B failed" in warning and not tracking.has_been_sent(trial)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


TRACKED = """
import sys; from pathlib import Path; import psutil, time
from medqa_sweeps.tracking import tracker as tracking; from medqa_sweeps.trial.folder import TrialDir
trial = TrialDir(Path(sys.argv[1])); tracker = tracking.tracker_for(trial, "g")
if len(sys.argv) > 2:
    while not list(trial.path.glob("wandb/offline-run-*/*.wandb")): time.sleep(0.01)
    (service,) = psutil.Process().children(); service.send_signal(int(sys.argv[2]))
tracker.finish(trial.result()); tracking.wait_for([tracker], 1.0)
"""


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_service_that_dies_or_hangs_delays_nothing(signal_number: int, tmp_path: Path) -> None:
    trial = begun(tmp_path / "study" / "0", mode="offline")
    ended = run_python(TRACKED, str(trial.path), str(int(signal_number)), PYTHONPATH=str(ROOT))
    assert ended.stderr.count("\n") == 1 and "wandb-sync" in ended.stderr, ended.stderr


def test_a_service_that_never_responds_delays_nothing(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind("deaf")
        deaf.listen()
        trial = begun(tmp_path / "study" / "0", mode="offline")
        ended = run_python(TRACKED, str(trial.path), PYTHONPATH=str(ROOT), WANDB_SERVICE="3-1-unix-deaf")
    assert (
        ended.stderr.startswith("W&B is still busy, and its time limit has passed.") and ended.stderr.count("\n") == 1
    )


def test_a_summary_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    complete(tmp_path / "study" / "0", right_at(0, 250), tracking__mode="offline")
    release = threading.Event()
    monkeypatch.setattr(wandb_summary, "_tell", lambda *words: release.wait(60))
    monkeypatch.setattr(wandb_summary, "UPLOAD_SECONDS", 0.05)
    assert not log_summary(read_study(tmp_path / "study"))
    release.set()


def test_many_trials_wait_for_a_hanging_client_together(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    clock = iter(range(100))

    class Hanging:
        def wait(self, seconds: float) -> bool:
            asked.append(seconds)
            return False

    monkeypatch.setattr(tracking.time, "monotonic", lambda: next(clock))
    tracking.wait_for([Hanging()] * 3, 40.0)  # type: ignore[list-item]
    assert asked == [39.0, 38.0, 37.0]


FULL = """
mount -t tmpfs -o size=8k none {folder} && exec {python} -c '{code}' {trial}
"""


@pytest.mark.variant
def test_a_disk_that_is_full_where_w_and_b_writes(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", str(tmp_path)], check=False).returncode:
        pytest.skip("no file system of its own to be had here")
    trial = begun(tmp_path / "study" / "0", mode="offline")
    (trial.path / "wandb").mkdir()
    code = """
import sys; from pathlib import Path
from medqa_sweeps.tracking import tracker as tracking; from medqa_sweeps.trial.folder import TrialDir
assert tracking.replay(TrialDir(Path(sys.argv[1])), "g")
"""
    command = FULL.format(folder=trial.path / "wandb", python=sys.executable, code=code, trial=trial.path)
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", command],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    assert not tracking.has_been_sent(trial)


def test_what_never_ran_is_not_sent(server: WandbServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun(tmp_path / "study" / "0")
    not_run.write(tmp_path / "study", NotRun(1, ["lora.r=8"], Outcome.COMPLETED, "the same as trial 0", None, 0))
    assert wandb_sync.sync(tmp_path / "study") == 0
    assert "Trials: 1 sent; 1 never ran." in capsys.readouterr().out
