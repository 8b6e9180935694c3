"""The final test with the tiny model: the exported adapter, the locked questions, and the ledger."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from medqa_sweeps import data
from medqa_sweeps.__main__ import main
from medqa_sweeps.analysis.reading.final_tests import final_tests
from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.jobs.final_test import final_test
from medqa_sweeps.pool.contract import Pool
from medqa_sweeps.study import ledger
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.study.selection import selected_trial
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.trial.provenance import collect
from medqa_sweeps.trial.question_overlap import OverlapCount
from medqa_sweeps.trial.records import Result
from medqa_sweeps.wording import SYNTHETIC


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, composed: Callable, run: Callable) -> StudyDir:
    """A study of one real trial, whose test questions are, on purpose, copies of those that chose it."""
    folder = tmp_path_factory.mktemp("final") / "study"
    folder.mkdir()
    (folder / "study.yaml").write_text(yaml.safe_dump({"trials": 1, "command": ["launch.py"], "directory": "."}))
    chosen = {question.id for question in plan_trial(composed()).split.validation}
    lines = resolve_bundled("bundled:sample/validation.jsonl").read_text().splitlines(keepends=True)
    test = folder.parent / "test.jsonl"
    test.write_text("".join(line for line in lines if id_of(line) in chosen))
    plan = plan_trial(composed(f"data.test={test}", "training.max_steps=4", "evaluation.reports=1"))
    trial = TrialDir(folder / "0")
    trial.submit(plan.config, collect(plan, ["a test"]))
    assert run(trial) is not None
    return StudyDir(folder)


def id_of(line: str) -> str:
    record = json.loads(line)
    return data.question_id(record["question"], record["options"].values())


@pytest.fixture(scope="module")
def first(study: StudyDir, pool: Pool) -> ledger.Reading:
    return final_test(study, 0, None, pool)


def result_of(study: StudyDir) -> Result:
    result = TrialDir(study.path / "0").result()
    assert result is not None
    return result


def test_the_exported_adapter_answers_as_the_trial_did(study: StudyDir, first: ledger.Reading) -> None:
    """The questions are the same, so every number is, for the trained model and for its base."""
    assert first.scores is not None
    assert (first.scores.trained, first.scores.base) == (result_of(study).score, result_of(study).baseline)
    assert first.scores.validation == result_of(study).score
    assert first.scores.seen_in_validation == OverlapCount(40, 40, 0)
    assert any("40 of the test's 40 questions were in" in one for one in ledger.sentences(first, 0))
    gap = first.scores.trained.accuracy - first.scores.base.accuracy
    assert first.scores.gain.difference == pytest.approx(gap)
    assert first.scores.gain.low <= gap <= first.scores.gain.high


def test_the_ledger_knows_who_and_which_and_how_often(
    study: StudyDir,
    first: ledger.Reading,
    pool: Pool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert first.request.readings_before == 0 and first.request.adapter_sha256 == result_of(study).adapter_sha256
    test = Path(first.request.questions)
    ids = study.path.parent / "undisputed.txt"
    ids.write_text("".join(f"{id_of(line)}\n" for line in test.read_text().splitlines()[:10]))
    again = final_test(study, 0, ids, pool)
    assert again.request.readings_before == 1 and again.scores is not None and first.scores is not None
    assert again.scores.undisputed_trained and again.scores.undisputed_trained.questions == 10
    assert again.scores.test_fingerprint == first.scores.test_fingerprint

    (study.path.parent / "ids.jsonl").write_text("".join(test.read_text().splitlines(keepends=True)[:10]))
    monkeypatch.setattr("medqa_sweeps.jobs.final_test.local_pool", lambda *a, **b: contextlib.nullcontext(pool))
    assert main(["final", str(study.path), "--undisputed", str(study.path.parent / "ids.jsonl")]) == 0
    told = capsys.readouterr().out
    assert (
        told.startswith("Trial 0 of study: the best by validation.\n")
        and "\nTest: " in told
        and "2 times before" in told
    )
    assert "Validation, by which it was selected" in told and SYNTHETIC in told
    same = ledger.readings(study.path)[-1]  # the questions themselves name them, too
    assert same.scores and same.scores.undisputed_trained == again.scores.undisputed_trained
    shown = final_tests(study.path)
    assert [one.trial for one in shown] == [0, 0, 0] and "@" in shown[0].who
    assert "1 time before for this study" in shown[1].sentences[-1]
    assert "Undisputed labels only" in shown[1].sentences[1]


def test_a_list_of_other_questions_is_refused_and_the_reading_counts(
    study: StudyDir, first: ledger.Reading, pool: Pool
) -> None:
    before = len(ledger.readings(study.path))
    ids = study.path.parent / "other.txt"
    ids.write_text("0123456789abcdef\n")
    with pytest.raises(ConfigError, match="1 not among the 40 test questions"):
        final_test(study, 0, ids, pool)
    assert [one.scores is None for one in ledger.readings(study.path)][before:] == [True]


def test_an_adapter_that_was_changed_is_refused_before_anything_is_read(
    study: StudyDir, first: ledger.Reading, pool: Pool
) -> None:
    before = (study.path / ledger.FILE).read_bytes()
    adapter = study.path / "0" / "adapter" / "adapter_model.safetensors"
    weights = adapter.read_bytes()
    adapter.write_bytes(weights[:-4] + b"\x00\x00\x80\x3f")
    with pytest.raises(ConfigError, match="its weights have changed"):
        final_test(study, 0, None, pool)
    adapter.write_bytes(weights)
    assert (study.path / ledger.FILE).read_bytes() == before
    assert selected_trial(study) == (0, "the best by validation")


@pytest.mark.parametrize("what", ["adapter", "questions"])
def test_a_git_lfs_pointer_is_refused_before_a_reading_is_written(
    what: str, study: StudyDir, first: ledger.Reading, pool: Pool
) -> None:
    """Else it would count as a reading that came to no score, and the next one as the second."""
    before = (study.path / ledger.FILE).read_bytes()
    adapter = study.path / "0" / "adapter" / "adapter_model.safetensors"
    file = adapter if what == "adapter" else Path(first.request.questions)
    content = file.read_bytes()
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 1502096\n")
    with pytest.raises(ConfigError, match=rf"{file.name} is a Git-LFS pointer"):
        final_test(study, 0, None, pool)
    file.write_bytes(content)
    assert (study.path / ledger.FILE).read_bytes() == before
