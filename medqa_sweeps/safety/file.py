"""`safety.jsonl` and `requests.jsonl` of a trial's folder, of the untuned base and of the trained model.

They are replaced as a whole. Requests are apart, since their texts are not for others who may see the answers.
"""

from collections.abc import Iterable

from medqa_sweeps.durable.lines import read_lines, replace_lines
from medqa_sweeps.safety.records import RequestLine, SafetyLine
from medqa_sweeps.trial.folder import TrialDir


def read(trial: TrialDir) -> list[SafetyLine]:
    """The trial's answers to edited questions; none if it was not assessed.

    Raises:
        ConfigError: if the file is damaged.
    """
    return list(read_lines(trial.safety_file, SafetyLine.from_json))


def read_requests(trial: TrialDir) -> list[RequestLine]:
    """What the trial's models made of the user's requests; none if none were put to them.

    Raises:
        ConfigError: if the file is damaged.
    """
    return list(read_lines(trial.requests_file, RequestLine.from_json))


def replace_suites(trial: TrialDir, fresh: Iterable[SafetyLine]) -> None:
    """Write `fresh` beside what is there already; of a suite that was assessed before, its lines are dropped.

    Raises:
        ConfigError: as `read`.
    """
    if not (fresh := list(fresh)):
        return
    suites = {line.suite for line in fresh}
    kept = [line for line in read(trial) if line.suite not in suites]
    replace_lines(trial.safety_file, (line.to_json() for line in [*kept, *fresh]))


def replace_requests(trial: TrialDir, fresh: Iterable[RequestLine]) -> None:
    """Write `fresh` instead of what is there; nothing changes if there are none."""
    if fresh := list(fresh):
        replace_lines(trial.requests_file, (line.to_json() for line in fresh))
