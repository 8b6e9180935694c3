"""What a model says of texts: how likely an answer is after a prompt, token by token, and what it writes itself.

Logits are computed for a slice of the answers' tokens at a time, so memory does not grow with their number times the
vocabulary. Names of shapes: B prompts in a batch, T tokens, D hidden size, V vocabulary, N tokens of answers, C of them
in a slice, W written tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from medqa_sweeps.config import EvaluationConfig
from medqa_sweeps.worker.device import DEVICE
from medqa_sweeps.worker.letter_scores import decoder_of, logits_of, padded, scoring_passes
from medqa_sweeps.worker.model import inference

_SLICE = 64  # tokens whose logits are computed at once: 64 MB with Gemma's vocabulary of 262,144


@dataclass(frozen=True)
class Completion:
    """An answer that is there already, in tokens."""

    prompt: Sequence[int]  # not empty; ends where the answer begins
    answer: Sequence[int]  # not empty

    @property
    def tokens(self) -> list[int]:
        return [*self.prompt, *self.answer]


def completion_log_probabilities(
    model: Any, pad_id: int, completions: Sequence[Completion], config: EvaluationConfig
) -> list[float]:
    """Nats per token of each answer: the mean over its tokens, each after the right ones; may be no finite number."""
    rows = [one.tokens for one in completions]
    found: dict[int, float] = {}
    with inference(model):
        for batch in scoring_passes(rows, config):
            found |= dict(zip(batch, _means(model, pad_id, [completions[index] for index in batch]), strict=True))
    return [found[index] for index in range(len(rows))]


def write(
    model: Any, pad_id: int, prompts: Sequence[list[int]], end_ids: list[int], most: int, config: EvaluationConfig
) -> list[list[int]]:
    """What the model writes after each prompt: the likeliest token each time until one of `end_ids`, at most `most`."""
    written: dict[int, list[int]] = {}
    with inference(model):
        for batch in scoring_passes(list(prompts), config):
            input_ids_BxT, mask_BxT = padded([prompts[index] for index in batch], pad_id, left=True)
            written_BxW = model.generate(
                input_ids=input_ids_BxT,
                attention_mask=mask_BxT,
                max_new_tokens=most,
                do_sample=False,
                pad_token_id=pad_id,
                eos_token_id=end_ids,
            )[:, input_ids_BxT.shape[1] :]
            written |= {index: _until(row, end_ids) for index, row in zip(batch, written_BxW.tolist(), strict=True)}
    return [written[index] for index in range(len(prompts))]


def _means(model: Any, pad_id: int, completions: Sequence[Completion]) -> list[float]:
    input_ids_BxT, mask_BxT = padded([one.tokens for one in completions], pad_id, left=False)
    hidden_BxTxD = decoder_of(model)(input_ids=input_ids_BxT, attention_mask=mask_BxT, use_cache=False)[0]
    rows = [row for row, one in enumerate(completions) for _ in one.answer]
    before = [len(one.prompt) - 1 + at for one in completions for at in range(len(one.answer))]
    hidden_NxD = hidden_BxTxD[torch.tensor(rows, device=DEVICE), torch.tensor(before, device=DEVICE)]
    answer_N = torch.tensor([id for one in completions for id in one.answer], device=DEVICE)
    slices = zip(hidden_NxD.split(_SLICE), answer_N.split(_SLICE), strict=True)
    values_N = torch.cat([_of_tokens(model, hidden_CxD, answer_C) for hidden_CxD, answer_C in slices]).cpu().double()
    return [float(values.mean()) for values in values_N.split([len(one.answer) for one in completions])]


def _of_tokens(model: Any, hidden_CxD: torch.Tensor, answer_C: torch.Tensor) -> torch.Tensor:
    """The log-probability of each answer token, [C]."""
    return torch.log_softmax(logits_of(model, hidden_CxD), dim=-1).gather(1, answer_C[:, None])[:, 0]


def _until(ids: list[int], ends: list[int]) -> list[int]:
    return next((ids[:at] for at, id in enumerate(ids) if id in ends), ids)
