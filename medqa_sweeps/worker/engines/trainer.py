"""TRL's trainer, with each optimizer step cut into forward passes of questions of similar length.

Where the config leaves the size of a pass to a GPU's memory, it is measured before the first step, on the longest
question, as the steps will run: after Accelerate has wrapped the model, with the trial's own loss.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from trl import SFTTrainer

from medqa_sweeps.config import AUTO, TrainingConfig
from medqa_sweeps.durable.cache import shared
from medqa_sweeps.prompt.stream import IGNORED_LABEL
from medqa_sweeps.trial.passes import most_samples, step_passes
from medqa_sweeps.worker import device, model as model_module
from medqa_sweeps.worker.probe import Measured, fitted

_ADAM_BYTES = 8  # of state for each trained weight, which the first step allocates


@dataclass(frozen=True)
class Undecided:
    """What a probe needs where the config leaves the size of a pass to the device's memory."""

    longest_tokens: int  # of a training sample
    key: str  # of trials that share what is found: the same device, base, adapter and step


class StepTrainer(SFTTrainer):
    """The trainer without its count of operations, which walks all parameters at every step and is used nowhere.

    Args:
        training: how steps are cut, perhaps not decided yet.
        undecided: in that case.
        cut: is told how they are cut, before the first one, and whether that was measured.
    """

    def __init__(
        self,
        training: TrainingConfig,
        undecided: Undecided | None,
        cut: Callable[[TrainingConfig, bool], None],
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self._training, self._undecided, self._cut = training, undecided, cut
        self._begun = False

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        """The loss of the whole step: each pass has its share of the sum over the step's supervised tokens."""
        if not self._begun:
            self._decide(model)
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        losses = []
        for rows in step_passes(lengths, self._training.micro_batch_tokens, self._training.micro_batch_size):
            longest = max(lengths[row] for row in rows)
            one = {name: tensor[rows, :longest] for name, tensor in inputs.items()}
            losses.append(super().training_step(model, one, num_items_in_batch))
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0

    def _decide(self, model: Any) -> None:
        self._begun, probed = True, AUTO in (self._training.micro_batch_tokens, self._training.gradient_checkpointing)
        if probed:
            self._training = self._probed(model)
        model_module.recompute_activations(self.model, self._training.gradient_checkpointing)
        self._cut(self._training, probed)

    def _probed(self, model: Any) -> TrainingConfig:
        """The config with what this device has room for; trials with the same key share it."""
        training, undecided = self._training, self._undecided
        assert undecided is not None, "the engine says so"
        longest = undecided.longest_tokens
        recompute = None if training.gradient_checkpointing == AUTO else training.gradient_checkpointing
        asked = training.micro_batch_tokens
        samples = most_samples(training) if asked == AUTO else max(1, min(most_samples(training), asked // longest))

        def probe() -> dict[str, Any]:
            room = device.room_bytes() - _ADAM_BYTES * sum(
                weight.numel() for _, weight in model_module.adapter_parameters(self.model)
            )
            fit = fitted(lambda count, way: self._measured(model, longest, count, way), room, samples, recompute)
            return {"samples": fit.samples, "recompute": fit.recompute, "seconds": fit.seconds}

        found, _ = shared("passes", undecided.key, probe)
        return replace(
            training,
            micro_batch_tokens=found["samples"] * longest if asked == AUTO else asked,
            gradient_checkpointing=found["recompute"],
        )

    def _measured(self, model: Any, tokens: int, samples: int, recompute: bool) -> Measured | None:
        """A pass over so many questions of so many tokens, which leaves nothing behind; None: out of memory."""
        model_module.recompute_activations(self.model, recompute)
        ids = torch.full((samples, tokens), self.processing_class.pad_token_id)
        labels = torch.full_like(ids, IGNORED_LABEL)
        labels[:, -2:] = ids[:, -2:]
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
        devices = range(torch.cuda.device_count()) if model_module.ON_GPU else []
        with torch.random.fork_rng(devices=list(devices)):  # the step's masks stay those of its seed
            device.forget_peak()
            began = time.monotonic()
            try:
                super().training_step(model, inputs, torch.tensor(2 * samples))
                device.finish_computing()
            except torch.OutOfMemoryError:
                return None
            finally:
                model.zero_grad(set_to_none=True)
        return Measured(device.peak_memory_bytes(), time.monotonic() - began)
