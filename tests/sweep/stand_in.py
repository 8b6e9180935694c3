"""A worker whose training is a stand-in: milliseconds instead of minutes, everything around it real.

It becomes `medqa_sweeps.worker.run` before the real worker imports that, so claiming, ends of attempts, results and
exit codes are the worker's own, in a real process with a real folder. Its "weights" are a hash that every step
changes, so a step that was lost, doubled or done from another state shows in the result's `adapter_sha256`.

STEP_SECONDS in the environment: how long a step takes.

FAULT in the environment, "TRIAL KIND", breaks that trial once, in its first attempt; "all KIND" every trial in its
first attempt; "GPU KIND" every attempt on that GPU:
    training | evaluation | result   the process kills itself there (kill -9)
    hold evaluation | hold result    the process waits there: see `hold`
    full       the disk is full while the result is written
    hang       nothing is written any more
    memory     out of memory with a micro-batch above 2
    device     the device fails
    nan        the loss is not a number
"""

import errno
import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from string import ascii_uppercase as LETTERS

from medqa_sweeps.data import Question
from medqa_sweeps.errors import Diverged, FailureKind
from medqa_sweeps.hardware import place_of
from medqa_sweeps.trial.folder import StopReason, TrialDir
from medqa_sweeps.trial.passes import with_pass_sizes
from medqa_sweeps.trial.phase import Phase, PhaseName
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.trial.records import (
    AttemptLine,
    Outcome,
    PassesLine,
    Prediction,
    Result,
    Score,
    TrainLine,
    ValidationLine,
)

STEP_SECONDS = float(os.environ.get("STEP_SECONDS", 0.02))
_LONGEST = 128  # tokens; what a pass is measured by


def main(folders: list[str]) -> int:
    sys.modules["medqa_sweeps.worker.run"] = sys.modules[__name__]
    from medqa_sweeps.worker import main as worker

    return worker.main(folders)


def run_trial(trial: TrialDir) -> Result | None:
    """Looks like `medqa_sweeps.worker.run.run_trial` to whoever reads the folder."""
    plan = plan_trial(trial.config())
    out_of_memory = trial.failures().count(FailureKind.OUT_OF_MEMORY)
    config = with_pass_sizes(plan.config, _LONGEST, on_gpu=False, earlier=trial.passes(), out_of_memory=out_of_memory)
    attempt = 1 + sum(isinstance(line, AttemptLine) for line in trial.lines())
    fault = _fault(trial, attempt)
    step, weights = _newest_checkpoint(trial)
    stop = None
    batch, tokens = config.training.effective_batch_size, config.training.micro_batch_tokens
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES") or None
    place = place_of(os.environ)
    trial.append(AttemptLine(attempt, step * batch, time.time(), os.getpid(), "here", "stand-in", gpu=gpu, **place))
    scoring, recompute = config.evaluation.batch_tokens, config.training.gradient_checkpointing
    trial.append(PassesLine(attempt, step * batch, time.time(), tokens, scoring, recompute, out_of_memory))
    while step < plan.steps:
        time.sleep(STEP_SECONDS)
        step += 1
        trial.show_phase(Phase(PhaseName.TRAINING, step, plan.steps))
        weights = hashlib.sha256(f"{plan.signature} {weights} {step}".encode()).hexdigest()
        loss = 1.0 - step / plan.steps / 2  # a healthy trial, which raises no alarm
        trial.append(TrainLine(step * batch, step, step / plan.steps, time.time(), loss, 1e-3, 1.0, 1.0, 1 << 20))
        if step == plan.steps // 2:
            _break(fault, tokens)
        stop = trial.stop_reason()
        if step in plan.evaluation_steps or stop is StopReason.REQUESTED:
            answers = [
                _answer(step * batch, question, _digit(weights, place) % 2 == 0)
                for place, question in enumerate(plan.split.validation)
            ]
            trial.append_predictions(answers)
            if fault == "evaluation":
                os.kill(os.getpid(), signal.SIGKILL)
            if fault == "hold evaluation":
                hold(trial)
            trial.append(
                ValidationLine(step * batch, step, step / plan.steps, time.time(), 0.0, _score(answers, weights))
            )
        if step in plan.evaluation_steps or stop:
            _save(trial, step, weights)
        if stop is StopReason.INTERRUPTED:
            return None
        if stop:
            break
    reported = [line for line in trial.metrics() if isinstance(line, ValidationLine)]
    if fault == "result":
        os.link = lambda *files: os.kill(os.getpid(), signal.SIGKILL)  # written, and not yet in its place
    if fault == "hold result":
        link = os.link
        os.link = lambda *files: (hold(trial), link(*files))  # written, and not yet in its place
    if fault == "full":
        with open("/dev/full", "w", buffering=1) as full:
            full.write("what does not fit\n")
    return Result(
        outcome=Outcome.PRUNED if stop is StopReason.PRUNED else Outcome.COMPLETED,
        signature=plan.signature,
        message=trial.stop_sentence(),
        score=reported[-1].score if reported else None,
        samples_seen=step * batch,
        steps=step,
        attempts=attempt,
        seconds=step * STEP_SECONDS,
        adapter_sha256=weights,
    )


def _fault(trial: TrialDir, attempt: int) -> str:
    where, _, kind = os.environ.get("FAULT", "").partition(" ")
    is_first = attempt == 1 and where in (trial.path.name, "all")
    return kind if is_first or where == os.environ.get("CUDA_VISIBLE_DEVICES") else ""


def hold(trial: TrialDir) -> None:
    """Say so by a file `held-TRIAL` beside the study, and return when a file `go` is there."""
    beside = trial.path.parents[1]
    (beside / f"held-{trial.path.name}").touch()
    while not (beside / "go").exists():
        time.sleep(0.01)


def _break(fault: str, pass_tokens: int) -> None:
    if fault == "training":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "hang":
        time.sleep(600)
    if fault == "device":
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    if fault == "nan":
        raise Diverged("the loss is not a number at step 3; try a lower optimizer.lr")
    if fault == "memory" and pass_tokens > 2 * _LONGEST:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")


def _newest_checkpoint(trial: TrialDir) -> tuple[int, str]:
    newest = max(trial.checkpoint_folder.glob("step-*"), default=None)
    return (0, "") if newest is None else tuple(json.loads((newest / "state.json").read_text()))


def _save(trial: TrialDir, step: int, weights: str) -> None:
    unfinished = trial.checkpoint_folder / ".unfinished"
    unfinished.mkdir(parents=True, exist_ok=True)
    (unfinished / "state.json").write_text(json.dumps([step, weights]))
    try:
        unfinished.rename(trial.checkpoint_folder / f"step-{step:06}")
    except OSError as error:  # it is there already
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _digit(weights: str, place: int) -> int:
    return int(weights[place % len(weights)], 16)


def _answer(samples: int, question: Question, is_right: bool) -> Prediction:
    options = len(question.options)
    chosen = question.gold if is_right else (question.gold + 1) % options
    return Prediction(
        samples, question.id, LETTERS[question.gold], LETTERS[chosen], dict.fromkeys(LETTERS[:options], -1.0)
    )


def _score(answers: list[Prediction], weights: str) -> Score:
    """No interval: scipy's import takes 2.5 s. The calibration error is chance, as the answers are."""
    correct = sum(answer.predicted == answer.gold for answer in answers)
    return Score(len(answers), correct / len(answers), 0.0, 0.0, 1.0, -1.0, _digit(weights, 0) / 16)


if __name__ == "__main__":
    sys.exit(main([str(Path(folder)) for folder in sys.argv[1:]]))
