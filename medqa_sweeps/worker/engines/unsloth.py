"""The unsloth engine: one trial through TRL's `SFTTrainer`, over the rest of its stream.

The optimizer, the schedule and the order of the data are made here and handed to the trainer, which therefore has
nothing of its own to choose or to replace; a resumed run is a run over fewer samples with an optimizer that remembers.
"""

import math
import tempfile
import time
from typing import Any, Protocol

import torch
from datasets import Dataset
from transformers import TrainerCallback, get_scheduler
from trl import SFTConfig, SFTTrainer

from medqa_sweeps.config import OptimizerConfig, SchedulerConfig, TrainingConfig
from medqa_sweeps.errors import ConfigError, Diverged
from medqa_sweeps.prompt.stream import TrainingStream
from medqa_sweeps.randomness import draw
from medqa_sweeps.trial.records import TrainLine
from medqa_sweeps.worker import checkpoint, language_model, model as model_module
from medqa_sweeps.worker.checkpoint import Checkpoint, Progress

_BLOW_UP = 100.0  # nats a token: ln(262,144) is 12.5, so no sane model is near


class Seat(Protocol):
    """What an engine tells about one trial as it trains, and where it asks whether to go on."""

    def trained(self, line: TrainLine) -> None:
        """A line of training is to be recorded."""

    def after_step(self, progress: Progress, engine: "Training") -> bool:
        """One optimizer step is done: time to report, checkpoint, or stop. True: go on."""


class Training:
    """One trial in training: what the trainer is given, and what can be read from it between two steps."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        training: TrainingConfig,
        optimizer: OptimizerConfig,
        scheduler: SchedulerConfig,
        seed: int,
    ) -> None:
        self.model, self._tokenizer, self._config, self._seed = model, tokenizer, training, seed
        self._optimizer_config, self._scheduler_config = optimizer, scheduler

    def run(
        self, stream: TrainingStream, steps: int, log_steps: set[int], seat: Seat, resume: Checkpoint | None
    ) -> None:
        """Train until `steps` optimizer steps are done or `seat` says stop.

        Args:
            stream: the samples from where `resume` stopped.
            steps: of the whole run, those before `resume` counted.
            log_steps: steps after which a line is due, besides every `training.log_every_steps`.
            resume: where to go on; None: from the seed's initialisation.

        Raises:
            Diverged: if the loss is not a number or above 100 nats a token.
            ConfigError: if the optimizer or its state is not what was asked for.
        """
        start = resume.progress if resume else Progress()
        self.optimizer = build_optimizer(self.model, self._optimizer_config)
        schedule = build_schedule(self.optimizer, self._scheduler_config, steps, start.step)
        if start.step == steps:  # the process died between the last step and the result
            self._restore(resume)
            return
        with tempfile.TemporaryDirectory() as unused:  # the trainer wants a folder; it writes nothing there
            trainer = _Trainer(
                model=self.model,
                args=self._arguments(unused, steps - start.step),
                train_dataset=_as_dataset(stream),
                processing_class=self._tokenizer,
                optimizers=(self.optimizer, schedule),
                callbacks=[_Bridge(self, stream, steps, log_steps, seat, start)],
            )
            self._restore(resume)
            trainer.train()

    def checkpoint_tensors(self) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Adapter and optimizer state as they are now, on the CPU."""
        return model_module.adapter_state(self.model), checkpoint.optimizer_tensors(self.optimizer, self._names())

    def effective(self) -> dict[str, Any]:
        """What really trains: for the record, and against the config."""
        weights = [parameter for _, parameter in model_module.adapter_parameters(self.model)]
        return {
            "base_dtype": str(self.model.dtype).removeprefix("torch."),
            "four_bit_layers": len(language_model.four_bit_layers(self.model)),
            "adapted_layers": len(language_model.adapted_layers(self.model)),
            "adapter_dtype": "/".join(sorted({str(weight.dtype).removeprefix("torch.") for weight in weights})),
            "optimizer": f"{type(self.optimizer).__module__}.{type(self.optimizer).__qualname__}",
            "optimizer_fused": bool(self.optimizer.defaults.get("fused")),
            "attention": getattr(self.model.config, "_attn_implementation", None),
            "threads": torch.get_num_threads(),
        }

    def _restore(self, resume: Checkpoint | None) -> None:
        """The adapter's weights and dtype, which building the trainer has changed; then where `resume` stopped."""
        dtype = getattr(torch, self._config.adapter_dtype)
        model_module.initialise_adapter(self.model, self._seed, dtype)
        if resume is not None:
            model_module.load_adapter_state(self.model, resume.adapter)
            checkpoint.restore_optimizer(self.optimizer, self._names(), resume.optimizer)
        found = {parameter.dtype for _, parameter in model_module.adapter_parameters(self.model)}
        if found != {dtype}:
            raise ConfigError(f"training.adapter_dtype={self._config.adapter_dtype}, but the adapter is {found}.")

    def _names(self) -> list[str]:
        return [name for name, _ in model_module.adapter_parameters(self.model)]

    def _arguments(self, folder: str, steps: int) -> SFTConfig:
        assert self._config.micro_batch_size is not None
        return SFTConfig(
            output_dir=folder,
            max_steps=steps,
            per_device_train_batch_size=self._config.micro_batch_size,
            gradient_accumulation_steps=self._config.accumulation_steps,
            max_grad_norm=self._optimizer_config.max_grad_norm,
            max_length=self._config.max_length_tokens,
            train_sampling_strategy="sequential",  # the stream is in the trial's order already
            dataset_kwargs={"skip_prepare_dataset": True},
            remove_unused_columns=False,
            packing=False,
            gradient_checkpointing=False,  # Unsloth has set it up on the model, in its own way
            bf16=self.model.dtype == torch.bfloat16,  # None would mean autocast to bfloat16, also on a CPU
            fp16=self.model.dtype == torch.float16,
            use_cpu=not model_module.ON_GPU,
            seed=self._seed % 2**31,
            logging_strategy="no",  # the bridge asks for each line
            logging_nan_inf_filter=False,  # a loss that is not a number is news
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_num_workers=0,
        )


