"""A command that is printed does what it says when it is pasted into a shell, whatever its folder is called."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from medqa_sweeps.command_line import change_folder, command, command_of_this_process, shell_line, short_path
from tests.conftest import ROOT

FOLDERS = [
    *(
        "a=b",
        "[0]",
        "it's",
        "#1",
        "ünï",
        "two words",
        "a,b",
        "${x}",
        "a\\b",
        "$(id)",
        "`id`",
        '"',
        "*",
        "~",
        "-x",
        "!x",
    ),
    *("two\nlines", "tab\t", os.fsdecode(b"\xff")),
]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_shell_reads_back_what_was_meant(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    line = command("resume", tmp_path / name, "--note", name)
    line.encode()  # a terminal can print it
    assert line.isprintable() and line.startswith("uv run medqa-sweeps resume ")
    words = line.replace("uv run", "printf '%s\\0'", 1)
    found = subprocess.run(["bash", "-c", words], capture_output=True, check=True).stdout.split(b"\0")
    folder, note = os.fsdecode(found[2]), os.fsdecode(found[4])
    assert Path(folder).samefile(tmp_path / name) and not os.path.isabs(folder) and not folder.startswith("-")
    assert note == name


def test_a_path_is_as_short_as_it_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert (short_path(tmp_path / "a" / "b" / "c"), short_path(tmp_path / "a"), short_path(Path("/x"))) == (
        "c",
        "..",
        "/x",
    )
    assert shell_line("ls", tmp_path / "a" / "b") == "ls ."


def test_paths_stay_those_of_the_persons_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "program").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    for _ in range(2):
        change_folder(tmp_path / "program")
        assert (short_path(tmp_path / "study"), short_path(Path("study"))) == ("study", "program/study")


def test_how_this_process_was_started_can_be_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    main = Path(__file__).parents[1] / "medqa_sweeps" / "__main__.py"
    monkeypatch.setattr(sys, "argv", [str(main), "resume", "a b"])
    assert command_of_this_process() == ["uv", "run", "python", "-m", "medqa_sweeps", "resume", "a b"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["launch.py", "--help"], 0),
        (["-m", "medqa_sweeps", "--help"], 0),
        (["-m", "medqa_sweeps", "data", "medqa_sweeps/assets/sample/validation.jsonl"], 0),
        (["-m", "medqa_sweeps", "status", "nowhere"], 1),
        (["-m", "analysis", "nowhere"], 1),
    ],
)
@pytest.mark.parametrize("closed", ["stdout", "stderr", "both"])
def test_a_command_whose_reader_has_gone_ends_quietly_with_its_own_code(
    words: list[str], code: int, closed: str
) -> None:
    """`| head -1`, once it has its line."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        streams = {name: writer for name in ("stdout", "stderr") if closed in (name, "both")}
        whole = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        done = subprocess.run([sys.executable, *words], cwd=ROOT, **whole, check=False)  # type: ignore[call-overload]
    finally:
        os.close(writer)
    assert done.returncode == code
    assert b"BrokenPipe" not in (done.stderr or b"") and b"Traceback" not in (done.stderr or b"")
