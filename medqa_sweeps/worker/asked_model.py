"""What an assessment needs of a model, which is an engine's base, a trial in training, or one that was loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from medqa_sweeps.config import EvaluationConfig
from medqa_sweeps.data import Question
from medqa_sweeps.prompt import PromptEncoder
from medqa_sweeps.worker import completions as texts
from medqa_sweeps.worker.completions import Completion
from medqa_sweeps.worker.engines.contract import TrialState
from medqa_sweeps.worker.evaluation import Answer, Answered, answer_questions, nobody


class AskedModel(Protocol):
    """As `Engine` promises it of its untuned base."""

    def answer(
        self, questions: list[Question], evaluation: EvaluationConfig, answered: Answered = nobody
    ) -> list[Answer]: ...

    def completion_log_probabilities(
        self, completions: Sequence[Completion], evaluation: EvaluationConfig
    ) -> list[float]: ...

    def write(
        self, prompts: Sequence[list[int]], end_ids: list[int], most_tokens: int, evaluation: EvaluationConfig
    ) -> list[list[int]]: ...


@dataclass(frozen=True)
class TrialModel:
    """A trial in its engine, with an adapter of it."""

    state: TrialState
    adapter: dict[str, torch.Tensor]

    def answer(
        self, questions: list[Question], evaluation: EvaluationConfig, answered: Answered = nobody
    ) -> list[Answer]:
        return self.state.answer(questions, evaluation, answered, self.adapter)

    def completion_log_probabilities(
        self, completions: Sequence[Completion], evaluation: EvaluationConfig
    ) -> list[float]:
        return self.state.completion_log_probabilities(completions, evaluation, self.adapter)

    def write(
        self, prompts: Sequence[list[int]], end_ids: list[int], most_tokens: int, evaluation: EvaluationConfig
    ) -> list[list[int]]:
        return self.state.write(prompts, end_ids, most_tokens, evaluation, self.adapter)


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory, outside any engine."""

    model: Any
    tokenizer: Any
    encoder: PromptEncoder

    def answer(
        self, questions: list[Question], evaluation: EvaluationConfig, answered: Answered = nobody
    ) -> list[Answer]:
        return answer_questions(self.model, self.tokenizer, self.encoder, questions, evaluation, answered)

    def completion_log_probabilities(
        self, completions: Sequence[Completion], evaluation: EvaluationConfig
    ) -> list[float]:
        return texts.completion_log_probabilities(self.model, self.tokenizer.pad_token_id, completions, evaluation)

    def write(
        self, prompts: Sequence[list[int]], end_ids: list[int], most_tokens: int, evaluation: EvaluationConfig
    ) -> list[list[int]]:
        return texts.write(self.model, self.tokenizer.pad_token_id, prompts, end_ids, most_tokens, evaluation)
