"""One trial for a person at a terminal: plan, announce, submit, supervise, and say how it ended."""

import atexit
import functools
import os
import shlex
from pathlib import Path

from rich.console import Console

from medqa_sweeps import hardware
from medqa_sweeps.config import TrialConfig
from medqa_sweeps.plan import plan_trial
from medqa_sweeps.provenance import collect, command_line
from medqa_sweeps.record import Outcome, Result
from medqa_sweeps.sweep.children import Children, ForkedChildren, SpawnedChildren
from medqa_sweeps.sweep.progress import TrialProgress
from medqa_sweeps.sweep.supervise import child_environment, supervise
from medqa_sweeps.tracking import tracker_for
from medqa_sweeps.trial_dir import TrialDir


def run_single(config: TrialConfig, trial: TrialDir, announce: bool) -> Result | None:
    """How the trial ended; None when it was interrupted and can go on. Goes on with a folder that holds it already.

    Raises:
        TrialError: before anything is written, if the trial cannot be run as asked.
    """
    console = Console(highlight=False)
    plan = plan_trial(config)
    trial.submit(plan.config, collect(plan, command_line()))
    if announce:
        for sentence in plan.sentences(_shown(trial.path)):
            console.print(sentence, markup=False, soft_wrap=True)
    tracker = tracker_for(trial, group=trial.path.parent.name)
    with TrialProgress(trial, plan.steps, console) as progress:

        def look() -> None:
            progress.update()
            if tracker:
                tracker.feed()

        try:
            result = supervise(trial, children(), child_environment(), look, progress.say)
        except KeyboardInterrupt:  # while the libraries were still loading: nothing has begun
            result = None
    if tracker:
        tracker.finish(result)
        tracker.wait()
    console.print(_ending(trial, result), markup=False, soft_wrap=True)
    return result


@functools.cache
def children() -> Children:
    """Where this process's trials come from; closed when it exits. With a GPU every trial is a new interpreter."""
    made: Children = SpawnedChildren() if hardware.gpus() else ForkedChildren(preload=["medqa_sweeps.run"])
    atexit.register(made.close)
    return made


def _ending(trial: TrialDir, result: Result | None) -> str:
    folder = shlex.quote(_shown(trial.path))
    if result is None:
        return f"Interrupted. `uv run python -m medqa_sweeps resume {folder}` goes on from its checkpoint."
    if result.outcome is Outcome.FAILED or result.score is None:
        return f"Failed ({result.failure}): {result.message}"
    score, base = result.score, result.baseline
    against = f"; untuned base {base.accuracy:.1%}" if base else ""
    note = f" ({result.message})" if result.message else ""
    return (
        f"{result.outcome.capitalize()}{note}: accuracy {score.accuracy:.1%}, 95 % interval {score.low:.1%} to "
        f"{score.high:.1%}, {score.questions:,} questions{against}. {result.seconds:.0f} s, in {folder}"
    )


def _shown(path: Path) -> str:
    """Relative to here when that is shorter."""
    return min(str(path), os.path.relpath(path), key=len)
