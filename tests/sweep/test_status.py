"""`status` of a study from another terminal, while it runs, when it has ended, and when it was killed. Processes and
folders are real; the training is `stand_in.py`."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.sweep.status import print_status
from medqa_sweeps.wording import EDUCATION_ONLY, SYNTHETIC
from tests.sweep.test_faults import Program, gone, steps

WORDS = ("training.max_steps=20,200,201", "hydra.launcher.slots_per_device=2")  # one ends long before the others


def status(folder: Path) -> list[str]:
    file = io.StringIO()
    print_status(StudyDir(folder), Console(file=file, width=120))  # so that totals stay one line
    return [line.rstrip() for line in file.getvalue().splitlines()]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[str]]]:
    """What `status` shows at four moments of one study's life."""
    folder = tmp_path_factory.mktemp("status") / "study"
    found, programs = {}, [Program(folder, *WORDS)]
    try:
        programs[0].until(
            lambda: bool(list(folder.glob("*/result.json"))) and (folder / "2" / "metrics.jsonl").exists(), 100
        )
        found["runs"] = status(folder)
        processes = programs[0].descendants()
        programs[0].process.kill()
        programs[0].process.wait()
        gone(processes)
        found["killed"] = status(folder)
        before = steps(folder)
        programs.append(Program(folder, *WORDS, log="again"))
        programs[1].until(lambda: steps(folder) > before, 100)
        found["goes on"] = status(folder)
        assert programs[1].ended(100) == 0, programs[1].said()
        found["ended"] = status(folder)
    finally:
        for program in programs:
            if program.process.poll() is None:
                program.process.kill()
    yield found


def test_a_study_that_runs(seen: dict[str, list[str]]) -> None:
    ended, caution, head, rule, *rows, totals, synthetic, disclaimer, standing = seen["runs"]
    assert (synthetic, disclaimer) == (SYNTHETIC, EDUCATION_ONLY)
    assert caution.startswith("caution: 10 of 16 validation questions have a near-duplicate in training, so ")
    assert re.fullmatch(r"trial 0 max_steps=20: completed, \d+\.\d%", ended)
    assert head.split() == ["trial", "config", "device", "phase", "loss", "accuracy", "GiB", "min"]
    assert rule.strip("─") == "" and {row.split()[0] for row in rows} == {"1", "2"}
    assert all(row.split()[1].startswith("max_steps=20") and "stand-in" in row for row in rows)
    assert all(re.search(r" (importing|training \d+/20[01]) ", row) for row in rows), rows
    assert any("training" in row for row in rows), "the one that began first"
    assert re.match(r"1 of 3 done: 1 completed; best so far trial 0 \(max_steps=20\), \d", totals)
    assert standing == "The study is running."
    assert re.search(r"; (about \d+ s|a few seconds) left$", totals), totals


def test_a_study_that_was_killed(seen: dict[str, list[str]]) -> None:
    *ends, totals, _, _, standing = seen["killed"]
    assert len(ends) == 4 and standing.startswith("The study is not finished, and nothing runs it."), seen["killed"]
    assert sum(": interrupted: its process has ended" in line for line in ends) == 2
    assert totals.startswith("1 of 3 done: ") and "2 interrupted" in totals and "1 completed" in totals


def test_a_study_that_goes_on(seen: dict[str, list[str]]) -> None:
    assert any("completed" in line for line in seen["goes on"])
    assert seen["goes on"][-4].startswith("1 of 3 done")


def test_a_study_that_has_ended(seen: dict[str, list[str]]) -> None:
    first, caution, *others, totals, synthetic, disclaimer, standing = seen["ended"]
    assert (synthetic, disclaimer) == (SYNTHETIC, EDUCATION_ONLY)
    assert caution.startswith("caution: "), "once for the study"
    assert [line.split(":")[0] for line in (first, *others)] == [
        f"trial {number} max_steps={steps}" for number, steps in enumerate((20, 200, 201))
    ]
    assert totals.startswith("3 of 3 done: 3 completed; best so far trial ") and "left" not in totals
    assert standing.startswith("The study is finished.")


def test_what_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"not a study \(it has no study\.yaml\)\. Give a study folder, such as one in multirun/"
    ):
        print_status(StudyDir(tmp_path), Console(file=io.StringIO()))
