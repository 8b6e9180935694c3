"""The reference engine: one trial through Unsloth's `FastLanguageModel` and TRL's `SFTTrainer`, over its stream.

The optimizer, the schedule and the order of the data are made here and handed to the trainer, which therefore has
nothing of its own to choose or to replace; a resumed run is a run over fewer samples with an optimizer that remembers.
"""

import contextlib
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import TrainerCallback, get_scheduler
from trl import SFTConfig

from medqa_sweeps import hardware
from medqa_sweeps.base import BaseModel
from medqa_sweeps.config import (
    AUTO,
    EvaluationConfig,
    ModelConfig,
    OptimizerConfig,
    SchedulerConfig,
    TrainingConfig,
    short_hash,
)
from medqa_sweeps.data import Question
from medqa_sweeps.errors import ConfigError, Diverged, TrialError
from medqa_sweeps.prompt import PromptEncoder
from medqa_sweeps.prompt.stream import TrainingStream
from medqa_sweeps.randomness import draw
from medqa_sweeps.trial.records import TrainLine
from medqa_sweeps.versions import COMPUTING, versions_of
from medqa_sweeps.worker import checkpoint, completions as texts, device, language_model, model as model_module
from medqa_sweeps.worker.completions import Completion
from medqa_sweeps.worker.engines.contract import Engine, TrainingRun, TrialState
from medqa_sweeps.worker.engines.trainer import StepTrainer, Undecided
from medqa_sweeps.worker.evaluation import Answer, Answered, answer_questions, nobody

_BLOW_UP = 100.0  # nats a token: ln(262,144) is 12.5, so no sane model is near


class UnslothEngine(Engine):
    """One trial at a time.

    Args:
        training: what of it decides how the base is loaded: the longest prompt, gradient checkpointing.

    Raises:
        ConfigError: as `model.load_base`.
    """

    def __init__(
        self, base: BaseModel, config: ModelConfig, training: TrainingConfig, tokenizer: Any, encoder: PromptEncoder
    ) -> None:
        self._model = model_module.load_base(base, config, training)
        self._tokenizer, self._encoder = tokenizer, encoder
        self._loaded = {"base": base.fingerprint, "four_bit": config.load_in_4bit, "dtype": str(self._model.dtype)}

    @property
    def most_trials(self) -> int:
        return 1

    @property
    def dtype(self) -> torch.dtype:
        return self._model.dtype

    def answer(
        self, questions: list[Question], evaluation: EvaluationConfig, answered: Answered = nobody
    ) -> list[Answer]:
        return answer_questions(self._model, self._tokenizer, self._encoder, questions, evaluation, answered)

    def completion_log_probabilities(
        self, completions: Sequence[Completion], evaluation: EvaluationConfig
    ) -> list[float]:
        return texts.completion_log_probabilities(self._model, self._tokenizer.pad_token_id, completions, evaluation)

    def write(
        self, prompts: Sequence[list[int]], end_ids: list[int], most_tokens: int, evaluation: EvaluationConfig
    ) -> list[list[int]]:
        return texts.write(self._model, self._tokenizer.pad_token_id, prompts, end_ids, most_tokens, evaluation)

    def weights_not_finite(self) -> list[str]:
        return language_model.weights_not_finite(self._model)

    def train(self, runs: Sequence[TrainingRun]) -> None:
        (run,) = runs
        try:
            adapted = model_module.attach_adapter(self._model, run.lora, run.training, run.seed)
            trial = _Trial(adapted, self._tokenizer, self._encoder, run, _undecided(run, self._loaded))
            trial.train()
            run.recorder.ended(trial)
        except TrialError as error:
            run.recorder.failed(error)


