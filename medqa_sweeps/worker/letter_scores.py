"""The letters' log-probabilities at the answer position, of any causal language model, without Unsloth.

Logits are computed at that position alone, so memory grows with vocabulary + length, not with their product (Gemma's
vocabulary is 262,144 wide). Names of shapes: B questions in a batch, T tokens, D hidden size, V vocabulary, L letters.
"""

from collections.abc import Iterator
from typing import Any

import torch

from medqa_sweeps.config import EvaluationConfig
from medqa_sweeps.trial.passes import most_scoring_tokens, passes_by_length
from medqa_sweeps.worker.device import DEVICE, ON_GPU


def letter_log_probabilities(model: Any, rows: list[list[int]], pad_id: int, letter_ids: list[int]) -> torch.Tensor:
    """[B, L] on the CPU, in nats, normalised over the whole vocabulary.

    Args:
        model: of transformers, with PEFT's wrappers around it or without.
        rows: the prompts' tokens, which end where the model answers.
    """
    last_B = torch.tensor([len(row) - 1 for row in rows], device=DEVICE)
    input_ids_BxT, mask_BxT = padded(rows, pad_id, left=False)
    hidden_BxTxD = decoder_of(model)(input_ids=input_ids_BxT, attention_mask=mask_BxT, use_cache=False)[0]
    answer_BxD = hidden_BxTxD[torch.arange(len(rows), device=DEVICE), last_B]
    return torch.log_softmax(logits_of(model, answer_BxD), dim=-1)[:, letter_ids].cpu()


def logits_of(model: Any, hidden_BxD: torch.Tensor) -> torch.Tensor:
    """[B, V] over the vocabulary, of positions of the decoder's output."""
    logits_BxV = model.get_output_embeddings()(hidden_BxD).float()
    cap = getattr(model.config.get_text_config(), "final_logit_softcapping", None)
    return torch.tanh(logits_BxV / cap) * cap if cap else logits_BxV


def padded(rows: list[list[int]], pad_id: int, left: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask, both [B, T]. Under causal attention padding on the right changes nothing before it."""
    longest = max(len(row) for row in rows)
    pads = [[pad_id] * (longest - len(row)) for row in rows]
    ids = [pad + row if left else row + pad for row, pad in zip(rows, pads, strict=True)]
    mask = [
        [0] * len(pad) + [1] * len(row) if left else [1] * len(row) + [0] * len(pad)
        for row, pad in zip(rows, pads, strict=True)
    ]
    return torch.tensor(ids, device=DEVICE), torch.tensor(mask, device=DEVICE)


def scoring_passes(rows: list[list[int]], config: EvaluationConfig) -> Iterator[list[int]]:
    """Indices of the prompts of each forward pass, the longest first."""
    tokens = most_scoring_tokens(config.batch_tokens, ON_GPU)
    return passes_by_length([len(row) for row in rows], tokens, config.batch_size)


def decoder_of(model: Any) -> Any:
    """The transformer without its vocabulary head, under the adapter's wrappers if there are any."""
    bare = model.get_base_model() if hasattr(model, "get_base_model") else model
    return bare.get_decoder()
