"""Disks without hard links, without symbolic links, without locks, with a clock that ticks once a second.

A stand-in, since such a disk cannot be had in every test: in each process the calls fail as they do there. Everything
else is real; the training is `stand_in.py`."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.base import files as model_files
from medqa_sweeps.durable.disk import refuse_unfit
from medqa_sweeps.errors import ConfigError, InternalError
from medqa_sweeps.prompt.tokens import TokenCache
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Outcome, Result
from tests.analysis.trial_folders import submit
from tests.conftest import variant
from tests.sweep.test_faults import GRID, ROOT, Program, complete, gone, results, steps

NOTHING_OF_IT = f"""
import errno, fcntl, os
def refuse(number):
    def call(*arguments, **named): raise OSError(number, os.strerror(number))
    return call
os.link = os.symlink = refuse(errno.EPERM)
fcntl.flock = refuse(errno.ENOLCK)
import sys
sys.path.insert(0, {str(ROOT)!r})
"""


@pytest.fixture
def such_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process that is started from now on has nothing else. The tests' own programs put ROOT first again."""
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(NOTHING_OF_IT)
    monkeypatch.setattr("tests.sweep.test_faults.ROOT", tmp_path / "path")


@pytest.fixture
def start(tmp_path: Path, such_a_disk: None) -> Iterator[Callable[..., Program]]:
    made: list[Program] = []

    def begin(**more: Any) -> Program:
        made.append(Program(tmp_path / "study", *GRID, "training.max_steps=200", **more))
        return made[-1]

    yield begin
    for program in made:
        if program.process.poll() is None:
            program.process.kill()


@pytest.mark.variant
def test_a_sweep_runs_is_killed_goes_on_and_keeps_others_out(start: Callable[..., Program]) -> None:
    program = start()
    program.until(lambda: steps(program.folder) > 5)
    second = start(log="second")
    assert second.ended() == 1
    assert "another process is sweeping this study" in second.said() and "Traceback" not in second.said()
    processes = program.descendants()
    program.process.send_signal(signal.SIGKILL)
    program.ended()
    gone(processes)
    again = start(log="again")
    assert again.ended() == 0, again.said()
    assert "Traceback" not in again.said() and "Warning" not in again.said()
    complete(again.folder)
    assert len(results(again.folder)) == 6
    assert not list(again.folder.rglob(".result*")) and not list(again.folder.rglob("*.lock"))


def without(monkeypatch: pytest.MonkeyPatch, name: str, number: int = errno.EPERM) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(name, refuse)


def test_without_hard_links_the_first_result_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "os.link", errno.EOPNOTSUPP)
    trial = submit(tmp_path / "0")
    trial.finish(Result(Outcome.COMPLETED, "abc"))
    before = trial.result_file.read_bytes()
    with pytest.raises(InternalError, match="a finished trial never changes"):
        trial.finish(Result(Outcome.FAILED, "abc"))
    assert trial.result_file.read_bytes() == before and not list(trial.path.glob(".result*"))


@pytest.mark.parametrize("number", [variant(errno.ENOSYS), errno.ENOLCK, variant(errno.EOPNOTSUPP)])
def test_without_locks_a_folder_is_held_by_one_living_process(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "fcntl.flock", number)
    holds = (
        "import fcntl, sys, time\n"
        f"def refuse(*arguments): raise OSError({number}, 'none here')\n"
        "fcntl.flock = refuse\n"
        "from pathlib import Path; from medqa_sweeps.durable.claim import claim\n"
        "lock = claim(Path(sys.argv[1])); print('held', flush=True); time.sleep(600)\n"
    )
    other = subprocess.Popen([sys.executable, "-c", holds, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None and other.stdout.readline() == "held\n"
    trial, study = TrialDir(tmp_path), StudyDir(tmp_path)
    with pytest.raises(ConfigError, match="another process is running this trial"), trial.claimed():
        pass
    assert trial.is_claimed() and study.is_claimed()
    other.kill()
    other.wait()
    assert not trial.is_claimed()
    with study.claimed(), pytest.raises(ConfigError, match="another process"), StudyDir(tmp_path).claimed():
        pass


def test_without_locks_each_process_computes_what_it_would_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "fcntl.flock", errno.ENOLCK)
    monkeypatch.setenv("MEDQA_SWEEPS_CACHE", str(tmp_path))
    assert list(TokenCache("none").rows(["key"], lambda: [[1, 2], [3]])) == [[1, 2], [3]]
    monkeypatch.setattr(model_files, "_LARGE_BYTES", 0)
    assert all(len(sha) == 64 for sha in model_files.hashes(resolve_bundled("bundled:tiny_gemma3")).values())


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("os.fsync", "write and extend a file"),
        ("os.replace", "replace a file by another"),
        ("os.rename", "rename a folder"),
    ],
)
def test_a_disk_on_which_no_trial_can_be_kept_is_refused(
    call: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_unfit(tmp_path / "not" / "there" / "yet")
    without(monkeypatch, call, errno.EOPNOTSUPP)
    with pytest.raises(ConfigError, match=rf"this disk cannot {said} \(Operation not supported\).* on another disk"):
        refuse_unfit(tmp_path)
    assert not list(tmp_path.iterdir())