class _Trial(TrialState):
    """The trial in training: its adapter over the base, its optimizer, its schedule."""

    def __init__(
        self, model: Any, tokenizer: Any, encoder: PromptEncoder, run: TrainingRun, undecided: Undecided | None
    ) -> None:
        self.model, self._tokenizer, self._encoder, self._run = model, tokenizer, encoder, run
        self._undecided, self._training = undecided, run.training
        self._optimizer = build_optimizer(model, run.optimizer)

    def train(self) -> None:
        """Train until the last step, or until the recorder says stop.

        Raises:
            Diverged: if the loss is not a number or above 100 nats a token.
            ConfigError: if the optimizer or its state is not what was asked for.
        """
        run = self._run
        done = run.resume.progress.step if run.resume else 0
        schedule = build_schedule(self._optimizer, run.scheduler, run.steps, done)
        if done == run.steps:  # the process died between the last step and the result
            self._restore()
            return
        with tempfile.TemporaryDirectory() as unused:  # the trainer wants a folder; it writes nothing there
            trainer = StepTrainer(
                training=run.training,
                undecided=self._undecided,
                cut=self._cut,
                model=self.model,
                args=self._arguments(unused, run.steps - done),
                train_dataset=_as_dataset(run.stream),
                processing_class=self._tokenizer,
                optimizers=(self._optimizer, schedule),
                callbacks=[_Bridge(self, run)],
            )
            self._restore()
            trainer.train()

    def answer(
        self,
        questions: list[Question],
        evaluation: EvaluationConfig,
        answered: Answered = nobody,
        adapter: dict[str, torch.Tensor] | None = None,
    ) -> list[Answer]:
        with self._with(adapter):
            return answer_questions(self.model, self._tokenizer, self._encoder, questions, evaluation, answered)

    def completion_log_probabilities(
        self,
        completions: Sequence[Completion],
        evaluation: EvaluationConfig,
        adapter: dict[str, torch.Tensor] | None = None,
    ) -> list[float]:
        with self._with(adapter):
            return texts.completion_log_probabilities(self.model, self._tokenizer.pad_token_id, completions, evaluation)

    def write(
        self,
        prompts: Sequence[list[int]],
        end_ids: list[int],
        most_tokens: int,
        evaluation: EvaluationConfig,
        adapter: dict[str, torch.Tensor] | None = None,
    ) -> list[list[int]]:
        with self._with(adapter):
            return texts.write(self.model, self._tokenizer.pad_token_id, prompts, end_ids, most_tokens, evaluation)

    @contextlib.contextmanager
    def _with(self, adapter: dict[str, torch.Tensor] | None) -> Iterator[None]:
        """Within: the model has this adapter; None: the one in training."""
        if adapter is None:
            yield
            return
        in_training = self.adapter()
        model_module.load_adapter_state(self.model, adapter)
        try:
            yield
        finally:
            model_module.load_adapter_state(self.model, in_training)

    def adapter(self) -> dict[str, torch.Tensor]:
        return model_module.adapter_state(self.model)

    def optimizer(self) -> dict[str, torch.Tensor]:
        return checkpoint.optimizer_tensors(self._optimizer, self._names())

    def effective(self) -> dict[str, Any]:
        weights = [parameter for _, parameter in model_module.adapter_parameters(self.model)]
        return {
            "base_dtype": str(self.model.dtype).removeprefix("torch."),
            "four_bit_layers": len(language_model.four_bit_layers(self.model)),
            "adapted_layers": len(language_model.adapted_layers(self.model)),
            "adapter_dtype": "/".join(sorted({str(weight.dtype).removeprefix("torch.") for weight in weights})),
            "optimizer": f"{type(self._optimizer).__module__}.{type(self._optimizer).__qualname__}",
            "optimizer_fused": bool(self._optimizer.defaults.get("fused")),
            "attention": getattr(self.model.config, "_attn_implementation", None),
            "threads": torch.get_num_threads(),
            "micro_batch_tokens": self._training.micro_batch_tokens,
            "gradient_checkpointing": self._training.gradient_checkpointing,
        }

    def export(self, adapter: dict[str, torch.Tensor], folder: Path, base: BaseModel, card: str) -> None:
        model_module.save_adapter(self.model, adapter, folder, base, card)

    def _cut(self, training: TrainingConfig, probed: bool) -> None:
        self._training = training
        self._run.recorder.cut(training, probed)

    def _restore(self) -> None:
        """The adapter's weights and dtype, which building the trainer has changed; then where `resume` stopped."""
        config, resume = self._run.training, self._run.resume
        dtype = getattr(torch, config.adapter_dtype)
        model_module.initialise_adapter(self.model, self._run.seed, dtype)
        if resume is not None:
            model_module.load_adapter_state(self.model, resume.adapter)
            checkpoint.restore_optimizer(self._optimizer, self._names(), resume.optimizer)
        found = {parameter.dtype for _, parameter in model_module.adapter_parameters(self.model)}
        if found != {dtype}:
            raise ConfigError(f"training.adapter_dtype={config.adapter_dtype}, but the adapter is {found}.")

    def _names(self) -> list[str]:
        return [name for name, _ in model_module.adapter_parameters(self.model)]

    def _arguments(self, folder: str, steps: int) -> SFTConfig:
        config = self._run.training
        return SFTConfig(
            output_dir=folder,
            max_steps=steps,
            per_device_train_batch_size=config.effective_batch_size,  # `StepTrainer` cuts a step into forward passes
            gradient_accumulation_steps=1,
            max_grad_norm=self._run.optimizer.max_grad_norm,
            max_length=config.max_length_tokens,
            train_sampling_strategy="sequential",  # the stream is in the trial's order already
            dataset_kwargs={"skip_prepare_dataset": True},
            remove_unused_columns=False,
            packing=False,
            gradient_checkpointing=False,  # Unsloth has set it up on the model, in its own way
            bf16=self.model.dtype == torch.bfloat16,  # None would mean autocast to bfloat16, also on a CPU
            fp16=self.model.dtype == torch.float16,
            use_cpu=not model_module.ON_GPU,
            seed=self._run.seed % 2**31,
            logging_strategy="no",  # the bridge asks for each line
            logging_nan_inf_filter=False,  # a loss that is not a number is news
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_num_workers=0,
        )


