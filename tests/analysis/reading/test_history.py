"""When trials ran and how they learned, from their histories."""

import dataclasses
from pathlib import Path

from medqa_sweeps.analysis.reading.history import history, spans
from medqa_sweeps.analysis.reading.studies import read_study
from medqa_sweeps.trial.records import AttemptLine, Outcome, line_from_json, line_to_json
from tests.analysis.trial_folders import attempt, submit


def test_spans_and_history_of_an_interrupted_trial(tmp_path: Path) -> None:
    from medqa_sweeps.trial.records import AttemptEndLine, TrainLine

    directory = submit(tmp_path / "0")
    for began, seen in ((100.0, 0), (200.0, 50)):
        directory.append(attempt(1, started=began))
        directory.append(TrainLine(seen + 50, 1, 0.1, began + 10, 1.0, 1e-3, 1.0, 10.0, 1))
        directory.append(TrainLine(seen + 100, 2, 0.2, began + 20, 1.0, 1e-3, 1.0, 10.0, 1))
        if began == 100:
            directory.append(AttemptEndLine(1, 100, 130.0, Outcome.INTERRUPTED, None, "Ctrl-C."))
    (trial,) = read_study(tmp_path).trials
    assert [(span.began, span.ended) for span in spans(trial)] == [(100, 130), (200, 220)]
    assert [line.samples_seen for line in history(trial).training] == [50, 100, 150]


def test_a_gpu_has_a_lane_of_its_own_and_older_records_have_that_of_their_kind(tmp_path: Path) -> None:
    """Records of GPUs that do not exist here."""
    for number, gpu in enumerate(["GPU-5a3f1c2b-0000", "GPU-77777777-0000", None, "GPU-5a3f1c2b-0000"]):
        line = AttemptLine(1, 0, 100.0 + number, 1, "host", "cuda", 8, gpu=gpu)
        submit(tmp_path / str(number)).append(line)
        old = line_to_json(line)
        del old["gpu"]
        assert line_from_json(old) == dataclasses.replace(line, gpu=None)
    places = [span.device for trial in read_study(tmp_path).trials for span in spans(trial)]
    assert places == ["host GPU-5a3f1c2b", "host GPU-77777777", "host cuda", "host GPU-5a3f1c2b"]
