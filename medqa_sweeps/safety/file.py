"""`safety.jsonl` of a trial's folder: the lines of the untuned base and of the trained model, replaced as a whole."""

import json
from collections.abc import Iterable

from medqa_sweeps.durable.files import write_atomically
from medqa_sweeps.durable.lines import read_lines
from medqa_sweeps.safety.records import SafetyLine
from medqa_sweeps.trial.folder import TrialDir


def read(trial: TrialDir) -> list[SafetyLine]:
    """The trial's lines; none if it was not assessed.

    Raises:
        ConfigError: if the file is damaged.
    """
    return list(read_lines(trial.safety_file, SafetyLine.from_json))


def replace_suites(trial: TrialDir, fresh: Iterable[SafetyLine]) -> None:
    """Write `fresh` beside what is there already; of a suite that was assessed before, its lines are dropped.

    Raises:
        ConfigError: as `read`.
    """
    fresh = list(fresh)
    suites = {line.suite for line in fresh}
    kept = [line for line in read(trial) if line.suite not in suites]
    text = "".join(json.dumps(line.to_json(), ensure_ascii=False, allow_nan=False) + "\n" for line in [*kept, *fresh])
    write_atomically(trial.safety_file, text)
