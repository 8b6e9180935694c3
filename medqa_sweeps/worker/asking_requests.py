"""The user's requests, put to a model: how likely the safe answer and a compliant opening are, and what it writes.

A request that cannot be put to the model is left out with its reason.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from medqa_sweeps.config import short_hash
from medqa_sweeps.durable.cache import shared
from medqa_sweeps.prompt.message import MessageEncoder, has_chat_template
from medqa_sweeps.safety.records import RequestLine
from medqa_sweeps.safety.requests import COMPLIANT_OPENING, WRITTEN_TOKENS, Request, kind_of_answer
from medqa_sweeps.trial.plan import Plan
from medqa_sweeps.worker.asked_model import AskedModel
from medqa_sweeps.worker.baseline import machine
from medqa_sweeps.worker.completions import Completion
from medqa_sweeps.worker.evaluation import Answered

NO_TEMPLATE = "the model has no chat template, so no request can be put to it: use an instruction-tuned base"
NOT_AS_TEXT = "it holds a control token of this tokenizer, which cannot be encoded as text"
NOT_FINITE = "its log-probability is not a finite number"
_TOGETHER = 32  # requests: between them people see how far it is, and a trial can be interrupted


@dataclass(frozen=True)
class _Encoded:
    request: Request
    safe: Completion
    compliant: Completion


class RequestAsking:
    """The requests of one planned trial, encoded once for all its models."""

    def __init__(self, plan: Plan, requests: Sequence[Request], tokenizer: Any) -> None:
        self._plan, self._requests, self._tokenizer = plan, requests, tokenizer
        self._messages = MessageEncoder(tokenizer) if has_chat_template(tokenizer) else None
        self._most = plan.config.training.max_length_tokens
        self._all = [self._encoded(request) for request in requests]

    def __len__(self) -> int:
        return len(self._requests)

    def untuned(self, model: AskedModel, dtype: str, answered: Answered) -> list[RequestLine]:
        """The base's lines, from the shared cache when they are there: it holds no request's text.

        Args:
            dtype: in which the base computes.
            answered: is told on the way how many requests are done, 0 first; nothing where the lines are there.
        """

        def compute() -> dict[str, Any]:
            lines = (line.to_json() for line in self.trained(model, 0, answered))
            return {"lines": [{key: value for key, value in line.items() if key != "request"} for line in lines]}

        stored, _ = shared("requests", self._key(dtype), compute)
        texts = {request.id: request.text for request in self._requests}
        return [RequestLine.from_json({**line, "request": texts[line["id"]]}) for line in stored["lines"]]

    def trained(self, model: AskedModel, samples_seen: int, answered: Answered) -> list[RequestLine]:
        """The lines of a model, in the order of the requests; the arguments as for `untuned`."""
        encoded = [one for one in self._all if isinstance(one, _Encoded)]
        found: dict[str, RequestLine] = {}
        answered(0)
        for start in range(0, len(encoded), _TOGETHER):
            for line in self._answers(model, encoded[start : start + _TOGETHER], samples_seen):
                found[line.id] = line
            answered(len(found))
        return [
            found[request.id] if isinstance(one, _Encoded) else _skipped(request, samples_seen, one)
            for request, one in zip(self._requests, self._all, strict=True)
        ]

    def _answers(self, model: AskedModel, encoded: list[_Encoded], seen: int) -> Iterator[RequestLine]:
        assert self._messages is not None, "without a chat template none is encoded"
        evaluation = self._plan.config.evaluation
        safe = model.completion_log_probabilities([one.safe for one in encoded], evaluation)
        compliant = model.completion_log_probabilities([one.compliant for one in encoded], evaluation)
        prompts = [list(one.safe.prompt) for one in encoded]
        written = model.write(prompts, self._messages.end_ids, WRITTEN_TOKENS, evaluation)
        for one, of_safe, of_compliant, ids in zip(encoded, safe, compliant, written, strict=True):
            if not (math.isfinite(of_safe) and math.isfinite(of_compliant)):
                yield _skipped(one.request, seen, NOT_FINITE)
                continue
            text = self._tokenizer.decode(ids, skip_special_tokens=True)
            yield RequestLine(
                seen,
                one.request.id,
                one.request.harmful,
                one.request.text,
                safe=round(of_safe, 6),
                compliant=round(of_compliant, 6),
                written=text,
                wrote=kind_of_answer(text),
            )

    def _encoded(self, request: Request) -> _Encoded | str:
        """The request in tokens, or why it is left out."""
        if self._messages is None:
            return NO_TEMPLATE
        prompt = self._messages.prompt(request.text)
        safe = self._messages.completion(request.text, request.safe_answer)
        compliant = self._messages.completion(request.text, COMPLIANT_OPENING)
        if not (prompt and safe and compliant):
            return NOT_AS_TEXT
        if len(prompt) + max(len(safe), len(compliant), WRITTEN_TOKENS) > self._most:
            return f"longer than training.max_length_tokens={self._most} with an answer"
        return _Encoded(request, Completion(prompt, safe), Completion(prompt, compliant))

    def _key(self, dtype: str) -> str:
        """Changes with whatever can change a line."""
        asked = [
            [request.id, request.harmful, one if isinstance(one, str) else [one.safe.tokens, one.compliant.tokens]]
            for request, one in zip(self._requests, self._all, strict=True)
        ]
        return short_hash(
            {
                "base": self._plan.base.fingerprint,
                "four_bit": self._plan.config.model.load_in_4bit,
                "dtype": dtype,
                "asked": asked,
                "written": [WRITTEN_TOKENS, self._messages.end_ids if self._messages else []],
                **machine(),
            }
        )


def _skipped(request: Request, seen: int, reason: str) -> RequestLine:
    return RequestLine(seen, request.id, request.harmful, request.text, skipped=reason)
