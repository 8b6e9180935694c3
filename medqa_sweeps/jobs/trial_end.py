"""How a trial counts in its study, from its folder."""

from dataclasses import replace

from medqa_sweeps.alarms import alarms_of
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.jobs.contract import JobEnded
from medqa_sweeps.study.best import can_be_ranked, scored_trial
from medqa_sweeps.study.objective import Objective
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Outcome, Result


def trial_end(number: int, trial: TrialDir, result: Result | None, objective: Objective, message: str = "") -> JobEnded:
    """How a trial counts in its study: one that completed without a metric of the objective has failed there.

    Args:
        message: why it was interrupted, where it has no result.
    """
    if result is None:
        return JobEnded(number, Outcome.INTERRUPTED, message=message, resumes=trial.resumes_from())
    values = objective.values(result.score) if result.score else None
    ended = JobEnded(
        number,
        result.outcome,
        value=objective.value(result.score) if result.score else None,
        failure=result.failure,
        message=result.message,
        signature=result.signature,
        scored=scored_trial(trial, number, *values) if values and can_be_ranked(result) else None,
        stopped=result.stopped_on_request,
        seconds=result.seconds,
        alarms=tuple(alarms_of(trial, result)),
    )
    if ended.outcome is Outcome.COMPLETED and ended.value is None and result.score:
        lacking = objective.lacking(result.score)
        return replace(ended, outcome=Outcome.FAILED, failure=FailureKind.CONFIG, message=lacking)
    return ended
