"""A child process: an untuned base writes drafts from passages.

    python -m medqa_sweeps.worker.ask MODEL REQUESTS FALLS DRAFTS

MODEL is a `ModelConfig` as JSON, REQUESTS a file with a `DraftRequest` per line, FALLS yes or no: whether to measure
how each sentence depends on each passage. DRAFTS is written, a `Draft` per line, in the requests' order. Names of
shapes: T tokens of prompt and text, N of the text alone, D hidden size, V vocabulary.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from medqa_sweeps.ask.drafts import Draft, DraftRequest
from medqa_sweeps.ask.prompt import MOST_DRAFT_TOKENS, MOST_PASSAGE_TOKENS, PROMPT, question_with, shown
from medqa_sweeps.ask.sentences import MOST_SENTENCES, citation_spans, sentence_spans
from medqa_sweeps.base import BaseModel, locate
from medqa_sweeps.config import ModelConfig, TrainingConfig
from medqa_sweeps.durable.lines import append_lines, read_lines
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.prompt import PromptEncoder
from medqa_sweeps.retrieval.shown import cut_at_sentence
from medqa_sweeps.worker import device, model as model_module
from medqa_sweeps.worker.device import DEVICE
from medqa_sweeps.worker.letter_scores import decoder_of, logits_of
from medqa_sweeps.worker.refusal import done_or_refused


def main(arguments: list[str]) -> ExitCode:
    model, requests, falls, out = arguments
    config = ModelConfig(**json.loads(model))
    return done_or_refused(lambda: write_drafts(config, Path(requests), falls == "yes", Path(out)))


def write_drafts(config: ModelConfig, requests: Path, with_falls: bool, out: Path) -> None:
    """Write a draft for each request.

    Raises:
        ConfigError: if the base cannot be loaded, has no chat template, or holds fewer tokens than a prompt has.
        DataError: if a text looks like a control token, and this tokenizer cannot encode it as text.
    """
    device.use_threads(None)
    asked = list(read_lines(requests, DraftRequest.from_json))
    base = locate(config)
    tokenizer = model_module.load_tokenizer(base)
    encoder = PromptEncoder(tokenizer, PROMPT, letters=0)
    prompts = [_Prompt.of(request, encoder, tokenizer) for request in asked]
    longest = max(len(prompt.ids(encoder)) for prompt in prompts) + MOST_DRAFT_TOKENS
    _refuse_long(base, prompts, encoder, longest)
    model = model_module.load_base(base, config, TrainingConfig(max_length_tokens=longest))
    for prompt in prompts:
        append_lines(out, [_Writer(model, tokenizer, encoder).draft(prompt, with_falls).to_json()])


@dataclass(frozen=True)
class _Prompt:
    question: str
    passages: tuple[str, ...]  # as the prompt shows them
    cut: tuple[int, ...]

    @staticmethod
    def of(request: DraftRequest, encoder: PromptEncoder, tokenizer: Any) -> "_Prompt":
        def count(text: str) -> int:
            return len(tokenizer(text, add_special_tokens=False)["input_ids"])

        texts = [cut_at_sentence(one.text, MOST_PASSAGE_TOKENS, count) for one in request.passages]
        pairs = list(zip(request.passages, texts, strict=True))
        cut = tuple(one.number for one, text in pairs if text != one.text)
        return _Prompt(request.question, tuple(shown(one, text) for one, text in pairs), cut)

    def ids(self, encoder: PromptEncoder, without: int | None = None) -> list[int]:
        """Its tokens; `without`: the index of a passage that is left out, while the others keep their numbers."""
        passages = [one for index, one in enumerate(self.passages) if index != without]
        return encoder.encode_all([question_with(self.question, passages)])[0]


def _refuse_long(base: BaseModel, prompts: Sequence[_Prompt], encoder: PromptEncoder, longest: int) -> None:
    """Check that the model's context holds every prompt and its draft."""
    described = json.loads((base.folder / "config.json").read_text())
    context = (described.get("text_config") or described).get("max_position_embeddings")
    if context is None or longest <= context:
        return
    fits = min(_most_that_fit(prompt, encoder, context) for prompt in prompts)
    advice = f"--passages {fits} fits" if fits else "none fits: ask a shorter question, or name another model"
    raise ConfigError(f"prompt and draft have {longest:,} tokens, and {base.label} holds {context:,}; {advice}.")


