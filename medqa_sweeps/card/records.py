"""What a card is generated from: a trial's folder and, at an export, its study's, read once.

A record that is missing or damaged leaves a gap that the card names; it never keeps a card from being written.
"""

import contextlib
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medqa_sweeps.alarms import Alarm, alarms_of
from medqa_sweeps.card.agreement import Agreement
from medqa_sweeps.config import TrialConfig
from medqa_sweeps.data import Question, read_questions
from medqa_sweeps.errors import ConfigError, TrialError
from medqa_sweeps.hub import data_cached
from medqa_sweeps.safety.assessed import Assessed, assessed
from medqa_sweeps.safety.comparisons import SuiteComparison, compare_suite
from medqa_sweeps.study.best import ranked_in
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import AttemptLine, Prediction, Result

FORMS = {
    "adapter": "LoRA adapter (PEFT), which needs its base model",
    "merged": "whole model, the adapter merged into the base, in safetensors",
    "gguf": "whole model as GGUF, for llama.cpp and Ollama",
}


@dataclass(frozen=True)
class Safety:
    """What the safety assessment found."""

    trained: Assessed
    base: Assessed
    comparisons: Sequence[SuiteComparison]  # a suite each
    configs: int  # for which the intervals are corrected

    @property
    def ran(self) -> set[str]:
        """Names of the suites that apply to any question or request."""
        return {one.outcome.suite for one in self.comparisons if one.outcome.ids}


@dataclass(frozen=True)
class Records:
    """A trial's records and, at an export, what its study and the export's own check add."""

    trial: TrialDir
    config: TrialConfig
    result: Result
    provenance: Mapping[str, Any]
    questions: Mapping[str, Question]  # the validation questions by id; empty if they cannot be read here
    form: str = "adapter"  # of FORMS
    study: StudyDir | None = None  # None: the trial has just ended, or belongs to none
    is_export: bool = False
    agreement: Agreement | None = None
    notes: tuple[str, ...] = ()
    loading: tuple[str, ...] = ()  # lines to paste

    @property
    def scored(self) -> str:
        """Whose scores the trial's are: a merged or quantised file is another model than the one that was scored."""
        return "this model" if self.form == "adapter" else "the trial that this file was made from"

    @functools.cached_property
    def answers(self) -> Mapping[str, Prediction]:
        """The answers that gave the trial its score, by question id; empty if they cannot be read."""
        return self._predictions.get(self.result.samples_seen, {})

    @functools.cached_property
    def base_answers(self) -> Mapping[str, Prediction]:
        """The untuned base's."""
        return self._predictions.get(0, {})

    @functools.cached_property
    def alarms(self) -> list[Alarm]:
        return alarms_of(self.trial, self.result)

    @functools.cached_property
    def attempt(self) -> AttemptLine | None:
        """The last attempt: where the trial ran."""
        with contextlib.suppress(ConfigError):
            return next((line for line in reversed(self.trial.lines()) if isinstance(line, AttemptLine)), None)
        return None

    @functools.cached_property
    def _predictions(self) -> Mapping[int, Mapping[str, Prediction]]:
        with contextlib.suppress(ConfigError):
            return self.trial.predictions()
        return {}

    @functools.cached_property
    def safety(self) -> Safety | None:
        """What the safety assessment found, without a suite if there was none; None: its records are damaged."""
        with contextlib.suppress(ConfigError):
            configs = self.configs
            trained, base = assessed(self.trial, self.result.samples_seen)
            placebo = trained.outcomes.get("placebo")
            found = [
                compare_suite(one, base.outcomes.get(name), placebo, configs) for name, one in trained.outcomes.items()
            ]
            return Safety(trained, base, found, configs)
        return None

    @property
    def configs(self) -> int:
        """How many configs of the study are ranked; 1 without a study."""
        with contextlib.suppress(ConfigError):
            return max(1, len(ranked_in(self.study.path))) if self.study else 1
        return 1

    def recorded(self, *keys: str) -> Any:
        """A value of the provenance by its path; None if it has none."""
        found: Any = self.provenance
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found


def provenance_of(trial: TrialDir) -> Mapping[str, Any]:
    """The trial's provenance; empty if it is missing or damaged."""
    with contextlib.suppress(ConfigError):
        return trial.provenance()
    return {}


def by_id(questions: Sequence[Question]) -> dict[str, Question]:
    return {question.id: question for question in questions}


def questions_of(config: TrialConfig, answered: Mapping[str, Prediction]) -> dict[str, Question]:
    """The questions that were answered, by id; empty unless all of them can be read without a network."""
    found: dict[str, Question] = {}
    with contextlib.suppress(TrialError, OSError):
        if config.data.hub_id is not None and not data_cached(config.data):
            return {}
        for part in ("validation", "train"):  # a random or k-fold split takes them from the training file
            if answered.keys() - found.keys() and getattr(config.data, part) is not None:
                found |= by_id(read_questions(config.data, "validation" if part == "validation" else "train").questions)
    return {id_: found[id_] for id_ in answered} if answered.keys() <= found.keys() else {}
