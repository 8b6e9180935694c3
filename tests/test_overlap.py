"""Training on the validation questions: refused when it is all of them, said before anything starts when it is some."""

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medqa_sweeps.alarms.cautions import caution_lines, cautions_of
from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.config import SplitConfig, TrialConfig
from medqa_sweeps.errors import DataError
from medqa_sweeps.trial.plan import plan_new_trial, plan_trial
from tests.analysis.trial_folders import trial_config

LINES = resolve_bundled("bundled:sample/train.jsonl").read_text().splitlines(keepends=True)[:60]


def config(train: object, validation: object, **changes: Any) -> TrialConfig:
    return trial_config(data__train=str(train), data__validation=str(validation), **changes)


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """A file of some lines of the sample."""

    def written(name: str, first: int, last: int) -> Path:
        path = tmp_path / name
        path.write_text("".join(LINES[first:last]))
        return path

    return written


def _linked(path: Path) -> Path:
    path.with_name("link.jsonl").symlink_to(path)
    return path.with_name("link.jsonl")


def _in_another_shape(path: Path) -> Path:
    records = [json.loads(line) for line in path.read_text().splitlines()]
    path.with_name("array.json").write_text(json.dumps(records[::-1], indent=1))
    return path.with_name("array.json")


SAME: dict[str, Callable[[Path], object]] = {
    "file": lambda path: path,
    "file by a detour": lambda path: path.parent / ".." / path.parent.name / path.name,
    "link": _linked,
    "copy": lambda path: shutil.copy(path, path.with_name("copy.jsonl")),
    "content in another shape": _in_another_shape,
    "folder": lambda path: path.parent / "*.jsonl",
}


@pytest.mark.parametrize("same", SAME)
def test_the_same_questions_on_both_sides_are_refused_unless_allowed_by_name(same: str, file: Callable) -> None:
    train = file("train.jsonl", 0, 20)
    asked = config(train, SAME[same](train))
    with pytest.raises(DataError, match=r"data\.train=.*train\.jsonl and data\.validation=.*data\.allow_overlap=true"):
        plan_new_trial(asked)
    allowed = dataclasses.replace(asked, data=dataclasses.replace(asked.data, allow_overlap=True))
    assert plan_new_trial(allowed).signature == plan_trial(asked).signature, "it decides no result"


def test_a_glob_that_takes_in_the_validation_file_is_refused(file: Callable) -> None:
    validation = file("b.jsonl", 20, 30)
    file("a.jsonl", 0, 20)
    with pytest.raises(DataError, match="both read"):
        plan_new_trial(config(validation.parent / "*.jsonl", validation))


def test_globs_that_share_one_file_of_several_are_refused_and_the_file_is_named(file: Callable) -> None:
    a, _, c = file("a.jsonl", 0, 20), file("b.jsonl", 20, 40), file("c.jsonl", 40, 60)
    with pytest.raises(DataError, match=r"both read .*b\.jsonl, or a copy of it"):
        plan_new_trial(config(a.parent / "[ab].jsonl", c.parent / "[bc].jsonl"))


@pytest.mark.parametrize(("train", "validation"), [((0, 40), (10, 20)), ((10, 20), (0, 40))])
def test_a_set_that_contains_the_other_is_refused(train: Any, validation: Any, file: Callable) -> None:
    with pytest.raises(
        DataError, match=r"all 10 (validation|training) questions are also (training|validation) questions"
    ):
        plan_new_trial(config(file("t.jsonl", *train), file("v.jsonl", *validation)))


@pytest.mark.parametrize("split", ["random", "kfold"])
def test_a_split_that_is_drawn_sets_questions_aside_whatever_the_files(split: str, file: Callable) -> None:
    one = file("one.jsonl", 0, 60)
    drawn = plan_new_trial(config(one, one, split=SplitConfig(name=split, validation_ratio=0.3))).split
    assert not {question.id for question in drawn.train} & {question.id for question in drawn.validation}


def test_what_a_trial_began_with_is_not_refused_later(file: Callable) -> None:
    one = file("one.jsonl", 0, 20)
    assert plan_trial(config(one, one)).split.overlap


def test_any_overlap_is_reported_at_the_start(file: Callable) -> None:
    train, validation = file("t.jsonl", 0, 40), file("v.jsonl", 39, 60)
    said = caution_lines(cautions_of(plan_new_trial(config(train, validation))))
    counted = plan_trial(config(train, validation)).split.flagged["in validation, a near-duplicate in training"]
    near = f", and {counted} have a near-duplicate in training" if counted else ""
    expected = (
        f"Caution    data.validation={validation}: 1 of 21 validation questions are also training questions{near}"
    )
    assert any(line.startswith(f"{expected}, so accuracies probably overstate") for line in said)


def test_files_that_share_nothing_need_no_word(tmp_path: Path) -> None:
    def written(name: str) -> Path:
        records = [{"question": f"{name} {number}?", "options": ["yes", "no"], "answer": "yes"} for number in range(9)]
        (tmp_path / name).write_text("".join(json.dumps(record) + os.linesep for record in records))
        return tmp_path / name

    plan = plan_new_trial(config(written("t.jsonl"), written("v.jsonl")))
    assert [caution for caution in cautions_of(plan) if caution.key.startswith("data")] == []
