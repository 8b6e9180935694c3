"""The one reader of predictions.jsonl, and its one idea of damage."""

from pathlib import Path

import pytest

from medqa_sweeps.analysis.comparing.leaderboard import leaderboard
from medqa_sweeps.analysis.plots.calibration import calibration
from medqa_sweeps.analysis.reading.predictions import predictions
from medqa_sweeps.analysis.reading.studies import read_study
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.trial.records import Prediction
from tests.analysis.trial_folders import SAMPLES_SEEN, complete, predict, right_at


def test_the_answers_of_one_evaluation_by_question(tmp_path: Path) -> None:
    complete(tmp_path / "0", right_at(0, 250), right_at(0, 100))
    (trial,) = read_study(tmp_path).trials
    for samples, right in ((0, 100), (SAMPLES_SEEN, 250)):
        answered = predictions(trial, samples)
        assert len(answered) == 400 and all(one.samples_seen == samples for one in answered.values())
        assert sum(one.predicted == one.gold for one in answered.values()) == right
    assert predictions(trial, 3000) == {}
    with open(trial.directory.predictions_file, "a") as file:
        file.write("of another evaluation, and not JSON\n")
    assert len(predictions(trial, SAMPLES_SEEN)) == 400


def test_without_a_file_nothing_was_answered(tmp_path: Path) -> None:
    complete(tmp_path / "0", right_at(0, 250)).predictions_file.unlink()
    assert predictions(read_study(tmp_path).trials[0], SAMPLES_SEEN) == {}


def test_a_file_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    directory = complete(tmp_path / "0", right_at(0, 250))
    (trial,) = read_study(tmp_path).trials
    assert len(predictions(trial, SAMPLES_SEEN)) == 400
    directory.predictions_file.unlink()
    predict(directory, right_at(0, 3, questions=5), SAMPLES_SEEN)
    assert len(predictions(trial, SAMPLES_SEEN)) == 5


@pytest.mark.parametrize(
    "damage", ["not JSON, 6000", "[6000]", '{"samples_seen": 6000}', '{"samples_seen": 6000, "id": "q1"']
)
def test_damage_is_a_sentence_with_file_and_line_and_a_half_written_last_line_is_none(
    tmp_path: Path, damage: str
) -> None:
    file = complete(tmp_path / "0", right_at(0, 250)).predictions_file
    (trial,) = read_study(tmp_path).trials
    whole = file.read_text().splitlines(keepends=True)
    file.write_text("".join(whole) + damage)
    assert len(predictions(trial, SAMPLES_SEEN)) == 400
    file.write_text("".join([*whole[:2], damage + "\n", *whole[2:]]))
    with pytest.raises(ConfigError, match=r"/predictions\.jsonl is damaged in line 3 \(\w+: "):
        predictions(trial, SAMPLES_SEEN)


def test_damage_is_said_where_answers_would_have_been_used(tmp_path: Path) -> None:
    """Beside the leaderboard as the reason why there is no test, and under the plot that leaves the config out."""
    for number, right in enumerate((250, 240)):
        directory = complete(tmp_path / str(number), right_at(0, right), lora__r=8 << number)
        sure = [
            Prediction(SAMPLES_SEEN, id_, one.gold, one.predicted, {"A": -1.0, "B": -1.0, "C": -1.0, "D": -2.0})
            for id_, one in directory.predictions()[SAMPLES_SEEN].items()
        ]
        directory.predictions_file.unlink()
        directory.append_predictions(sure)
    with open(directory.predictions_file, "a") as file:
        file.write('{"samples_seen": 6000}\n')
    board = leaderboard(read_study(tmp_path))
    assert "/1/predictions.jsonl is damaged in line 401 (" in board.rows[1].no_test
    plot = calibration(board)
    assert plot is not None and len(plot.tables[0].rows) == 1
    assert f" r=16 is left out: {tmp_path}/1/predictions.jsonl is damaged in line 401 (" in plot.caption


def test_confidence_is_among_the_letters_and_unknown_without_a_finite_number() -> None:
    assert Prediction(1, "q", "A", "B", {"A": -2.0, "B": -2.0}).confidence() == pytest.approx(0.5)
    assert Prediction(1, "q", "A", "B").confidence() is None and Prediction(1, "q", "A", None).confidence() is None
    unknown = Prediction.from_json(
        {"samples_seen": 1, "id": "q", "gold": "A", "predicted": "B", "log_probabilities": {"A": None, "B": -1.0}}
    )
    assert unknown.confidence() is None
