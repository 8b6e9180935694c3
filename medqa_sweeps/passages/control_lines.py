"""`controls.jsonl` of a trial's folder: the trained model's answers without passages, and with another question's."""

from collections.abc import Iterable

from medqa_sweeps.durable.lines import read_lines, replace_lines
from medqa_sweeps.safety.records import SafetyLine
from medqa_sweeps.trial.folder import TrialDir


def read(trial: TrialDir) -> list[SafetyLine]:
    """The trial's lines; none if it shows no passages.

    Raises:
        ConfigError: if the file is damaged.
    """
    return list(read_lines(trial.controls_file, SafetyLine.from_json))


def write(trial: TrialDir, lines: Iterable[SafetyLine]) -> None:
    replace_lines(trial.controls_file, (line.to_json() for line in lines))
