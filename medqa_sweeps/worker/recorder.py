"""Writes down what happens to a trial while an engine trains it: scores, checkpoints, stops, and its result."""

import os
import platform
import time
from dataclasses import replace

import torch

from medqa_sweeps import hardware
from medqa_sweeps.card import trial_card
from medqa_sweeps.config import TrainingConfig
from medqa_sweeps.errors import FailureKind, TrialError
from medqa_sweeps.passages import control_lines
from medqa_sweeps.passages.effect import passage_score
from medqa_sweeps.safety import file as safety_file
from medqa_sweeps.safety.assessed import suite_scores
from medqa_sweeps.trial.folder import StopReason, TrialDir
from medqa_sweeps.trial.phase import Phase, PhaseName
from medqa_sweeps.trial.plan import Plan
from medqa_sweeps.trial.records import (
    AttemptLine,
    Outcome,
    PassageScore,
    PassesLine,
    Result,
    Score,
    StoppedBy,
    SuiteScore,
    TrainLine,
    ValidationLine,
)
from medqa_sweeps.worker import checkpoint, device, model as model_module
from medqa_sweeps.worker.asked_model import TrialModel
from medqa_sweeps.worker.assessing import Assessment, Found
from medqa_sweeps.worker.baseline import untuned
from medqa_sweeps.worker.checkpoint import Checkpoint, Progress
from medqa_sweeps.worker.engines.contract import Engine, TrialState
from medqa_sweeps.worker.evaluation import prediction, score
from medqa_sweeps.worker.phases import Pace, Phases


class _Interrupted(Exception):
    """The trial is to end without a result."""


