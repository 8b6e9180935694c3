"""What a trial's models answer to edited questions: of its safety assessment, and as controls of its passages.

The untuned base reads the same texts for all trials of a study, so its answers are computed once and shared. Each text
is answered once, whatever suites it belongs to, in forward passes that hold questions of all suites.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from medqa_sweeps.config import EvaluationConfig, SafetyConfig, short_hash
from medqa_sweeps.data import Question
from medqa_sweeps.durable.cache import shared
from medqa_sweeps.passages.controls import controls
from medqa_sweeps.prompt import PromptEncoder
from medqa_sweeps.safety import asking
from medqa_sweeps.safety.asking import Asked
from medqa_sweeps.safety.records import RequestLine, SafetyLine
from medqa_sweeps.safety.suites import Suite, requests_of, suites
from medqa_sweeps.trial.plan import Plan
from medqa_sweeps.worker.asked_model import AskedModel
from medqa_sweeps.worker.asking_requests import RequestAsking
from medqa_sweeps.worker.baseline import machine
from medqa_sweeps.worker.evaluation import Answered

_ROOM = 2  # tokens of an answer, which a question leaves free


def of_safety(plan: Plan, encoder: PromptEncoder, tokenizer: Any, config: SafetyConfig) -> "Assessment | None":
    """The safety assessment that a config asks for; None: it asks for none."""
    if not config.suites:
        return None
    questions, requests = asking.drawn(plan.split.validation, config), requests_of(config)
    asked = RequestAsking(plan, requests, tokenizer) if requests else None
    return Assessment(plan, encoder, suites(config, plan.most_options), questions, asked)


def of_passages(plan: Plan, encoder: PromptEncoder) -> "Assessment | None":
    """The controls of a trial that shows passages; None: it shows none."""
    found, prompt = plan.retrieved, plan.config.prompt
    if found is None:
        return None
    asked = controls(lambda question: found.with_foreign(question, prompt))
    return Assessment(plan, encoder, asked, plan.split.validation)


@dataclass(frozen=True)
class Found:
    """The lines of one model."""

    edits: list[SafetyLine] = field(default_factory=list)
    requests: list[RequestLine] = field(default_factory=list)


class Assessment:
    """What the models of one planned trial are asked.

    Args:
        questions: of its validation questions.
        requests: the user's; None: there are none.
    """

    def __init__(
        self,
        plan: Plan,
        encoder: PromptEncoder,
        asked: Sequence[Suite],
        questions: Sequence[Question],
        requests: RequestAsking | None = None,
    ) -> None:
        self._plan, self._encoder, self._questions, self._requests = plan, encoder, questions, requests
        self._suites = [suite for suite in asked if suite.variants]

    def texts(self, with_original: bool) -> int:
        """How many texts a model is asked."""
        return self._edited(with_original) + (len(self._requests) if self._requests else 0)

    def untuned(self, model: AskedModel, with_original: bool, dtype: str, answered: Answered) -> Found:
        """The base's lines. Waits while another process computes them.

        Args:
            with_original: whether the questions are asked without an edit, too: nothing else has recorded the base's
                log-probabilities.
            dtype: in which the base computes.
            answered: is told on the way how many texts are answered; nothing where the answers are there.
        """

        def compute() -> dict[str, Any]:
            return {"lines": [line.to_json() for line in self._lines(model, with_original, 0, answered)]}

        found, after = Found(), self._after(with_original, answered)
        if self._suites:
            stored, _ = shared("safety", self._key(with_original, dtype), compute)
            found.edits.extend(SafetyLine.from_json(line) for line in stored["lines"])
        if self._requests:
            found.requests.extend(self._requests.untuned(model, dtype, after))
        return found

    def trained(self, model: AskedModel, with_original: bool, samples_seen: int, answered: Answered) -> Found:
        """The lines of the trained model; the arguments as for `untuned`."""
        after = self._after(with_original, answered)
        return Found(
            self._lines(model, with_original, samples_seen, answered) if self._suites else [],
            self._requests.trained(model, samples_seen, after) if self._requests else [],
        )

    def _after(self, with_original: bool, answered: Answered) -> Answered:
        """Tells `answered` of requests, which come after the edited questions."""
        edited = self._edited(with_original)
        return lambda requests: answered(edited + requests)

    def _edited(self, with_original: bool) -> int:
        return len(asking.texts(self._asked(with_original)))

    def _lines(self, model: AskedModel, with_original: bool, seen: int, answered: Answered) -> list[SafetyLine]:
        asked = self._asked(with_original)
        questions = asking.texts(asked)
        answers = model.answer(questions, self._evaluation(questions), answered)
        chosen = {one.question.id: (one.predicted or 0, one.log_probabilities) for one in answers}
        return asking.lines(asked, chosen, seen)

    def _asked(self, with_original: bool) -> list[Asked]:
        return self._all if with_original else [one for one in self._all if one.suite != asking.ORIGINAL]

    @cached_property
    def _all(self) -> list[Asked]:
        asked = asking.asked_of(self._suites, self._questions, with_original=True)
        questions, most = asking.texts(asked), self._plan.config.training.max_length_tokens
        lengths = map(len, self._encoder.encode_all(questions))
        fitting = {question.id for question, length in zip(questions, lengths, strict=True) if length + _ROOM <= most}
        return asking.without_long(
            asked, lambda question: question.id in fitting, f"longer than training.max_length_tokens={most} when edited"
        )

    def _evaluation(self, questions: list[Question]) -> EvaluationConfig:
        """How they are scored: by log-probability, with room for the longest of them in a forward pass."""
        evaluation = self._plan.config.evaluation
        tokens = evaluation.batch_tokens
        if isinstance(tokens, int):
            tokens = max(tokens, *map(len, self._encoder.encode_all(questions)))
        return replace(evaluation, method="log_probability", batch_tokens=tokens)

    def _key(self, with_original: bool, dtype: str) -> str:
        """Changes with whatever can change a line."""
        asked = self._asked(with_original)
        return short_hash(
            {
                "base": self._plan.base.fingerprint,
                "four_bit": self._plan.config.model.load_in_4bit,
                "dtype": dtype,
                "prompt": self._encoder.fingerprint,
                "asked": [[one.suite, one.variant, one.id, repr(one.edited)] for one in asked],
                **machine(),
            }
        )
