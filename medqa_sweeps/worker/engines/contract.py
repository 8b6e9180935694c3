"""What every engine promises: it trains trials over one frozen base, and says of each trial what happens to it.

    engine = UnslothEngine(base, config, tokenizer, encoder)
    engine.answer(questions, evaluation)            the untuned base
    engine.train([TrainingRun(…, recorder=recorder)])

            recorder.cut(training, probed)          so large are the forward passes
            recorder.trained(line)                  a line of training is due
            recorder.stepped(step, samples, state)  after each optimizer step: score, save, stop?
            recorder.ended(state)                   all steps are done, or the recorder said stop
            recorder.failed(error)                  this trial cannot go on; the others do

The engine trains, answers questions, and gives its adapter and its optimizer's state. The recorder decides when to
score, when to save and when to stop, and writes it down. `tests/contracts/test_engine.py` holds for every engine.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from medqa_sweeps.base import BaseModel
from medqa_sweeps.config import EvaluationConfig, LoraConfig, OptimizerConfig, SchedulerConfig, TrainingConfig
from medqa_sweeps.data import Question
from medqa_sweeps.errors import TrialError
from medqa_sweeps.prompt.stream import TrainingStream
from medqa_sweeps.trial.records import TrainLine
from medqa_sweeps.worker.checkpoint import Checkpoint
from medqa_sweeps.worker.completions import Completion
from medqa_sweeps.worker.evaluation import Answer, Answered, nobody


class TrialState(ABC):
    """One trial between two steps, as a recorder may read it. Reading changes nothing of the training."""

    @abstractmethod
    def answer(
        self,
        questions: list[Question],
        evaluation: EvaluationConfig,
        answered: Answered = nobody,
        adapter: dict[str, torch.Tensor] | None = None,
    ) -> list[Answer]:
        """The trial's answer to each question, in their order.

        Args:
            answered: is told on the way how many there are.
            adapter: an earlier one of this trial that answers; None: the one in training.

        Raises:
            Diverged: if a log-probability is not finite.
        """

    @abstractmethod
    def completion_log_probabilities(
        self,
        completions: Sequence[Completion],
        evaluation: EvaluationConfig,
        adapter: dict[str, torch.Tensor] | None = None,
    ) -> list[float]:
        """Nats per token of each answer after its prompt, in their order; one that is not finite is given as it is.

        Args:
            evaluation: how large a forward pass may be.
            adapter: as for `answer`.
        """

    @abstractmethod
    def write(
        self,
        prompts: Sequence[list[int]],
        end_ids: list[int],
        most_tokens: int,
        evaluation: EvaluationConfig,
        adapter: dict[str, torch.Tensor] | None = None,
    ) -> list[list[int]]:
        """The tokens that the trial writes after each prompt, in their order, the likeliest each time.

        Args:
            end_ids: tokens that end an answer and do not belong to it.
            most_tokens: after which an answer is cut.
            evaluation: how large a forward pass may be.
            adapter: as for `answer`.
        """

    @abstractmethod
    def adapter(self) -> dict[str, torch.Tensor]:
        """The adapter's tensors as they are now, under PEFT's names, on the CPU; later steps do not change them."""

    @abstractmethod
    def optimizer(self) -> dict[str, torch.Tensor]:
        """The optimizer's state as `checkpoint.optimizer_tensors` gives it, on the CPU; later steps leave it."""

    @abstractmethod
    def effective(self) -> dict[str, Any]:
        """What really trains, for the record: dtypes, layers, the optimizer's class."""

    @abstractmethod
    def export(self, adapter: dict[str, torch.Tensor], folder: Path, base: BaseModel, card: str) -> None:
        """Write `adapter`, of this trial, as a PEFT folder with its model card."""


class Recorder(Protocol):
    """What an engine tells about one trial, and asks of it.

    A `TrialError` that a recorder raises ends its trial as one of the training does, with `failed`.
    """

    def cut(self, training: TrainingConfig, probed: bool) -> None:
        """Before the first step: how its samples are cut into forward passes, `auto` replaced by what runs.

        Args:
            probed: whether the device's memory was measured for it.
        """

    def trained(self, line: TrainLine) -> None:
        """A line of training is to be recorded: of the step whose `stepped` comes next."""

    def stepped(self, step: int, samples_seen: int, state: TrialState) -> bool:
        """An optimizer step is done, and `state` is as it left it. True: go on; False: stop here.

        Args:
            step: of the whole run, those before a resume counted; each comes once, in order.
            samples_seen: training samples after it, those before a resume counted.
        """

    def ended(self, state: TrialState) -> None:
        """All steps are done, or `stepped` said stop. The last that is heard of the trial."""

    def failed(self, error: TrialError) -> None:
        """The trial cannot go on. The last that is heard of it."""


@dataclass(frozen=True)
class TrainingRun:
    """What an engine is given of one trial."""

    lora: LoraConfig
    training: TrainingConfig
    optimizer: OptimizerConfig
    scheduler: SchedulerConfig
    seed: int  # of adapter initialisation and dropout; the stream has its own from it
    stream: TrainingStream  # the samples from where `resume` stopped
    steps: int  # of the whole run, those before `resume` counted
    log_steps: frozenset[int]  # after which a line is due, besides every `training.log_every_steps` and the last
    resume: Checkpoint | None  # where to go on; None: from the seed's initialisation
    recorder: Recorder


class Engine(ABC):
    """A frozen base in memory, and the trials that train over it. For one thread."""

    @property
    @abstractmethod
    def most_trials(self) -> int:
        """How many trials it trains at a time, 1 or more."""

    @abstractmethod
    def answer(
        self, questions: list[Question], evaluation: EvaluationConfig, answered: Answered = nobody
    ) -> list[Answer]:
        """The untuned base's answer to each question, in their order. Before `train` alone.

        Args:
            answered: is told on the way how many there are.

        Raises:
            Diverged: if a log-probability is not finite.
        """

    @abstractmethod
    def completion_log_probabilities(
        self, completions: Sequence[Completion], evaluation: EvaluationConfig
    ) -> list[float]:
        """As `TrialState.completion_log_probabilities`, of the untuned base. Before `train` alone."""

    @abstractmethod
    def write(
        self, prompts: Sequence[list[int]], end_ids: list[int], most_tokens: int, evaluation: EvaluationConfig
    ) -> list[list[int]]:
        """As `TrialState.write`, of the untuned base. Before `train` alone."""

    @property
    @abstractmethod
    def dtype(self) -> torch.dtype:
        """In which the base computes."""

    @abstractmethod
    def weights_not_finite(self) -> list[str]:
        """Names of the base's weights that hold a NaN or an infinity."""

    @abstractmethod
    def train(self, runs: Sequence[TrainingRun]) -> None:
        """Train trials, at most `most_trials`, each until its last step, its recorder's stop, or its failure. Once.

        A trial's result does not depend on the others: one that ends, stops or fails leaves them as they are. Data
        order, initialisation and dropout are functions of the seed and the step, so a run that resumes at a
        checkpoint gives what a run without a break gives.

        Raises:
            ValueError: for no trial, or more than `most_trials`.
            Exception: what no single trial is to blame for (memory, a device, a defect). Recorders that have not
                heard `ended` or `failed` then hear no more.
        """
