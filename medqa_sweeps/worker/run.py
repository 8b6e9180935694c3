"""One trial, one screen: questions, base, baseline, adapter, training with its reports, result."""

import os
import platform
import time
from typing import Any

from medqa_sweeps import hardware
from medqa_sweeps.alarms import alarms_of
from medqa_sweeps.base import refuse_unknown_token
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.prompt import PromptEncoder, refuse_long
from medqa_sweeps.prompt.stream import TrainingStream
from medqa_sweeps.prompt.tokens import TokenCache
from medqa_sweeps.trial.folder import StopReason, TrialDir
from medqa_sweeps.trial.plan import Plan, fitted, plan_trial, refuse_changed
from medqa_sweeps.trial.records import AttemptLine, Outcome, Result, Score, StoppedBy, TrainLine, ValidationLine
from medqa_sweeps.worker import checkpoint, model as model_module
from medqa_sweeps.worker.baseline import refuse_useless, untuned
from medqa_sweeps.worker.card import model_card
from medqa_sweeps.worker.checkpoint import Progress
from medqa_sweeps.worker.engines.unsloth import Training
from medqa_sweeps.worker.evaluation import answer_questions, prediction, score


def run_trial(trial: TrialDir) -> Result | None:
    """Train and score what the folder's config asks for, going on from its newest checkpoint; None: interrupted.

    Raises:
        TrialError: of the kind that says what is to be done about it.
    """
    began = time.monotonic()
    plan = plan_trial(fitted(trial.config(), trial.failures().count(FailureKind.OUT_OF_MEMORY)))
    model_module.use_threads(plan.config.engine.threads)
    refuse_changed(plan, trial.provenance())
    trial.quarantine(plan.split.quarantined)
    tokenizer, encoder = _encoder(plan)

    model = model_module.load_base(plan.base, plan.config.model, plan.config.training)
    resume = checkpoint.newest(trial.checkpoint_folder)
    seat = TrialSeat(trial, plan, tokenizer, encoder, resume.progress if resume else Progress(), began)
    seat.begin()
    refuse_useless(plan.base, model, tokenizer, encoder, plan.split.validation)
    if plan.config.evaluation.baseline:
        seat.score_untuned(model)

    model = model_module.attach_adapter(model, plan.config.lora, plan.config.training, plan.config.seed)
    engine = Training(
        model, tokenizer, plan.config.training, plan.config.optimizer, plan.config.scheduler, plan.config.seed
    )
    stream = TrainingStream(
        plan.split.train, encoder, plan.config.training, plan.config.seed, resume.progress.samples_seen if resume else 0
    )
    engine.run(stream, plan.steps, set(plan.report_steps), seat, resume)
    return seat.finish(engine)


def _encoder(plan: Plan) -> tuple[Any, PromptEncoder]:
    """Tokenizer and prompt, after making sure that every question fits: before any weight is loaded.

    Raises:
        ConfigError: if one does not, or the tokenizer is another model's.
        DataError: if a question cannot be read as text.
    """
    tokenizer = model_module.load_tokenizer(plan.base)
    cache = TokenCache(plan.base.fingerprint)
    encoder = PromptEncoder(tokenizer, plan.config.prompt, plan.most_options, cache)
    for what, questions in (("training", plan.split.train), ("validation", plan.split.validation)):
        rows = encoder.encode_all(questions)
        refuse_long([len(ids) for ids in rows], plan.config.training.max_length_tokens, what)
        refuse_unknown_token(plan.base, max(map(max, rows)))
    refuse_unknown_token(plan.base, max(tokenizer.pad_token_id, encoder.end_of_turn_id, *encoder.letter_ids))
    return tokenizer, encoder


