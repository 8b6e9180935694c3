"""What a reader sees: at 80 columns, through a pipe, with hostile text, and with many trials."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medqa_sweeps.analysis.__main__ import main
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Outcome, Result
from medqa_sweeps.wording import EDUCATION_ONLY, SYNTHETIC
from tests.analysis.passage_lines import with_passages, without_passages
from tests.analysis.safety_lines import assess
from tests.analysis.trial_folders import attempt, complete, right_at, submit

Printed = Callable[..., str]
BASE = right_at(0, 100)


def study(folder: Path) -> None:
    for number, (r, right) in enumerate([(8, 210), (16, 247), (32, 250), (64, 248)]):
        complete(folder / str(number), right_at(0, right), BASE, lora__r=r)


def plain(text: str) -> str:
    """Without line breaks, so that a sentence is found wherever it was wrapped."""
    return " ".join(text.split())


@pytest.mark.parametrize("width", [80, 120])
def test_one_row_per_config(tmp_path: Path, printed: Printed, width: int) -> None:
    study(tmp_path)
    rows = [" ".join(line.split()) for line in printed(tmp_path, width).splitlines()]
    first = rows.index("trial config accuracy vs best vs base min GiB params")
    if width == 80:  # intervals on a second line
        rows = [f"{one} {two}" for one, two in zip(rows[first + 2 :: 2], rows[first + 3 :: 2], strict=False)]
        assert rows[:2] == [
            "2 r=32 62.5 best +37.5 1.4 1.5 24.6k [57.7, 67.1] [31.7, 43.7]",
            "3 r=64 62.0 not resolved -0.5 +37.0 1.4 1.5 24.6k [57.2, 66.6] [-2.2, 0.9] [31.2, 43.2]",
        ]
        return
    assert rows[first + 2 : first + 8] == [
        "2 r=32 62.5 [57.7, 67.1] best +37.5 [31.7, 43.7] 1.4 1.5 24.6k",
        "3 r=64 62.0 [57.2, 66.6] not resolved -0.5 [-2.2, 0.9] +37.0 [31.2, 43.2] 1.4 1.5 24.6k",
        "1 r=16 61.8 [56.9, 66.4] not resolved -0.8 [-2.6, 0.6] +36.8 [31.0, 42.9] 1.4 1.5 24.6k",
        "0 r=8 52.5 [47.6, 57.3] worse -10.0 [-14.5, -6.8] +27.5 [22.3, 33.4] 1.4 1.5 24.6k",
        "",
        "base untuned 25.0 [21.0, 29.5]",
    ]


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (125, "trial config accuracy vs best vs base kept min GiB params"),
        (80, "trial config accuracy vs best vs base kept"),
        (68, "trial config accuracy vs best vs base"),
        (56, "trial config accuracy vs best"),
    ],
)
def test_answers_kept_under_edits_are_shown_where_they_fit(
    tmp_path: Path, printed: Printed, width: int, columns: str
) -> None:
    study(tmp_path)
    for number in range(1, 4):
        assess(TrialDir(tmp_path / str(number)), {"order": range(97)}, {"order": range(9)})
    lines = printed(tmp_path, width).splitlines()
    rows = [" ".join(line.split()) for line in lines]
    row = rows[rows.index(columns) + 2]
    assert max(len(line) for line in lines if "uv run" not in line) <= width
    assert ("kept: % of" in plain("\n".join(lines))) == ("kept" in columns)
    if width == 125:
        assert "38.3 [33.6, 43.1] 1.4" in row, row  # 153 of 400


def test_whether_passages_help_stands_below_the_verdict(tmp_path: Path, printed: Printed) -> None:
    without_passages(tmp_path / "0", right_at(0, 120))
    with_passages(tmp_path / "1", right_at(0, 250), right_at(0, 249), right_at(0, 100))
    text = printed(tmp_path, 80)
    _, verdict, passages, *_ = text.split("\n\n")
    assert "k=1 has the highest" in plain(verdict) and "passages" not in verdict
    assert plain(passages).startswith("The best config with passages is k=1 (62.5%), better by 32.5 points")
    assert "Its passages are not shown to help: with them the model is 0.3 points" in plain(passages)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_nothing_is_cut_off_or_too_wide(tmp_path: Path, printed: Printed, width: int) -> None:
    for number in range(3):
        changes: dict[str, Any] = {
            "lora__r": 8 << number,
            "optimizer__lr": 1e-4 / (number + 1),
            "training__epochs": 1.5 + number,
        }
        complete(tmp_path / str(number), right_at(0, 250 - 50 * number), BASE, **changes)
    submit(tmp_path / "3", lora__r=128).finish(Result(Outcome.FAILED, "x", FailureKind.DIVERGED, "word " * 40))
    lines = printed(tmp_path, width).splitlines()
    assert not [line for line in lines if len(line) > width and not line.startswith("uv run")]
    text = plain("\n".join(lines))
    for part in ("lr=3.333e-05", "[-16.1, -9.6]", "[57.7, 67.1]", "epochs=3.5", "r=128"):
        assert part in text
    assert ("24.6k" in text) == ("params: trainable parameters" in text) == (width > 80)
    assert "\N{HORIZONTAL ELLIPSIS}" not in text


def test_the_best_again_is_one_line_to_copy(tmp_path: Path, printed: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("multirun") / ("a rather long name of a study that would not fit on one line " * 2).strip()
    study(folder)
    assert f"uv run medqa-sweeps reproduce '{folder}/2'" in printed(folder, 80).splitlines()


def test_cautions_are_always_there(tmp_path: Path, printed: Printed) -> None:
    study(tmp_path)
    text = plain(printed(tmp_path))
    assert "The best of 4 configs was chosen on these same questions" in text
    assert SYNTHETIC in text
    assert EDUCATION_ONLY in text


def test_real_questions_are_not_called_synthetic(tmp_path: Path, printed: Printed) -> None:
    directory = complete(tmp_path / "0", right_at(0, 250))
    config = directory.config_file.read_text().replace("synthetic: true", "synthetic: false")
    directory.config_file.write_text(config)
    text = plain(printed(tmp_path))
    assert "ynthetic" not in text
    assert "The best of" not in text
    assert "never for clinical decisions" in text


def test_nothing_completed_is_said(tmp_path: Path, printed: Printed) -> None:
    submit(tmp_path / "0", lora__r=8)
    submit(tmp_path / "1", lora__r=16).append(attempt(os.getpid()))
    text = plain(printed(tmp_path))
    assert "1 waiting, 1 running" in text
    assert "No trial has completed its planned training, so there is nothing to compare." in text
    assert "0 r=8 waiting submitted, no process has begun" in text
    assert "never for clinical decisions" in text
    assert "reproduce" not in text


def test_text_from_outside_is_shown_as_it_is(tmp_path: Path, printed: Printed) -> None:
    message = "[red]no[/red] [bold]:boom: [/] \x1b[31mred\x1b[0m file [a/b]"
    submit(tmp_path / "0").finish(Result(Outcome.FAILED, "x", FailureKind.DATA, message))
    complete(tmp_path / "[blink]1", right_at(0, 200))
    (tmp_path / "[red]notes").mkdir()
    text = printed(tmp_path)
    assert "[red]no[/red] [bold]:boom: [/]" in plain(text)
    assert "file [a/b]" in plain(text)
    assert "\x1b" not in text
    assert "[blink]1" in text
    assert "[red]notes: not a trial" in plain(text)


def test_missing_pairs_are_explained(tmp_path: Path, printed: Printed) -> None:
    complete(tmp_path / "0", right_at(0, 250), lora__r=8)
    complete(tmp_path / "1", right_at(0, 200), lora__r=16, first_id=9)
    text = plain(printed(tmp_path))
    assert "1 r=16 50.0 [45.1, 54.9] no paired test" in text
    assert "No paired test of r=16: other questions." in text


def test_five_hundred_trials_take_seconds(tmp_path: Path, printed: Printed) -> None:
    first = complete(tmp_path / "0", right_at(0, 200), lora__r=8)
    config, result = first.config_file.read_text(), json.loads(first.result_file.read_text())
    for number in range(1, 500):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "config.yaml").write_text(config.replace("lr: 0.0001", f"lr: {number / 1000}"))
        shutil.copy(first.provenance_file, folder / "provenance.json")
        if number % 5:
            result["score"]["accuracy"] = 0.5 - number / 2000
            (folder / "result.json").write_text(json.dumps(result))
            shutil.copy(first.predictions_file, folder / "predictions.jsonl")
    began = time.process_time()
    text = plain(printed(tmp_path))
    assert time.process_time() - began < 10, "reading 500 trials must not take longer than reading 20 with the schema"
    assert "401 completed, 99 waiting" in text
    assert "Places 21 to 401 (25.1 to 48.8%) were not tested." in text
    assert text.count("waiting submitted") == 20
    assert "and 79 more: 79 waiting" in text
    assert "The best of 401 configs was chosen" in text


def test_what_is_unfinished_and_fewer_seeds_of_the_best_are_said(tmp_path: Path, printed: Printed) -> None:
    for number, (rank, seed, right) in enumerate([(8, 0, 200), (8, 1, 204), (16, 0, 260)]):
        complete(tmp_path / str(number), right_at(0, right), lora__r=rank, seed=seed)
    text = plain(printed(tmp_path))
    assert "r=16 ran under 1 seed, the others under 2 seeds." in text and "To finish the study" not in text
    submit(tmp_path / "3", lora__r=16, seed=1)
    text = plain(printed(tmp_path))
    assert "1 trial has no result yet. To finish the study:" in text and "resume" in text
    submit(tmp_path / "4", lora__r=32).append(attempt(os.getpid()))
    assert "To finish the study" not in plain(printed(tmp_path)), "the study runs"


# The command


def test_the_command_prints_and_says_how_it_went(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study(tmp_path)
    assert main([str(tmp_path), "--top", "2"]) == 0
    assert "Places 3 to 4 (" in plain(capsys.readouterr().out)
    assert main([str(tmp_path / "missing")]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "there is no such folder" in captured.err


@pytest.mark.parametrize("top", ["0", "many", "-1"])
def test_a_wrong_top_is_refused(tmp_path: Path, top: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path), f"--top={top}"])
    assert "must be a whole number, 1 or more" in capsys.readouterr().err


def test_help_imports_nothing_heavy_and_a_pipe_gets_plain_text(tmp_path: Path) -> None:
    study(tmp_path)
    submit(tmp_path / "4").finish(Result(Outcome.FAILED, "x", FailureKind.DATA, "line 3 \N{RIGHTWARDS ARROW} empty"))
    check = (
        "import sys; from medqa_sweeps.analysis.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(any(name in sys.modules for name in ('scipy', 'torch', 'rich', 'numpy')))"
    )
    helped = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert (helped.returncode, "multirun/quickstart" in helped.stdout) == (0, True), helped.stderr
    latin = {**os.environ, "PYTHONIOENCODING": "latin-1", "COLUMNS": "80"}
    piped = subprocess.run(
        [sys.executable, "-m", "analysis", str(tmp_path)], capture_output=True, env=latin, check=False
    )
    assert piped.returncode == 0, piped.stderr
    assert b"\x1b" not in piped.stdout
    assert b"r=8 is worse by 10.0 points" in piped.stdout.replace(b"\n", b" ").replace(b"  ", b" ")
