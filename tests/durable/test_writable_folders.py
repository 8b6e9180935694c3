"""Where things are kept for users who lack a home, a name, or a home that can be written.

/sys stands for what nobody may write to, root included.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medqa_sweeps.__main__ import main
from medqa_sweeps.durable import writable_folders
from medqa_sweeps.durable.cache import shared
from medqa_sweeps.durable.writable_folders import CACHE_VARIABLE, cache_folder, complete_environment, home_folder
from medqa_sweeps.errors import ConfigError
from tests.conftest import ROOT
from tests.sweep.test_faults import PROGRAM

UNWRITABLE = "/sys/medqa_sweeps"
OF_A_USER = ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "XDG_CACHE_HOME", CACHE_VARIABLE)


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A user of whom nothing is known, with a folder for temporary files."""
    for variable in (*OF_A_USER, *writable_folders._LIBRARY_FOLDERS, "HF_HOME"):
        monkeypatch.setenv(variable, "")  # so that what is set meanwhile is taken back
        monkeypatch.delenv(variable)
    monkeypatch.setattr("pwd.getpwuid", _unknown)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    writable_folders.obstacle_to_writing.cache_clear()
    yield
    writable_folders.obstacle_to_writing.cache_clear()


def _unknown(uid: int) -> None:
    raise KeyError(f"getpwuid(): uid not found: {uid}")


def own_temporary(tmp_path: Path) -> Path:
    return tmp_path / f"medqa_sweeps-{os.getuid()}"


def test_without_a_home_the_cache_is_this_users_own_in_the_temporary_folder(tmp_path: Path) -> None:
    assert home_folder() is None
    assert cache_folder() == own_temporary(tmp_path)
    assert cache_folder().stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("home", ["/nonexistent", UNWRITABLE, "/sys"])
def test_a_home_that_is_missing_or_cannot_be_written_is_passed_over(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", home)
    assert cache_folder() == own_temporary(tmp_path)


def test_the_variable_takes_precedence_over_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "medqa_sweeps"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "medqa_sweeps"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CACHE_VARIABLE, "relative")
    assert cache_folder() == tmp_path / "relative"


def test_a_configured_cache_that_cannot_be_written_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, UNWRITABLE)
    with pytest.raises(
        ConfigError, match=rf"{CACHE_VARIABLE}={UNWRITABLE} cannot be written \(.*\)\. Choose a writable"
    ):
        cache_folder()
    assert main(["data", "bundled:sample/train.jsonl", "--model", "tiny_gemma3"]) == 0, "which needs no cache"


def test_a_temporary_folder_that_somebody_else_could_have_made_is_not_used(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    own_temporary(tmp_path).symlink_to(elsewhere)
    with pytest.raises(ConfigError, match=f"other users can write to it.*Set {CACHE_VARIABLE}"):
        cache_folder()
    own_temporary(tmp_path).unlink()
    writable_folders.obstacle_to_writing.cache_clear()
    own_temporary(tmp_path).mkdir()
    own_temporary(tmp_path).chmod(0o777)
    with pytest.raises(ConfigError, match="other users can write to it"):
        cache_folder()


def test_libraries_get_a_home_and_a_user_name(tmp_path: Path) -> None:
    complete_environment()
    assert Path.home() == own_temporary(tmp_path) / "home" and Path.home().is_dir()
    assert os.environ["USER"] == f"uid{os.getuid()}"
    assert cache_folder() == own_temporary(tmp_path), "not a second one in that home"


def test_a_home_that_can_only_be_read_stays_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/sys")
    monkeypatch.setenv("USER", "somebody")
    monkeypatch.setenv("TRITON_CACHE_DIR", "mine")
    complete_environment()
    assert os.environ["HOME"] == "/sys" and os.environ["USER"] == "somebody"
    assert os.environ["WANDB_CACHE_DIR"] == str(own_temporary(tmp_path) / "wandb")
    assert os.environ["HF_HOME"] == str(own_temporary(tmp_path) / "huggingface")
    assert os.environ["TRITON_CACHE_DIR"] == "mine"


def test_what_cannot_be_stored_is_computed_by_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    assert shared("kind", "key", lambda: {"a": 1}) == ({"a": 1}, False)
    assert shared("kind", "key", lambda: {"a": 2}) == ({"a": 1}, True)
    (tmp_path / "file").touch()
    assert shared("file", "key", lambda: {"a": 3}) == ({"a": 3}, False)
    (tmp_path / "kind" / "key.json").unlink()
    (tmp_path / "kind" / "key.json").mkdir()  # can neither be read nor replaced
    assert shared("kind", "key", lambda: {"a": 4}) == ({"a": 4}, False)
    with pytest.raises(PermissionError):  # of the work itself
        shared("kind", "other", lambda: (_ for _ in ()).throw(PermissionError()))


# Processes


@pytest.fixture
def as_nobody(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs Python as a user of whom nothing is known; each process that it starts is one too."""
    (tmp_path / "path").mkdir()
    unknown = "import pwd\ndef getpwuid(uid): raise KeyError(uid)\npwd.getpwuid = getpwuid\n"
    (tmp_path / "path" / "sitecustomize.py").write_text(unknown)
    kept = {key: value for key, value in os.environ.items() if key not in OF_A_USER}
    own = {"PYTHONPATH": f"{tmp_path / 'path'}:{ROOT}", "TMPDIR": str(tmp_path), "WANDB_MODE": "offline"}

    def run(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path, env={**kept, **own, **more}, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    return run


@pytest.mark.parametrize("home", [None, "/sys"], ids=["no home", "a home that cannot be written"])
def test_a_trial_of_a_user_without_a_home_runs_and_is_tracked(
    home: str | None, as_nobody: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    words = ("experiment=quickstart", "training.max_steps=2", "split.max_validation=16", "hydra.run.dir=run")
    done = as_nobody(str(PROGRAM), *words, **({"HOME": home} if home else {}))
    assert done.returncode == 0 and "Completed" in done.stdout, done.stderr
    assert "Traceback" not in done.stderr and "INFO" not in done.stderr and "~" not in os.listdir(tmp_path)
    assert list((tmp_path / "run" / "wandb").glob("offline-run-*")), done.stdout
    assert (own_temporary(tmp_path) / "overlaps").is_dir()


def test_doctor_reports_folders_that_cannot_be_written(
    as_nobody: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    def folders(**more: str) -> str:
        said = as_nobody("-m", "medqa_sweeps", "doctor", HF_HUB_OFFLINE="1", **more)
        assert not said.stderr, said.stderr
        return next(line for line in said.stdout.splitlines() if line.startswith("Folders"))

    assert "note" in (told := folders()) and "which a restart may delete: set MEDQA_SWEEPS_CACHE" in told
    assert "problem" in (told := folders(**{CACHE_VARIABLE: UNWRITABLE})) and f"{UNWRITABLE} cannot be written" in told
    assert "the hub's cache, /sys/hub, cannot be written" in folders(HF_HOME="/sys")