class TrialSeat:
    """The trial as its engine sees it: where lines go, when to score, when to save, when to stop."""

    def __init__(
        self, trial: TrialDir, plan: Plan, tokenizer: Any, encoder: PromptEncoder, start: Progress, began: float
    ) -> None:
        self._trial, self._plan, self._config = trial, plan, plan.config
        self._tokenizer, self._encoder = tokenizer, encoder
        self._began, self._earlier_seconds = began, start.seconds
        self._best = (start.best_accuracy, start.best_step, start.reports_without_better)
        self._progress, self._saved_at = start, began
        self._stop: StopReason | None = None
        self.attempt = 1 + sum(isinstance(line, AttemptLine) for line in trial.lines())

    def begin(self) -> None:
        """Leave this attempt's mark in the folder."""
        assert self._config.training.micro_batch_size is not None
        self._trial.append(
            AttemptLine(
                attempt=self.attempt,
                samples_seen=self._progress.samples_seen,
                time=time.time(),
                pid=os.getpid(),
                host=platform.node(),
                device=str(model_module.DEVICE),
                micro_batch_size=self._config.training.micro_batch_size,
                threads=model_module.threads(),
                gpu=hardware.own_gpu() if model_module.ON_GPU else None,
            )
        )

    def score_untuned(self, model: Any) -> None:
        """Report zero: the base before any training, from the shared cache when it is there."""
        before = time.monotonic()
        untuned_score, predictions, was_there = untuned(self._plan, model, self._tokenizer, self._encoder)
        seconds = 0.0 if was_there else time.monotonic() - before
        if 0 not in self._trial.predictions():
            self._trial.append_predictions(predictions)
        self._trial.append(ValidationLine(0, 0, 0.0, time.time(), seconds, untuned_score))

    def trained(self, line: TrainLine) -> None:
        self._trial.append(line)

    def after_step(self, progress: Progress, engine: Training) -> bool:
        """Report and save where due; False when the trial is to stop here."""
        self._progress = progress
        self._stop = self._trial.stop_reason()
        at_report = progress.step in self._plan.report_steps
        if at_report or self._stop is StopReason.ASKED:
            self._report(engine)
        progress.best_accuracy, progress.best_step, progress.reports_without_better = self._best
        overdue = time.monotonic() - self._saved_at > 60 * self._config.training.checkpoint_every_minutes
        if at_report or overdue or self._stop:
            self._save(engine)
        return self._stop is None and not self._patience_is_out()

    def finish(self, engine: Training) -> Result | None:
        """Export the adapter and say how it ended; None when interrupted: then the checkpoint is what counts."""
        if self._stop is StopReason.INTERRUPTED:
            return None
        pruned = self._stop is StopReason.PRUNED
        step, state = self._exported(engine, pruned)
        line = self._validation_at(step, latest=pruned)
        result = Result(
            outcome=Outcome.PRUNED if pruned else Outcome.COMPLETED,
            signature=self._plan.signature,
            message=self._message(pruned),
            score=line.score if line else None,
            baseline=self._score_at(0),
            samples_seen=line.samples_seen if line else self._progress.samples_seen,
            planned_samples=self._plan.samples,
            stopped_by=self._stopped_by(),
            steps=self._progress.step,
            attempts=self.attempt,
            seconds=self._seconds(),
            peak_memory_bytes=model_module.peak_memory_bytes(),
            trainable_weights=sum(tensor.numel() for tensor in state.values()),
            adapter_sha256=model_module.adapter_sha256(state),
            effective=engine.effective(),
            finished_at=time.time(),
        )
        card = model_card(self._plan, result, alarms_of(self._trial, result))
        model_module.save_adapter(engine.model, state, self._trial.adapter_folder, self._plan.base, card)
        return result

    def _report(self, engine: Training) -> None:
        before = time.monotonic()
        answers = answer_questions(
            engine.model, self._tokenizer, self._encoder, self._plan.split.validation, self._config.evaluation
        )
        progress, found = self._progress, score(answers, self._config.evaluation.calibration_bins)
        self._trial.append_predictions(prediction(answer, progress.samples_seen) for answer in answers)
        epoch = progress.samples_seen / len(self._plan.split.train)
        seconds = time.monotonic() - before
        self._trial.append(ValidationLine(progress.samples_seen, progress.step, epoch, time.time(), seconds, found))
        best, _, without_better = self._best
        better = best is None or found.accuracy > best
        self._best = (found.accuracy, progress.step, 0) if better else (*self._best[:2], without_better + 1)

    def _save(self, engine: Training) -> None:
        self._progress.seconds = self._seconds()
        adapter, optimizer = engine.checkpoint_tensors()
        training = self._config.training
        checkpoint.save(
            self._trial.checkpoint_folder,
            self._progress,
            adapter,
            optimizer,
            keep=training.checkpoints_kept,
            keep_best=training.export == "best",
        )
        self._saved_at = time.monotonic()

    def _patience_is_out(self) -> bool:
        patience = self._config.training.early_stopping_patience
        return patience is not None and self._best[2] >= patience

    def _exported(self, engine: Training, pruned: bool) -> tuple[int, dict[str, Any]]:
        """Step and tensors of the adapter that is kept: the last, or the one of the best report."""
        best_step = self._best[1]
        if self._config.training.export == "last" or pruned or best_step is None:
            return self._progress.step, model_module.adapter_state(engine.model)
        return best_step, checkpoint.load(self._trial.checkpoint_folder, best_step).adapter

    def _stopped_by(self) -> StoppedBy | None:
        if self._progress.step == self._plan.steps or self._stop is StopReason.PRUNED:
            return None
        return StoppedBy.REQUEST if self._stop is StopReason.ASKED else StoppedBy.PATIENCE

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
