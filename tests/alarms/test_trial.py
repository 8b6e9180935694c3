"""From a trial's folder to its alarms: one of each, none of a healthy trial, and never an exception."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from medqa_sweeps.alarms import alarms_of
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Outcome, Result
from tests.alarms.trials import LEAKS, QUESTIONS, RIGHT, answers, quickstart

ROOT = Path(__file__).parents[2]
ONE_LETTER = ["D" if number % 5 else RIGHT[number] for number in range(QUESTIONS)]
BASE, HALFWAY, HEALTHY = answers(84, first=300), answers(195), answers(249)


def names(trial: TrialDir, result: Result | None = None) -> list[str]:
    return [alarm.name for alarm in alarms_of(trial, result)]


def test_a_healthy_trial_is_quiet(tmp_path: Path) -> None:
    assert alarms_of(quickstart(tmp_path / "0")) == []


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("one_letter", {"evaluations": {0: BASE, 1000: HALFWAY, 2000: ONE_LETTER}}),
        ("no_answer_changed", {"evaluations": {0: HEALTHY, 2000: HEALTHY}}),
        ("not_above_chance", {"evaluations": {0: BASE, 2000: answers(101, first=299)}}),
        ("worse_than_base", {"evaluations": {0: answers(249, first=100), 2000: answers(195)}}),
        ("loss_never_fell", {"loss": lambda line: 1.0 + line / 100}),
        ("peaked_early", {"evaluations": {0: BASE, 1000: HEALTHY, 2000: HALFWAY}}),
        ("near_duplicates", {"flagged": LEAKS}),
    ],
)
def test_each_alarm_is_found_in_the_folder_and_alone(name: str, broken: dict[str, Any], tmp_path: Path) -> None:
    assert names(quickstart(tmp_path / "0", **broken)) == [name]


def test_the_evaluation_that_gave_the_score_is_looked_at(tmp_path: Path) -> None:
    """With training.export=best that is not the last one."""
    evaluations = {0: BASE, 1000: HALFWAY, 2000: ONE_LETTER}
    assert "one_letter" not in names(quickstart(tmp_path / "best", evaluations, scored_at=1000))
    unfinished = quickstart(tmp_path / "runs", evaluations, outcome=None)
    assert "one_letter" in names(unfinished), "of a trial that runs, the last"
    result = Result(Outcome.COMPLETED, "0123456789ab", samples_seen=1000)
    assert "one_letter" not in names(unfinished, result), "the one whose result is about to be written"


def test_a_failed_trial_has_no_score_to_be_misled_by(tmp_path: Path) -> None:
    evaluations = {0: BASE, 2000: ONE_LETTER}
    assert "one_letter" in names(quickstart(tmp_path / "pruned", evaluations, outcome=Outcome.PRUNED))
    assert alarms_of(quickstart(tmp_path / "failed", evaluations, outcome=Outcome.FAILED)) == []


def test_nothing_but_the_base_and_no_base(tmp_path: Path) -> None:
    assert alarms_of(quickstart(tmp_path / "only", {0: ONE_LETTER})) == []
    assert names(quickstart(tmp_path / "none", {2000: ONE_LETTER})) == ["one_letter"]


def test_questions_missing_in_an_evaluation_are_left_out(tmp_path: Path) -> None:
    evaluations = {0: BASE[:20], 1000: HALFWAY[:30], 2000: ONE_LETTER}
    alarms = alarms_of(quickstart(tmp_path / "0", evaluations))
    assert [alarm.sentence for alarm in alarms if alarm.name == "one_letter"] == [
        "the model answers D to 17 of 20 questions, though D is the correct answer to 5"
    ]


def test_generated_answers_have_no_probabilities(tmp_path: Path) -> None:
    trial = quickstart(tmp_path / "0", {0: BASE, 2000: [None] * QUESTIONS})
    lines = [json.loads(line) for line in trial.predictions_file.read_text().splitlines()]
    trial.predictions_file.write_text("".join(json.dumps({**line, "log_probabilities": {}}) + "\n" for line in lines))
    assert names(trial) == ["not_above_chance", "worse_than_base"]
    assert "(100 expected)" in alarms_of(trial)[0].sentence, "four letters are in use"


# Damage


def test_an_empty_folder_is_quiet(tmp_path: Path) -> None:
    assert alarms_of(TrialDir(tmp_path / "nowhere")) == []


@pytest.mark.parametrize("file", ["predictions.jsonl", "metrics.jsonl", "provenance.json", "result.json"])
def test_a_damaged_file_silences_its_own_alarms_only(file: str, tmp_path: Path) -> None:
    trial = quickstart(tmp_path / "0", {0: BASE, 1000: HALFWAY, 2000: ONE_LETTER}, lambda line: line, LEAKS)
    own = {
        "predictions.jsonl": {"one_letter", "worse_than_base", "peaked_early", "not_above_chance"},
        "metrics.jsonl": {"loss_never_fell"},
        "provenance.json": {"near_duplicates"},
        "result.json": set(),
    }[file]
    before = names(trial)
    for damage in (b"\xff\xfe\n", b'{"kind": 3, "samples_seen": []}\n', b"[[[[1]]]]\n"):
        (trial.path / file).write_bytes(damage)
        assert names(trial) == [name for name in before if name not in own]
    (trial.path / file).unlink()
    assert names(trial) == [name for name in before if name not in own]


@pytest.mark.parametrize("seen", ["2000", None, 2000.5])
def test_samples_seen_that_are_no_number_of_samples(seen: object, tmp_path: Path) -> None:
    trial = quickstart(tmp_path / "0", {0: BASE, 2000: ONE_LETTER})
    lines = [json.loads(line) for line in trial.predictions_file.read_text().splitlines()]
    trial.predictions_file.write_text("".join(json.dumps({**line, "samples_seen": seen}) + "\n" for line in lines))
    assert alarms_of(trial) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["A", "D", "", "AB", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_value_of_any_field_raises(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Lines as they are written, with one field of another kind; many of them, so that it meets every alarm."""
    trial = quickstart(tmp_path_factory.mktemp("odd") / "0", {0: BASE[:40], 2000: HEALTHY[:40]}, flagged=LEAKS)
    file = data.draw(
        st.sampled_from([trial.predictions_file, trial.metrics_file, trial.provenance_file, trial.result_file])
    )
    records = [json.loads(file.read_text())] if file.suffix == ".json" else [*map(json.loads, file.open())]
    record = data.draw(st.sampled_from(records))
    if "questions" in record:
        record = data.draw(st.sampled_from([record, record["questions"], record["questions"]["flagged"]]))
    record[data.draw(st.sampled_from(sorted(record)))] = data.draw(json_values)
    file.write_text("".join(json.dumps(one) + "\n" for one in records))
    alarms_of(trial)


# What it costs to have


def test_importing_it_brings_neither_scipy_nor_numpy_nor_torch() -> None:
    check = (
        "import sys, medqa_sweeps.alarms\n"
        "found = {'scipy', 'numpy', 'torch'} & set(sys.modules)\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=True)