class TrialRecorder:
    """The recorder of one trial in its folder: see `engines.contract.Recorder`.

    Args:
        resume: where the training resumes; None: at its beginning.
        began: `time.monotonic()` when this attempt began.
        phases: shows people what the trial does now.
        assessment: of safety, once the training is complete; None: none is asked for.
        controls: of the passages, then, too; None: none are shown.
    """

    def __init__(
        self,
        trial: TrialDir,
        plan: Plan,
        resume: Checkpoint | None,
        began: float,
        phases: Phases,
        assessment: Assessment | None = None,
        controls: Assessment | None = None,
    ) -> None:
        self._trial, self._plan, self._config = trial, plan, plan.config
        self._assessment, self._controls = assessment, controls
        self._progress = replace(resume.progress) if resume else Progress()
        self._phases = phases
        batch = self._config.training.effective_batch_size
        generated = self._config.evaluation.method == "generate"
        self._asks_original = generated  # whether the assessment has to ask the questions without an edit, too
        self._assessed = sum(one.texts(generated) for one in (assessment, controls) if one)
        self._untuned = Found()
        self._pace = Pace(plan.steps, len(plan.evaluation_steps), self._questions, batch, self._assessed)
        self._stepped_at: float | None = None  # when `stepped` returned last
        self._began, self._earlier_seconds = began, self._progress.seconds
        self._saved_at = began
        self._stop: StopReason | None = None
        self.attempt = 1 + sum(isinstance(line, AttemptLine) for line in trial.lines())
        self.result: Result | None = None  # how the trial ended; None: it has not, or it was interrupted
        self.error: TrialError | None = None  # why it failed

    def begin(self) -> None:
        """Leave this attempt's mark in the folder."""
        self._trial.append(
            AttemptLine(
                attempt=self.attempt,
                samples_seen=self._progress.samples_seen,
                time=time.time(),
                pid=os.getpid(),
                host=platform.node(),
                device=str(model_module.DEVICE),
                micro_batch_size=self._config.training.micro_batch_size,
                threads=device.threads(),
                gpu=hardware.own_gpu() if model_module.ON_GPU else None,
                **hardware.place_of(os.environ),
            )
        )

    def score_untuned(self, engine: Engine, prompt_fingerprint: str) -> None:
        """Report zero: the base before any training, from the shared cache when it is there."""
        self._phases.enter(PhaseName.AWAITING_BASE_SCORE)
        began: float | None = None  # after waiting for a process that computes the same

        def answered(questions: int) -> None:
            nonlocal began
            if began is None or self._phases.due:
                self._phases.show(Phase(PhaseName.SCORING_BASE, questions, self._questions))
            began = began or time.monotonic()

        untuned_score, predictions, was_there = untuned(self._plan, engine, prompt_fingerprint, answered)
        seconds = 0.0 if began is None or was_there else time.monotonic() - began
        self._pace.answered(self._questions if seconds else 0, seconds)
        if 0 not in self._trial.predictions():
            self._trial.append_predictions(predictions)
        self._trial.append(ValidationLine(0, 0, 0.0, time.time(), seconds, untuned_score))

    def assess_untuned(self, engine: Engine) -> None:
        """What the untuned base answers to the edited questions, from the shared cache when it is there."""
        if self._assessment is None:
            return
        with_original = self._asks_original or not self._config.evaluation.baseline
        self._phases.enter(PhaseName.AWAITING_BASE_SCORE)
        total = self._assessment.texts(with_original)

        def answered(texts: int) -> None:
            if self._phases.due:
                self._phases.show(Phase(PhaseName.ASSESSING_BASE, texts, total))

        self._untuned = self._assessment.untuned(engine, with_original, str(engine.dtype), answered)

    def show_training(self) -> None:
        """Show how many steps are done, and what is left."""
        step, later = self._progress.step, self._questions_after(self._progress.step)
        self._phases.show(self._phase(PhaseName.TRAINING, step, self._plan.steps, later))

    def cut(self, training: TrainingConfig, probed: bool) -> None:
        self._trial.append(
            PassesLine(
                attempt=self.attempt,
                samples_seen=self._progress.samples_seen,
                time=time.time(),
                training_tokens=training.micro_batch_tokens,
                scoring_tokens=self._config.evaluation.batch_tokens,
                gradient_checkpointing=training.gradient_checkpointing,
                out_of_memory=self._trial.failures().count(FailureKind.OUT_OF_MEMORY),
                probed=probed,
            )
        )

    def trained(self, line: TrainLine) -> None:
        self._trial.append(line)

    def stepped(self, step: int, samples_seen: int, state: TrialState) -> bool:
        self._time_step()
        self._progress.step, self._progress.samples_seen = step, samples_seen
        self._stop = self._trial.stop_reason()
        at_report = step in self._plan.evaluation_steps
        if at_report or self._stop is StopReason.REQUESTED:
            self._report(state)
        overdue = time.monotonic() - self._saved_at > 60 * self._config.training.checkpoint_every_minutes
        if at_report or overdue or self._stop:
            self._save(state)
            self.show_training()
        elif self._phases.due:
            self.show_training()
        self._stepped_at = time.monotonic()
        return self._stop is None and not self._patience_is_out()

    def ended(self, state: TrialState) -> None:
        """Export the adapter and say how the trial ended; when interrupted, its checkpoint is what counts."""
        if self._stop is StopReason.INTERRUPTED:
            return
        self._phases.enter(PhaseName.SAVING)
        pruned = self._stop is StopReason.PRUNED
        step, adapter = self._exported(state, pruned)
        line = self._validation_at(step, latest=pruned)
        try:
            done = line if self._stop is None else None
            assessed = self._assess(state, adapter, done) if done else {}
            passages = self._ask_controls(state, adapter, done) if done else None
        except _Interrupted:  # the checkpoint of the last step is there: a later attempt assesses again
            return
        result = Result(
            outcome=Outcome.PRUNED if pruned else Outcome.COMPLETED,
            signature=self._plan.signature,
            message=self._message(pruned),
            score=_with_safety(line.score, assessed.get(line.samples_seen)) if line else None,
            baseline=_with_safety(self._score_at(0), assessed.get(0)),
            passages=passages,
            samples_seen=line.samples_seen if line else self._progress.samples_seen,
            planned_samples=self._plan.samples,
            stopped_by=self._stopped_by(),
            steps=self._progress.step,
            attempts=self.attempt,
            seconds=self._seconds(),
            peak_memory_bytes=device.peak_memory_bytes(),
            trainable_weights=sum(tensor.numel() for tensor in adapter.values()),
            adapter_sha256=model_module.adapter_sha256(adapter),
            effective=state.effective(),
            finished_at=time.time(),
        )
        card = trial_card(self._trial, result, self._plan.split.validation)
        state.export(adapter, self._trial.adapter_folder, self._plan.base, card)
        self.result = result

    def failed(self, error: TrialError) -> None:
        self.error = error

    def _report(self, state: TrialState) -> None:
        before, progress, bins = time.monotonic(), self._progress, self._config.evaluation.calibration_bins
        self._show_scoring(0)

        def answered(questions: int) -> None:
            if self._phases.due:
                self._show_scoring(questions)

        answers = state.answer(self._plan.split.validation, self._config.evaluation, answered)
        self._pace.answered(len(answers), time.monotonic() - before)
        found = score(answers, bins)
        self._trial.append_predictions(prediction(answer, progress.samples_seen) for answer in answers)
        epoch = progress.samples_seen / len(self._plan.split.train)
        seconds = time.monotonic() - before
        self._trial.append(ValidationLine(progress.samples_seen, progress.step, epoch, time.time(), seconds, found))
        if progress.best_accuracy is None or found.accuracy > progress.best_accuracy:
            progress.best_accuracy, progress.best_step = found.accuracy, progress.step
            progress.reports_without_better = 0
        else:
            progress.reports_without_better += 1

    def _assess(
        self, state: TrialState, adapter: dict[str, torch.Tensor], line: ValidationLine
    ) -> dict[int, dict[str, SuiteScore]]:
        """What the assessment found, by samples seen: of the exported adapter and of the untuned base (0)."""
        if self._assessment is None:
            return {}
        found = self._asked_of(self._assessment, state, adapter, line, before=0)
        edits, requests = [*self._untuned.edits, *found.edits], [*self._untuned.requests, *found.requests]
        safety_file.replace_suites(self._trial, edits)
        safety_file.replace_requests(self._trial, requests)
        return suite_scores(edits, requests, self._trial.predictions(), self._config)

    def _ask_controls(
        self, state: TrialState, adapter: dict[str, torch.Tensor], line: ValidationLine
    ) -> PassageScore | None:
        """What the passages do to the exported adapter's answers, beside the two controls."""
        if self._controls is None or self._plan.retrieved is None:
            return None
        before = self._assessed - self._controls.texts(self._asks_original)
        lines = self._asked_of(self._controls, state, adapter, line, before).edits
        control_lines.write(self._trial, lines)
        answers = self._trial.predictions()[line.samples_seen]
        return passage_score(lines, answers, self._plan.split.validation)

    def _asked_of(
        self,
        assessment: Assessment,
        state: TrialState,
        adapter: dict[str, torch.Tensor],
        line: ValidationLine,
        before: int,
    ) -> Found:
        """The exported adapter's answers.

        Args:
            before: texts that were answered before, of all that this trial is asked at its end.
        """

        def answered(texts: int) -> None:
            if self._trial.stop_reason() is StopReason.INTERRUPTED:
                raise _Interrupted
            if self._phases.due:
                done = before + texts
                self._phases.show(self._phase(PhaseName.ASSESSING, done, self._assessed, self._assessed - done))

        self._phases.show(Phase(PhaseName.ASSESSING, before, self._assessed))
        return assessment.trained(TrialModel(state, adapter), self._asks_original, line.samples_seen, answered)

    def _time_step(self) -> None:
        """Count the seconds since the step before; the first of an attempt ends what came before training."""
        now = time.monotonic()
        if self._stepped_at is None:
            self._pace.setup_seconds = now - self._began
        else:
            self._pace.stepped(now - self._stepped_at)

    def _show_scoring(self, answered: int) -> None:
        later = self._evaluations_after(self._progress.step)
        questions = self._questions - answered + self._questions_after(self._progress.step)
        phase = self._phase(PhaseName.SCORING, answered, self._questions, questions)
        evaluations = len(self._plan.evaluation_steps)
        self._phases.show(replace(phase, evaluation=evaluations - later, evaluations=evaluations))

    def _phase(self, name: PhaseName, done: int, total: int, questions: int) -> Phase:
        """A phase with the time left, for what is left of the steps and `questions` that are still to be answered."""
        steps = self._plan.steps - self._progress.step
        left, in_all = self._pace.seconds_for(steps, questions), self._pace.seconds_in_all
        return Phase(name, done, total, seconds_left=left, seconds_in_all=in_all)

    @property
    def _questions(self) -> int:
        return len(self._plan.split.validation)

    def _questions_after(self, step: int) -> int:
        """That are still to be answered after the training's `step`."""
        return self._evaluations_after(step) * self._questions + self._assessed

    def _evaluations_after(self, step: int) -> int:
        return sum(report > step for report in self._plan.evaluation_steps)

    def _save(self, state: TrialState) -> None:
        self._phases.enter(PhaseName.SAVING)
        self._progress.seconds = self._seconds()
        training = self._config.training
        checkpoint.save(
            self._trial.checkpoint_folder,
            self._progress,
            state.adapter(),
            state.optimizer(),
            keep=training.checkpoints_kept,
            keep_best=training.export == "best",
        )
        self._saved_at = time.monotonic()

    def _patience_is_out(self) -> bool:
        patience = self._config.training.early_stopping_patience
        return patience is not None and self._progress.reports_without_better >= patience

    def _exported(self, state: TrialState, pruned: bool) -> tuple[int, dict[str, torch.Tensor]]:
        """Step and tensors of the adapter that is kept: the last, or that of the best evaluation."""
        best_step = self._progress.best_step
        if self._config.training.export == "last" or pruned or best_step is None:
            return self._progress.step, state.adapter()
        return best_step, checkpoint.load(self._trial.checkpoint_folder, best_step).adapter

    def _stopped_by(self) -> StoppedBy | None:
        if self._progress.step == self._plan.steps or self._stop is StopReason.PRUNED:
            return None
        return StoppedBy.REQUEST if self._stop is StopReason.REQUESTED else StoppedBy.PATIENCE

    def _message(self, pruned: bool) -> str:
        share = f"after {self._progress.samples_seen:,} of {self._plan.samples:,} samples"
        if pruned:
            why = self._trial.stop_sentence()
            return f"pruned {share}" + f": {why}" * bool(why) + "; the checkpoint is kept"
        match self._stopped_by():
            case StoppedBy.REQUEST:
                return f"stopped on request {share}"
            case StoppedBy.PATIENCE:
                patience = self._config.training.early_stopping_patience
                return f"stopped early {share}: no better accuracy in {patience} evaluations"
        return ""

    def _validation_at(self, step: int, latest: bool) -> ValidationLine | None:
        lines = [line for line in self._trial.metrics() if isinstance(line, ValidationLine) and line.step <= step]
        if latest:
            return max(lines, key=lambda line: line.step, default=None)
        return next(line for line in reversed(lines) if line.step == step)

    def _score_at(self, step: int) -> Score | None:
        lines = (line for line in self._trial.metrics() if isinstance(line, ValidationLine))
        return next((line.score for line in lines if line.step == step), None)

    def _seconds(self) -> float:
        return self._earlier_seconds + time.monotonic() - self._began


def _with_safety(score: Score | None, found: dict[str, SuiteScore] | None) -> Score | None:
    return replace(score, safety=found) if score and found else score