class _Bridge(TrainerCallback):
    """Between the trainer's events and the trial's recorder; counts steps from the start of the whole run."""

    def __init__(self, trial: _Trial, run: TrainingRun) -> None:
        self._trial, self._run = trial, run
        self._step = self._first_step = run.resume.progress.step if run.resume else 0
        self._samples_seen = self._first_samples = run.resume.progress.samples_seen if run.resume else 0
        self._line_began = time.monotonic()
        self._line_tokens = 0

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        # Dropout draws from the global generator: seeded here, its masks depend on the seed and the step alone.
        model_module.seed_dropout(draw(self._run.seed, "dropout", self._first_step + state.global_step))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        run, config = self._run, self._run.training
        self._step = self._first_step + state.global_step
        trained = min(state.global_step * config.effective_batch_size, len(run.stream))
        self._samples_seen = self._first_samples + trained
        if self._step % config.log_every_steps == 0 or self._step in run.log_steps or self._step == run.steps:
            control.should_log = True  # on_log follows, with the loss
        else:
            self._ask(control)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if not logs or "loss" not in logs:  # the trainer's summary at the end
            return
        loss = float(logs["loss"])
        self._run.recorder.trained(self._line(loss, logs))
        if not loss < _BLOW_UP:  # also true of NaN
            raise Diverged(
                f"the training loss is {loss:.4g} after {self._samples_seen:,} questions; a smaller "
                f"optimizer.lr than {self._run.optimizer.lr:g} or a longer warm-up is the usual cure."
            )
        self._ask(control)

    def _ask(self, control: Any) -> None:
        before = time.monotonic()
        if not self._run.recorder.stepped(self._step, self._samples_seen, self._trial):
            control.should_training_stop = True
        self._line_began += time.monotonic() - before  # scoring is not training: tokens per second leave it out

    def _line(self, loss: float, logs: dict[str, Any]) -> TrainLine:
        now, stream = time.monotonic(), self._run.stream
        tokens = stream.tokens_until(self._samples_seen)
        speed = (tokens - self._line_tokens) / max(now - self._line_began, 1e-9)
        self._line_tokens, self._line_began = tokens, now
        norm = logs.get("grad_norm")
        return TrainLine(
            samples_seen=self._samples_seen,
            step=self._step,
            epoch=stream.epochs(self._samples_seen),
            time=time.time(),
            loss=loss if math.isfinite(loss) else None,
            learning_rate=float(logs["learning_rate"]),
            gradient_norm=float(norm) if norm is not None and math.isfinite(norm) else None,
            tokens_per_second=speed,
            memory_bytes=device.peak_memory_bytes(),
        )


