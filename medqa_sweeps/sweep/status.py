"""A study as it stands, from its folders alone: the sweep's own table, seen from another terminal."""

import time
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console

from medqa_sweeps.command_line import command
from medqa_sweeps.study.not_run import NotRun, not_run
from medqa_sweeps.study.objective import Objective, objective_in
from medqa_sweeps.sweep.jobs import Ended
from medqa_sweeps.sweep.study import StudyDir
from medqa_sweeps.sweep.table import SweepTable
from medqa_sweeps.sweep.trial_jobs import trial_end, words_of
from medqa_sweeps.trial.folder import TrialDir, trial_folders
from medqa_sweeps.trial.records import AttemptLine, MetricsLine, Outcome
from medqa_sweeps.wording import overrides


def print_status(study: StudyDir, console: Console) -> None:
    """Print what has ended, what runs, what was interrupted, and whether the study is finished.

    Raises:
        ConfigError: if the folder holds no study.
    """
    total = study.definition()["trials"]
    trials, others = trial_folders(study.path), not_run(study.path)
    labels = _labels(trials, others)
    objective = objective_in(study.path)
    table = SweepTable(console, max(total, len(trials) + len(others)), objective)
    for trial in trials:
        _show(trial, labels[int(trial.path.name)], table, objective)
    for other in others:
        table.ended(_end_without_run(other), labels[other.number])
    if table.running:
        console.print(table.picture())
    else:
        table.say(table.totals())
    table.say(_standing(study, len(table.running), total - table.finished))


def _show(trial: TrialDir, label: str, table: SweepTable, objective: Objective) -> None:
    number, result, lines = int(trial.path.name), trial.result(), trial.lines()
    table.started(number, label, result.seconds if result else _seconds_since_start(lines))
    for line in lines:
        table.look(number, line)
    if result is not None:
        table.ended(trial_end(number, trial, result, objective), label)
    elif not trial.is_claimed():
        why = trial.last_words() or "its process is gone"
        table.ended(Ended(number, Outcome.INTERRUPTED, message=why), label)


def _end_without_run(trial: NotRun) -> Ended:
    return Ended(
        trial.number, trial.outcome, failure=trial.failure, message=trial.message, signature="", same_as=trial.same_as
    )


def _standing(study: StudyDir, running: int, to_come: int) -> str:
    """What becomes of the study now, and the command for it."""
    if to_come <= 0 and not running:
        return f"The study is finished. Its leaderboard: {command('analysis', study.path)}"
    if running or study.is_claimed():
        return "The study is running."
    resume = command("medqa_sweeps", "resume", study.path)
    return f"The study is not finished, and nothing runs it. To continue: {resume}"


def _seconds_since_start(lines: list[MetricsLine]) -> float:
    """Of the newest attempt; 0 before the first has begun."""
    starts = [line.time for line in lines if isinstance(line, AttemptLine)]
    return max(0.0, time.time() - starts[-1]) if starts else 0.0


def _labels(trials: Sequence[TrialDir], others: Sequence[NotRun]) -> Mapping[int, str]:
    """By number, what each trial was told and not all were."""
    told = {int(trial.path.name): words_of(trial.path) for trial in trials}
    told |= {other.number: other.overrides for other in others}
    return dict(_distinct(told))


def _distinct(told: Mapping[int, Sequence[str]]) -> Iterator[tuple[int, str]]:
    common = set.intersection(*map(set, told.values())) if told else set()
    for number, words in told.items():
        yield number, overrides([word for word in words if word not in common])
