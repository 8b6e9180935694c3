"""A trial's validation questions as the prompts that it answered, for a process that asks another form of its model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from medqa_sweeps.config import TrialConfig
from medqa_sweeps.data import Question
from medqa_sweeps.prompt import LETTERS, PromptEncoder
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import Plan, plan_trial
from medqa_sweeps.trial.records import Prediction


@dataclass(frozen=True)
class ValidationPrompts:
    """Rows of tokens, one per question, in the order of the questions."""

    plan: Plan
    questions: list[Question]
    rows: Sequence[list[int]]
    encoder: PromptEncoder
    pad_id: int

    @property
    def config(self) -> TrialConfig:
        return self.plan.config

    @property
    def letter_ids(self) -> list[int]:
        return self.encoder.letter_ids

    def text(self, index: int) -> str:
        """Question `index` as the rendered prompt."""
        return self.encoder.text(self.questions[index])

    def prediction(self, index: int, log_probabilities: Sequence[float]) -> Prediction:
        """The answer to question `index`, as the trial's own line of it.

        Args:
            log_probabilities: nats, of the letters of its options.
        """
        question = self.questions[index]
        scores = {LETTERS[place]: float(value) for place, value in enumerate(log_probabilities)}
        return Prediction(
            samples_seen=0,
            id=question.id,
            gold=LETTERS[question.gold],
            predicted=max(scores, key=scores.__getitem__),
            log_probabilities=scores,
        )


def validation_prompts(trial: TrialDir, tokenizer_folder: Path | None, most: int) -> ValidationPrompts:
    """The prompts of the first `most` validation questions.

    Args:
        tokenizer_folder: with the tokenizer to encode them with; None: the base's.

    Raises:
        TrialError: if questions or base are not there any more, or the tokenizer cannot encode them.
    """
    plan = plan_trial(trial.config())
    tokenizer: Any = AutoTokenizer.from_pretrained(tokenizer_folder or plan.base.folder)
    questions = plan.split.validation[:most]
    encoder = PromptEncoder(tokenizer, plan.config.prompt, plan.most_options)
    pad_id = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    return ValidationPrompts(plan, questions, encoder.encode_all(questions), encoder, pad_id)
