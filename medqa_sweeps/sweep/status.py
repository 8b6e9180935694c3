"""A study as it stands, from its folders alone: the sweep's own table, seen from another terminal."""

import time
from collections.abc import Iterable

from rich.console import Console

from medqa_sweeps.command_line import command
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.jobs.contract import JobEnded
from medqa_sweeps.jobs.trial_end import trial_end
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.study.labels import labels
from medqa_sweeps.study.not_run import NotRun, not_run
from medqa_sweeps.study.objective import Objective, objective_in
from medqa_sweeps.sweep.steering import added_to
from medqa_sweeps.sweep.table import SweepTable
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.phase import Phase, PhaseName
from medqa_sweeps.trial.records import AttemptLine, MetricsLine, Outcome
from medqa_sweeps.wording import EDUCATION_ONLY, SYNTHETIC


def print_status(study: StudyDir, console: Console) -> None:
    """Print what has ended, what runs, what was interrupted, and whether the study is finished.

    Raises:
        ConfigError: if the folder holds no study.
    """
    total = study.definition()["trials"] + len(added_to(study))
    trials, others = study.trials(), not_run(study.path)
    told = {number: trial.overrides() for number, trial in trials.items()}
    label_of = labels({**told, **{other.number: other.overrides for other in others}})
    objective = objective_in(study.path)
    table = SweepTable(console, max(total, len(trials) + len(others)), objective, is_replay=True)
    for number, trial in trials.items():
        _show(number, trial, label_of[number], table, objective, study)
    for other in others:
        table.ended(_end_without_run(other), label_of[other.number])
    if table.running or study.is_claimed():
        console.print(table.picture())
    else:
        table.say(table.totals())
    for sentence in _about_scores(trials.values()):
        table.say(sentence)
    table.say(_standing(study, len(table.running), total - table.finished))


def _about_scores(trials: Iterable[TrialDir]) -> list[str]:
    """What stands beside every score."""
    return [*([SYNTHETIC] if any(map(_is_synthetic, trials)) else []), EDUCATION_ONLY]


def _is_synthetic(trial: TrialDir) -> bool:
    try:
        return trial.config().data.synthetic
    except ConfigError:  # of an older schema
        return False


def _show(number: int, trial: TrialDir, label: str, table: SweepTable, objective: Objective, study: StudyDir) -> None:
    result, phase, lines = trial.result(), trial.phase(), trial.lines()
    table.started(number, label, result.seconds if result else _seconds_since_start(lines))
    for line in lines:
        table.look(number, line)
    if result is not None:
        table.ended(trial_end(number, trial, result, objective), label)
    elif trial.is_claimed() or _is_starting(phase, study):
        if phase is not None:
            table.look(number, phase)
    else:
        why = trial.last_message() or "its process has ended"
        table.ended(JobEnded(number, Outcome.INTERRUPTED, message=why, resumes=trial.resumes_from()), label)


def _is_starting(phase: Phase | None, study: StudyDir) -> bool:
    """Whether the process of a trial imports libraries, after which it takes hold of the trial's folder."""
    return phase is not None and phase.name is PhaseName.IMPORTING and study.is_claimed()


def _end_without_run(trial: NotRun) -> JobEnded:
    return JobEnded(
        trial.number, trial.outcome, failure=trial.failure, message=trial.message, signature="", same_as=trial.same_as
    )


def _standing(study: StudyDir, running: int, to_come: int) -> str:
    """What becomes of the study now, and the command for it."""
    if to_come <= 0 and not running:
        return f"The study is finished. Its leaderboard: {command('report', study.path)}"
    if running or study.is_claimed():
        return "The study is running."
    resume = command("resume", study.path)
    return f"The study is not finished, and nothing runs it. To continue: {resume}"


def _seconds_since_start(lines: list[MetricsLine]) -> float:
    """Of the newest attempt; 0 before the first has begun."""
    starts = [line.time for line in lines if isinstance(line, AttemptLine)]
    return max(0.0, time.time() - starts[-1]) if starts else 0.0
