"""An exported folder is there complete or not at all: errors, a kill, a full disk, another process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.export.folder import built_aside, refuse_small_disk
from tests.conftest import ROOT

HANGS = """
import sys, time
from pathlib import Path
from medqa_sweeps.export.folder import built_aside
with built_aside(Path(sys.argv[1])) as aside:
    (aside.result / "half").write_text("half")
    (aside.scratch / "large").write_text("large")
    print("begun", flush=True)
    time.sleep(60)
"""


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_built_is_there_and_nothing_else(tmp_path: Path) -> None:
    with built_aside(tmp_path / "a" / "model") as aside:
        (aside.result / "weights").write_text("1")
        (aside.result / "weights").chmod(0o600)
        (aside.scratch / "draft").write_text("2")
        assert not (tmp_path / "a" / "model").exists()
    assert left_in(tmp_path / "a") == ["model"] and left_in(tmp_path / "a" / "model") == ["weights"]
    assert (tmp_path / "a" / "model" / "weights").stat().st_mode & 0o044, "it is made to be given away"


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), built_aside(tmp_path / "model") as aside:
        (aside.result / "weights").write_text("1")
        raise ZeroDivisionError
    assert left_in(tmp_path) == []


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """The kernel's own error, from a file that is always full."""
    with (
        pytest.raises(ConfigError, match="the disk is full, and nothing was kept"),
        built_aside(tmp_path / "model") as aside,
        open("/dev/full", "w") as full,
    ):
        (aside.result / "weights").write_text("1")
        full.write("2" * 100_000)
    assert left_in(tmp_path) == []


def test_too_small_a_disk_is_refused_with_both_sizes(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the disk has [\d.]+ GB free, and this needs 1000000000.1 GB"):
        refuse_small_disk(tmp_path / "not" / "yet" / "model", 10**18)
    refuse_small_disk(tmp_path / "model", 1)


@pytest.mark.parametrize("what", ["folder", "empty folder", "file", "broken link"])
def test_what_exists_is_not_overwritten(what: str, tmp_path: Path) -> None:
    target = tmp_path / "model"
    if what == "file":
        target.write_text("mine")
    elif what == "broken link":
        target.symlink_to("nowhere")
    else:
        target.mkdir()
        if what == "folder":
            (target / "mine").touch()
    with pytest.raises(ConfigError, match="it exists already, and is not overwritten"), built_aside(target):
        pytest.fail("it began")
    assert left_in(tmp_path) == ["model"]


def test_what_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it exists already"), built_aside(tmp_path / "model"):
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "mine").touch()
    assert left_in(tmp_path) == ["model"] and left_in(tmp_path / "model") == ["mine"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="it cannot be made"), built_aside(tmp_path / "file" / "model"):
        pytest.fail("it began")


def test_one_process_at_a_time_and_a_killed_one_leaves_no_trace(tmp_path: Path) -> None:
    target = tmp_path / "model"
    other = subprocess.Popen(
        [sys.executable, "-c", HANGS, str(target)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert other.stdout is not None and other.stdout.readline() == b"begun\n"
    with pytest.raises(ConfigError, match="another process is exporting to it"), built_aside(target):
        pytest.fail("it began")
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert left_in(tmp_path) == [".model.exporting"], "neither half a folder nor a whole one"
    with built_aside(target) as aside:
        assert left_in(aside.result) == left_in(aside.scratch) == []
        (aside.result / "weights").write_text("1")
    assert left_in(tmp_path) == ["model"] and left_in(target) == ["weights"]
