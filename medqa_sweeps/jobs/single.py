"""One trial for a person at a terminal: plan, announce, run it on a pool of one slot, and say how it ended."""

import atexit
import functools
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from medqa_sweeps.alarms import alarms_of
from medqa_sweeps.alarms.cautions import caution_lines, cautions_of
from medqa_sweeps.alarms.faster import faster_here
from medqa_sweeps.alarms.inputs import answers_of
from medqa_sweeps.command_line import command, command_of_this_process, shell_line, short_path
from medqa_sweeps.config import TrialConfig
from medqa_sweeps.durable.disk import refuse_unfit
from medqa_sweeps.errors import ConfigError, InternalError
from medqa_sweeps.jobs.child_process import TRAINING
from medqa_sweeps.jobs.contract import POLL_SECONDS, Job, JobEnded, Jobs
from medqa_sweeps.jobs.interrupts import Interrupts
from medqa_sweeps.jobs.preparing import Prepared
from medqa_sweeps.jobs.progress import TrialProgress
from medqa_sweeps.jobs.trials import TrialJobs
from medqa_sweeps.passages import control_lines
from medqa_sweeps.pool.local import LocalPool, local_pool
from medqa_sweeps.pool.request import ANY_DEVICE, DeviceRequest
from medqa_sweeps.safety.announcing import announced
from medqa_sweeps.safety.suites import refuse_unreadable
from medqa_sweeps.tracking.run_settings import OFF, upload_text
from medqa_sweeps.trial.changes import changes_since_start
from medqa_sweeps.trial.folder import StopReason, TrialDir
from medqa_sweeps.trial.phase import Phase, PhaseName
from medqa_sweeps.trial.plan import plan_new_trial, plan_trial, refuse_changed
from medqa_sweeps.trial.records import MetricsLine, Outcome, Result
from medqa_sweeps.wording import NOT_RESOLVED, accuracy, duration, interval, sentences, signed_points


def run_single(
    config: TrialConfig,
    trial: TrialDir,
    announce: bool,
    devices: DeviceRequest = ANY_DEVICE,
    composed: DictConfig | None = None,
    alone: bool = True,
    again: bool = False,
) -> Result | None:
    """How the trial ended; None when it was interrupted and can be resumed. Resumes a trial that the folder holds.

    Args:
        composed: what Hydra composed, its own node included, for the trial's `.hydra/`.
        alone: whether it is not one of a sweep.
        again: the config has run before, so that it is not refused for what only new ones are refused for.

    Raises:
        TrialError: before anything is written, if the trial cannot be run as asked, or no such device is free.
    """
    console = Console(highlight=False)
    begun = trial.config_file.exists()
    plan = plan_trial(config) if begun or again else plan_new_trial(config)
    refuse_unreadable(plan.config.safety)
    trial.refuse_another(plan.config)
    if begun:  # found here, it leaves the trial as it is; found by its process, it would be its end
        refuse_changed(plan, trial.provenance())
    refuse_unfit(trial.path)
    job = Job(0, (), plan.signature, Prepared(trial, plan, composed))
    folder = trial.path.parent
    pool = _pool(folder, devices)
    if announce:
        warnings = caution_lines(cautions_of(plan))
        earlier = changes_since_start("The trial", trial.provenance()) if begun else []
        advice, uploads = faster_here(plan.config.model, plan.base.folder), upload_text(plan.config.tracking.mode)
        further = [line for line in (f"Runs on    {pool.devices[0]}", advice, uploads) if line]
        questions, training, writes = plan.sentences(short_path(trial.path))
        safety = announced(plan.config.safety, len(plan.split.validation), plan.most_options)
        passages = plan.passages_sentence()
        said = [questions, training, *([passages] if passages else []), *safety, writes, *further, *warnings, *earlier]
        for sentence in said:
            console.print(sentence, markup=False, soft_wrap=True)
    with TrialProgress(console) as progress:

        def look(number: int, news: MetricsLine | Phase) -> None:
            progress.show(news)

        with TrialJobs(pool, folder, command_of_this_process(), look=look, say=progress.say, alone=alone) as jobs:
            ended = _to_its_end(jobs, job, progress)
            if plan.config.tracking.mode != OFF:
                progress.follow("finishing the W&B run")
    result = trial.result()
    console.print(_ending(trial, result, ended), markup=False, soft_wrap=True)
    return result