class _Trainer(SFTTrainer):
    """The trainer without its count of operations, which walks all parameters at every step and is used nowhere."""

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0


class _Bridge(TrainerCallback):
    """Between the trainer's events and the trial's seat; counts steps from the start of the whole run."""

    def __init__(
        self, engine: Training, stream: TrainingStream, steps: int, log_steps: set[int], seat: Seat, start: Progress
    ) -> None:
        self._engine, self._stream, self._steps, self._seat = engine, stream, steps, seat
        self._log_steps, self._start = log_steps, start
        self._progress = Progress(**vars(start))
        self._line_began = time.monotonic()
        self._line_tokens = 0

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        # Dropout draws from the global generator: seeded here, its masks depend on the seed and the step alone.
        model_module.seed_dropout(draw(self._engine._seed, "dropout", self._start.step + state.global_step))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        batch = self._engine._config.effective_batch_size
        step = self._start.step + state.global_step
        done = min(self._start.samples_seen + state.global_step * batch, self._start.samples_seen + len(self._stream))
        self._progress.step, self._progress.samples_seen = step, done
        due = step % self._engine._config.log_every_steps == 0 or step in self._log_steps or step == self._steps
        if due:
            control.should_log = True  # on_log follows, with the loss
        else:
            self._ask(control)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if not logs or "loss" not in logs:  # the trainer's summary at the end
            return
        loss = float(logs["loss"])
        self._seat.trained(self._line(loss, logs))
        if not loss < _BLOW_UP:  # also true of NaN
            raise Diverged(
                f"the training loss is {loss:.4g} after {self._progress.samples_seen:,} questions; a smaller "
                f"optimizer.lr than {self._engine._optimizer_config.lr:g} or a longer warm-up is the usual cure."
            )
        self._ask(control)

    def _ask(self, control: Any) -> None:
        before = time.monotonic()
        if not self._seat.after_step(self._progress, self._engine):
            control.should_training_stop = True
        self._line_began += time.monotonic() - before  # evaluating is not training: tokens a second leave it out

    def _line(self, loss: float, logs: dict[str, Any]) -> TrainLine:
        now, progress = time.monotonic(), self._progress
        tokens = self._stream.tokens_until(progress.samples_seen)
        speed = (tokens - self._line_tokens) / max(now - self._line_began, 1e-9)
        self._line_tokens, self._line_began = tokens, now
        norm = logs.get("grad_norm")
        return TrainLine(
            samples_seen=progress.samples_seen,
            step=progress.step,
            epoch=self._stream.epochs(progress.samples_seen),
            time=time.time(),
            loss=loss if math.isfinite(loss) else None,
            learning_rate=float(logs["learning_rate"]),
            gradient_norm=float(norm) if norm is not None and math.isfinite(norm) else None,
            tokens_per_second=speed,
            memory_bytes=model_module.peak_memory_bytes(),
        )


def _as_dataset(stream: TrainingStream) -> Dataset:
    """The stream in the type that the trainer insists on; samples are still rendered when they are asked for."""

    def render(places: dict[str, list[int]]) -> dict[str, list[list[int]]]:
        samples = [stream[place] for place in places["place"]]
        return {key: [sample[key] for sample in samples] for key in ("input_ids", "labels")}

    return Dataset.from_dict({"place": range(len(stream))}).with_transform(render)


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