def _undecided(run: TrainingRun, loaded: dict[str, Any]) -> Undecided | None:
    """What the device's memory is to decide of a step, and for which trials; None: the config has decided it."""
    training = run.training
    if AUTO not in (training.micro_batch_tokens, training.gradient_checkpointing):
        return None
    longest = run.stream.longest_tokens()
    shape = {
        **loaded,
        "lora": [run.lora.r, sorted(run.lora.target_modules), run.lora.use_dora, run.lora.dropout > 0],
        "step": [training.effective_batch_size, training.micro_batch_size, longest],
        "asked": [training.micro_batch_tokens, training.gradient_checkpointing],
        "optimizer": run.optimizer.name,
        "gpu": [[(gpu.name, gpu.memory_bytes) for gpu in hardware.gpus()], device.slots_on_device()],  # of any such
        "versions": versions_of(COMPUTING),
    }
    return Undecided(longest, short_hash(shape))


def _as_dataset(stream: TrainingStream) -> Dataset:
    """The stream in the type that the trainer insists on; samples are still rendered when they are asked for."""

    def render(batch: dict[str, list[int]]) -> dict[str, list[list[int]]]:
        samples = [stream[index] for index in batch["index"]]
        return {key: [sample[key] for sample in samples] for key in ("input_ids", "labels")}

    return Dataset.from_dict({"index": range(len(stream))}).with_transform(render)


def build_optimizer(model: Any, config: OptimizerConfig) -> torch.optim.Optimizer:
    """AdamW over the adapter, exactly the kind that was asked for.

    Raises:
        ConfigError: if this machine cannot run it.
    """
    parameters = [parameter for _, parameter in model_module.adapter_parameters(model)]
    betas = (config.beta1, config.beta2)
    common: dict[str, Any] = {"lr": config.lr, "betas": betas, "eps": config.eps, "weight_decay": config.weight_decay}
    if config.name == "adamw_8bit":
        if not model_module.ON_GPU:
            raise ConfigError("optimizer=adamw_8bit needs a CUDA GPU, and this machine has none. Use optimizer=adamw.")
        import bitsandbytes

        return bitsandbytes.optim.AdamW8bit(parameters, **common)
    return torch.optim.AdamW(parameters, **common, fused=config.name == "adamw_fused")


def build_schedule(
    optimizer: torch.optim.Optimizer, config: SchedulerConfig, steps: int, done: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """The learning rate's course over `steps`, starting after the first `done` of them."""
    names = {"cosine": "cosine_with_min_lr", "constant": "constant_with_warmup", "wsd": "warmup_stable_decay"}
    specific: dict[str, dict[str, Any]] = {
        "cosine": {"min_lr_rate": config.min_lr_ratio},
        "wsd": {"num_decay_steps": round(config.decay_ratio * steps), "min_lr_ratio": config.min_lr_ratio},
    }
    whole = get_scheduler(
        names.get(config.name, config.name),
        optimizer,
        num_warmup_steps=round(config.warmup_ratio * steps),
        num_training_steps=steps,
        scheduler_specific_kwargs=specific.get(config.name),
    )
    share_of_lr = whole.lr_lambdas[0]
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"]
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: share_of_lr(step + done))
