"""The ledger of the test questions: nothing is taken back, and a reading that died counts."""

import dataclasses
from pathlib import Path

from medqa_sweeps.study import ledger
from medqa_sweeps.study.ledger import Gain, ReadingScores
from medqa_sweeps.trial.records import Score

SCORE = Score(400, 0.6, 0.02, 0.55, 0.65, recall_by_letter={"A": 0.5})
BASE = Score(400, 0.25, 0.02, 0.21, 0.3)
SCORED = ReadingScores(
    "r1", 9.0, "abc", SCORE, BASE, Gain(0.35, 0.3, 0.4, 0.001), validation=Score(400, 0.62, 0.02, 0.57, 0.67)
)


def ask(study: Path, reading: str) -> None:
    study.mkdir(exist_ok=True)
    ledger.write_request(study, reading, 3, "c0ffee", "ab" * 32, "bundled:sample/test.jsonl")


def test_what_was_written_is_read_back_and_only_appended(tmp_path: Path) -> None:
    study = tmp_path / "study"
    assert ledger.readings(study) == []
    ask(study, "r1")
    before = (study / ledger.FILE).read_bytes()
    ledger.write_scores(study, SCORED)
    assert (study / ledger.FILE).read_bytes().startswith(before)
    (reading,) = ledger.readings(study)
    assert reading.scores == SCORED
    assert (reading.request.trial, reading.request.readings_before) == (3, 0)
    assert reading.request.user and reading.request.host


def test_a_reading_that_came_to_nothing_counts(tmp_path: Path) -> None:
    study = tmp_path / "study"
    for name in ("r0", "r1"):
        ask(study, name)
    ledger.write_scores(study, SCORED)
    killed, scored = ledger.readings(study)
    assert killed.scores is None and scored.request.readings_before == 1
    assert "ended without a score" in ledger.sentences(killed, 0)[0]


def test_studies_beside_it_that_read_the_same_questions_count_as_well(tmp_path: Path) -> None:
    for name in ("study", "other", "third"):
        ask(tmp_path / name, name)
    ledger.write_request(tmp_path / "third", "else", 0, "c0ffee", None, "other questions")
    assert ledger.readings_beside(tmp_path / "study", ledger.readings(tmp_path / "study")[0]) == 2


def test_the_sentences_compare_test_and_validation(tmp_path: Path) -> None:
    study = tmp_path / "study"
    ask(study, "r1")
    ledger.write_scores(study, SCORED)
    (reading,) = ledger.readings(study)
    test, validation, times = ledger.sentences(reading, 0)
    assert "60.0% of 400 questions (95% CI 55.0 to 65.0)" in test
    assert "better by 35.0 points (95% CI 30.0 to 40.0)." in test
    assert "62.0%" in validation and "2.0 points lower" in validation
    assert times.startswith("This is the first reading")
    worse = dataclasses.replace(SCORED, gain=Gain(-0.01, -0.04, 0.02, 0.6))
    told = ledger.sentences(dataclasses.replace(reading, scores=worse), 2)
    assert "worse by 1.0 points (95% CI -2.0 to 4.0): not resolved." in told[0]
    assert "0 times before for this study and 2 times for other studies in the same folder" in told[-1]
