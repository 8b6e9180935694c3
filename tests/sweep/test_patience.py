"""A storage that does not answer. Databases, locks, processes and files are real; one storage fails on purpose."""

import contextlib
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from medqa_sweeps.config.overrides import override
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.jobs.failures import CircuitBreaker
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.sweep import journal, patience
from medqa_sweeps.sweep.journal import journal_of
from medqa_sweeps.sweep.loop import Budget, Sweep
from medqa_sweeps.sweep.patience import Patience, StorageUnavailable, patient
from medqa_sweeps.sweep.space_parsing import parse_search_space
from medqa_sweeps.sweep.study import Study
from medqa_sweeps.trial.folder import StopReason
from tests.sweep.simulated import Course, SimulatedJobs
from tests.sweep.test_faults import GRID, Program, results, steps
from tests.sweep.test_loop import Notes

HOLD = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_PAUSE_SECONDS", 0.001)


@contextlib.contextmanager
def held(database: Path) -> Iterator[None]:
    """By another process, as a viewer or a backup does."""
    other = subprocess.Popen([sys.executable, "-c", HOLD, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None and other.stdout.readline() == b"held\n"
    try:
        yield
    finally:
        other.communicate()


class Failing:
    """An open storage whose calls of some names fail so many times: before they are done, or, `late`, after it."""

    def __init__(
        self, *names: str, times: int = 2, late: bool = False, error: type[Exception] = ConnectionError
    ) -> None:
        self._storage, self._names, self.left = optuna.storages.InMemoryStorage(), names, times
        self._late, self._error = late, error

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._storage, name)
        if name not in self._names:
            return call

        def failing(*arguments: Any, **named: Any) -> Any:
            if self.left == 0:
                return call(*arguments, **named)
            self.left -= 1
            if self._late:
                call(*arguments, **named)
            raise self._error("server closed the connection")

        return failing


def study_in(storage: Any, waiting: Patience) -> optuna.Study:
    return optuna.create_study(storage=patient(storage, waiting), direction="maximize")


def quiet(said: list[str], seconds: float = 60.0) -> Patience:
    made = Patience("the storage", seconds)
    made.say = said.append
    return made


@pytest.mark.parametrize("late", [False, True], ids=["the call failed", "only its answer was lost"])
def test_a_call_that_fails_for_a_while_is_made_again_and_people_hear_of_it_once(late: bool) -> None:
    said: list[str] = []
    study = study_in(Failing("set_trial_state_values", late=late), quiet(said))
    study.enqueue_trial({"x": 1.0})
    trial = study.ask()
    study.tell(trial, trial.suggest_float("x", 0, 2))
    assert [(one.state, one.value) for one in study.trials] == [(TrialState.COMPLETE, 1.0)]
    assert said[0].startswith("the storage does not answer (server closed the connection). Waiting for it, up to 60 s")
    assert len(said) == 2 and "answers again" in said[1]


def test_a_defect_is_no_silence() -> None:
    said: list[str] = []
    study = study_in(Failing("create_new_trial", error=ValueError), quiet(said))
    with pytest.raises(ValueError, match="server closed"):
        study.ask()
    assert not said


def test_what_is_waited_for_in_vain_is_asked_once_from_then_on() -> None:
    storage = Failing("create_new_trial", times=100_000)
    study = study_in(storage, quiet([], seconds=0.05))
    with pytest.raises(StorageUnavailable, match=r"the storage has not answered for 0 s \(server closed"):
        study.ask()
    left = storage.left
    with pytest.raises(StorageUnavailable):
        study.ask()
    assert storage.left == left - 1


def test_nobody_waits_after_ctrl_c() -> None:
    storage, waiting = Failing("create_new_trial", times=100_000), quiet([])
    study = study_in(storage, waiting)
    waiting.is_over = lambda: storage.left < 99_990
    with pytest.raises(StorageUnavailable):
        study.ask()


def test_a_sweep_whose_storage_stays_away_lets_its_trials_save_and_says_so() -> None:
    storage, said = Failing("set_trial_state_values", times=0), list[str]()
    waiting = quiet(said, seconds=0.01)
    study = Study(study_in(storage, waiting), parse_search_space(["a=1,2,3,4"], {}, [], {}, None), None)
    notes = Notes()

    def course(number: int, words: object) -> Course:
        return Course(seconds=1.0 if number == 0 else 9.0)

    class Breaking(SimulatedJobs):
        def poll(self, timeout: float) -> Any:
            storage.left = 100_000
            return super().poll(timeout)

    jobs = Breaking(2, course)
    swept = Sweep(study, jobs, None, CircuitBreaker(1.0, 4), Budget(), notes, patience=waiting).run()
    assert not swept.complete and "the storage has not answered" in swept.why
    assert [(number, reason) for number, reason, _ in jobs.stops] == [(n, StopReason.INTERRUPTED) for n in (1, 2)]
    assert not jobs.running and [ended.number for ended in notes.ends] == [1, 2], "2 had the free slot of 0"


@pytest.mark.variant
def test_a_locked_database_is_waited_for(tmp_path: Path, undisturbed: dict[str, dict[str, Any]]) -> None:
    database = tmp_path / "optuna.db"
    program = Program(tmp_path / "study", *GRID, override("hydra.sweeper.storage", f"sqlite:///{database}?timeout=0.2"))
    program.until(lambda: steps(program.folder) > 5)
    with held(database):
        program.until(lambda: "does not answer (database is locked). Waiting for it" in program.said())
    assert program.ended() == 0, program.said()
    assert results(program.folder) == undisturbed
    assert "Traceback" not in program.said() and program.said().count("does not answer") == 1


@pytest.mark.variant
def test_a_database_that_stays_locked_ends_the_sweep_in_a_sentence_and_loses_nothing(
    tmp_path: Path, undisturbed: dict[str, dict[str, Any]]
) -> None:
    database = tmp_path / "optuna.db"
    words = (*GRID, override("hydra.sweeper.storage", f"sqlite:///{database}?timeout=0.2"))
    program = Program(tmp_path / "study", *words, PATIENCE_SECONDS="1")
    program.until(lambda: steps(program.folder) > 5)
    with held(database):
        assert program.ended() == 1, program.said()
    said = program.said()
    assert "Traceback" not in said and "exceeding max length" not in said
    assert "hydra.sweeper.storage has not answered for" in said and "(database is locked)" in said
    assert "resume" in said and "To resume: " in said
    begun = [path for path in program.folder.iterdir() if path.name.isdecimal()]
    assert all((path / "result.json").exists() or list(path.glob("checkpoint/step-*")) for path in begun), said
    again = Program(tmp_path / "study", *words, log="again")
    assert again.ended() == 0, again.said()
    assert results(again.folder) == undisturbed


def test_a_journal_whose_lock_another_process_keeps_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_LOCK_SECONDS", 0.05)
    folder, said = StudyDir(tmp_path), list[str]()
    study = study_in(journal_of(folder), quiet(said, seconds=0.2))
    lock = folder.journal_file.with_name("study.journal.lock")
    lock.touch()
    with pytest.raises(StorageUnavailable, match=r"another process holds study.journal.lock"):
        study.ask()
    assert len(said) == 1
    lock.unlink()
    assert study.ask().number == 0


def test_a_lock_that_a_dead_process_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_STALE_SECONDS", 0.1)
    study = study_in(journal_of(StudyDir(tmp_path)), quiet([]))
    (tmp_path / "study.journal.lock").touch()
    assert study.ask().number == 0


def test_a_full_disk_leaves_no_half_line_in_the_journal(tmp_path: Path) -> None:
    """A limit on the size of files takes half a line, as a full disk does."""
    folder, waiting = StudyDir(tmp_path), quiet([], seconds=0.01)
    study = study_in(journal_of(folder), waiting)
    before = folder.journal_file.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, limits[1]))
    try:
        with pytest.raises(ConfigError, match="File too large"):
            study.ask()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert folder.journal_file.read_bytes() == before
    assert study.ask().number == 0
    assert len(optuna.load_study(study_name=study.study_name, storage=journal_of(folder)).trials) == 1


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    program = Program(tmp_path_factory.mktemp("undisturbed") / "study")
    assert program.ended() == 0, program.said()
    return results(program.folder)