def _to_its_end(jobs: Jobs, job: Job, progress: TrialProgress) -> JobEnded:
    """Ctrl-C once lets the trial save a checkpoint and stop; twice stops it now."""
    heard = 0
    with Interrupts() as interrupts:
        while not jobs.free:
            jobs.poll(POLL_SECONDS)
            progress.update()
            if interrupts.count:
                return JobEnded(job.number, Outcome.INTERRUPTED, message="The trial had not started.")
        jobs.start(job)
        while jobs.running:
            for event in jobs.poll(POLL_SECONDS):
                if isinstance(event, JobEnded):
                    return event
            progress.update()
            if interrupts.count > heard:
                heard = interrupts.count
                if heard == 1:
                    progress.say(_stopping(job.prepared.trial.phase() or progress.phase))
                    jobs.stop(job.number, StopReason.INTERRUPTED)
                else:
                    jobs.kill()
    raise InternalError("a job stopped running without an end")


@functools.cache
def _pool(folder: Path, devices: DeviceRequest) -> LocalPool:
    """One slot with all that a device has, kept for the trials that Hydra runs in this process one by one."""
    made = local_pool(folder, TRAINING, devices, slots_per_device=1, at_most=1)
    atexit.register(made.close)
    return made


def _stopping(phase: Phase) -> str:
    """What the first Ctrl-C does in this phase."""
    if phase.before_training:
        return "Stopping now: training has not begun, so there is no new checkpoint to save."
    after = "evaluation" if phase.name is PhaseName.SCORING else "step"
    return f"Stopping after this {after}, with a checkpoint. Ctrl-C again stops now."


def _ending(trial: TrialDir, result: Result | None, ended: JobEnded) -> str:
    folder = shell_line(trial.path)
    if result is None:
        why = "" if ended.message in ("", "interrupted") else f" {ended.message}"
        if not trial.config_file.exists():
            return f"Interrupted.{why}"
        resume = command("resume", trial.path)
        return f"Interrupted.{why} The trial {trial.resumes_from()}. To resume: {resume}"
    if result.outcome is Outcome.FAILED or result.score is None:
        return f"Failed ({result.failure}): {result.message}"
    score = result.score
    note = f" ({result.message})" if result.message else ""
    how = "Stopped early" if result.stopped_on_request else result.outcome.capitalize()
    alarms = "".join(f"\n{alarm.word.capitalize()}: {alarm.sentence}." for alarm in alarms_of(trial, result))
    measured = accuracy(score.accuracy, score.low, score.high, score.questions)
    further = _passages(trial, result) + alarms
    return f"{how}{note}: accuracy {measured}{_gain(trial, result)}. {duration(result.seconds)}, in {folder}{further}"


def _gain(trial: TrialDir, result: Result) -> str:
    """`; +15.0 points over the untuned base (95% CI -5.0 to 35.0): not resolved`, from the answers to the same
    questions; empty where the base was not scored."""
    answers = answers_of(trial)
    if answers is None or not {0, result.samples_seen} <= set(answers.evaluations):
        return ""
    import numpy as np

    from medqa_sweeps.statistics import compare_answers  # SciPy, which takes half a second, after all else is done

    base, trained = (
        np.array([given == gold for given, gold in zip(answers.evaluations[seen], answers.gold, strict=True)])
        for seen in (0, result.samples_seen)
    )
    paired = compare_answers(trained, base)
    beside = "over" if paired.difference >= 0 else "compared with"
    verdict = "" if paired.significant else f": {NOT_RESOLVED}"
    points = f"{signed_points(paired.difference)} points {beside} the untuned base"
    return f"; {points} ({interval(paired.low, paired.high)}){verdict}"


def _passages(trial: TrialDir, result: Result) -> str:
    """A line on whether the passages help; empty if none were shown, or the answers cannot be read."""
    if result.passages is None:
        return ""
    from medqa_sweeps.passages.effect import passage_effect  # SciPy, as above
    from medqa_sweeps.passages.statements import NO_CONTROLS, in_a_sentence

    try:
        effect = passage_effect(control_lines.read(trial), trial.predictions().get(result.samples_seen, {}))
    except ConfigError as error:
        return f"\n{error}"
    return f"\n{sentences(in_a_sentence(effect)) if effect else NO_CONTROLS}"