def _most_that_fit(prompt: _Prompt, encoder: PromptEncoder, context: int) -> int:
    def length(passages: int) -> int:
        shorter = _Prompt(prompt.question, prompt.passages[:passages], ())
        return len(shorter.ids(encoder)) + MOST_DRAFT_TOKENS

    return max((count for count in range(1, len(prompt.passages) + 1) if length(count) <= context), default=0)


@dataclass(frozen=True)
class _Writer:
    model: Any
    tokenizer: Any
    encoder: PromptEncoder

    def draft(self, prompt: _Prompt, with_falls: bool) -> Draft:
        ids = prompt.ids(self.encoder)
        with model_module.inference(self.model):
            written = self._written(ids)
            is_finished = bool(written) and written[-1] == self.encoder.end_of_turn_id
            text_ids = written[:-1] if is_finished else written
            text = self._decoded(text_ids)
            falls = self._falls(prompt, ids, text_ids, text) if with_falls and text_ids else ()
        return Draft(text, is_finished, prompt.cut, falls)

    def _written(self, ids: list[int]) -> list[int]:
        input_ids = torch.tensor([ids], device=DEVICE)
        written = self.model.generate(
            input_ids=input_ids,
            attention_mask=torch.ones_like(input_ids),
            max_new_tokens=MOST_DRAFT_TOKENS,
            do_sample=False,
            pad_token_id=self.tokenizer.pad_token_id,
            eos_token_id=self.encoder.end_of_turn_id,
        )
        ids_of_text: list[int] = written[0, len(ids) :].tolist()
        return ids_of_text

    def _falls(self, prompt: _Prompt, ids: list[int], text_ids: list[int], text: str) -> tuple[tuple[float, ...], ...]:
        """By sentence and passage, the fall of the sentence's log-probability when the passage is left out."""
        tokens = self._tokens_of_sentences(text_ids, text)
        whole = self._log_probabilities(ids, text_ids)
        falls_by_passage = [
            whole - self._log_probabilities(prompt.ids(self.encoder, without=index), text_ids)
            for index in range(len(prompt.passages))
        ]
        return tuple(
            tuple(round(float(falls_N[of_sentence].sum()), 6) for falls_N in falls_by_passage) for of_sentence in tokens
        )

    def _log_probabilities(self, ids: list[int], text_ids: list[int]) -> torch.Tensor:
        """[N] on the CPU, in nats."""
        input_ids_1xT = torch.tensor([ids + text_ids], device=DEVICE)
        mask_1xT = torch.ones_like(input_ids_1xT)
        hidden_TxD = decoder_of(self.model)(input_ids=input_ids_1xT, attention_mask=mask_1xT, use_cache=False)[0][0]
        logits_NxV = logits_of(self.model, hidden_TxD[len(ids) - 1 : -1])
        chosen_N = torch.tensor(text_ids, device=DEVICE)
        return torch.log_softmax(logits_NxV, dim=-1).gather(1, chosen_N[:, None])[:, 0].cpu()

    def _tokens_of_sentences(self, text_ids: list[int], text: str) -> list[list[int]]:
        """The indices of each sentence's tokens, without its numbers in brackets.

        A number is likely only while a passage has it, whatever the sentence says.
        """
        ends = [len(self._decoded(text_ids[: count + 1])) for count in range(len(text_ids))]
        found = []
        for start, end in sentence_spans(text)[:MOST_SENTENCES]:
            brackets = [(start + first, start + last) for first, last in citation_spans(text[start:end])]
            own = [index for index, at in enumerate(ends) if start < at <= end]
            found.append([index for index in own if not any(first < ends[index] <= last for first, last in brackets)])
        return found

    def _decoded(self, ids: list[int]) -> str:
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
