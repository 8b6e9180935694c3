"""What a trial answered at one evaluation, from its `predictions.jsonl`: the only reader of that file here."""

import functools
from pathlib import Path

from medqa_sweeps import damage
from medqa_sweeps.analysis.reading.studies import Trial
from medqa_sweeps.durable.lines import read_lines
from medqa_sweeps.trial.records import Prediction


def predictions(trial: Trial, samples_seen: int) -> dict[str, Prediction]:
    """By question id, the answers of the evaluation at `samples_seen`; empty without one.

    Raises:
        ConfigError: if a line of that evaluation is damaged, naming file and line.
    """
    file = trial.directory.predictions_file
    if not file.exists():
        return {}
    known = file.stat()
    return _predictions(file, samples_seen, (known.st_ino, known.st_mtime_ns, known.st_size))


@functools.lru_cache(maxsize=32)  # the page asks for the leading trials several times
def _predictions(file: Path, samples_seen: int, version: tuple[int, int, int]) -> dict[str, Prediction]:
    """`version`: of the file's content, so that one that was replaced is read again."""
    lines = read_lines(file, Prediction.from_json, containing=str(samples_seen).encode())
    with damage.reading(file):
        return {line.id: line for line in lines if line.samples_seen == samples_seen}
