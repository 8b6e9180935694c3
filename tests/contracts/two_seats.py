"""A test engine that trains two trials at once over one "base", and broken variants of it.

It stands in for an engine that packs trials: no language model, one weight per letter and a few features of the
tokens, real AdamW, dropout and initialisation from the trial's seed. What an engine owes its trials is the same.
"""

import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from medqa_sweeps.base import BaseModel
from medqa_sweeps.config import EvaluationConfig
from medqa_sweeps.data import Question
from medqa_sweeps.errors import ConfigError, Diverged, TrialError
from medqa_sweeps.prompt.stream import IGNORED_LABEL
from medqa_sweeps.randomness import draw
from medqa_sweeps.trial.records import TrainLine
from medqa_sweeps.worker import checkpoint
from medqa_sweeps.worker.completions import Completion
from medqa_sweeps.worker.engines.contract import Engine, TrainingRun, TrialState
from medqa_sweeps.worker.evaluation import Answer, Answered, nobody

_FEATURES = 16
_LETTERS = 26
_NAME = "letters.weight"


def features(ids: Sequence[int]) -> torch.Tensor:
    """[F], in 0..1."""
    counts = torch.bincount(torch.tensor(ids) % _FEATURES, minlength=_FEATURES)
    return counts / max(1, len(ids))


class Seat(TrialState):
    """One trial in training."""

    def __init__(self, run: TrainingRun) -> None:
        self.run, resume = run, run.resume
        generator = torch.Generator().manual_seed(draw(run.seed, "adapter", _NAME))
        self.weight = torch.nn.Parameter(torch.randn(_LETTERS, _FEATURES, generator=generator))
        self._adamw = torch.optim.AdamW([self.weight], lr=run.optimizer.lr, weight_decay=run.optimizer.weight_decay)
        self.step = self.first = resume.progress.step if resume else 0
        self.samples_seen = self.before = resume.progress.samples_seen if resume else 0
        if resume:
            if resume.adapter.keys() != {_NAME}:
                raise ConfigError("another engine's checkpoint")
            self.weight.data.copy_(resume.adapter[_NAME])
            checkpoint.restore_optimizer(self._adamw, [_NAME], resume.optimizer)

    def train_step(self) -> float:
        """One optimizer step; its loss."""
        batch = self.run.training.effective_batch_size
        start = (self.step - self.first) * batch
        samples = [self.run.stream[index] for index in range(start, min(start + batch, len(self.run.stream)))]
        generator = torch.Generator().manual_seed(draw(self.run.seed, "dropout", self.step))
        kept = torch.rand(_FEATURES, generator=generator) >= self.run.lora.dropout
        x_BxF = torch.stack([features(one["input_ids"]) for one in samples]) * kept
        gold_B = torch.tensor([next(id for id in one["labels"] if id != IGNORED_LABEL) % _LETTERS for one in samples])
        loss = torch.nn.functional.cross_entropy(x_BxF @ self.weight.T, gold_B)
        self._adamw.zero_grad()
        loss.backward()
        self._adamw.step()
        self.step += 1
        self.samples_seen = self.before + start + len(samples)
        return loss.item()

    def line(self, loss: float) -> TrainLine:
        return TrainLine(self.samples_seen, self.step, 0.0, 0.0, loss, self.run.optimizer.lr, None, 1.0, 0)

    @property
    def line_is_due(self) -> bool:
        run = self.run
        return self.step % run.training.log_every_steps == 0 or self.step in run.log_steps or self.step == run.steps

    def answer(
        self,
        questions: list[Question],
        evaluation: EvaluationConfig,
        answered: Answered = nobody,
        adapter: dict[str, torch.Tensor] | None = None,
    ) -> list[Answer]:
        return answers(self._now(adapter), questions, answered)

    def completion_log_probabilities(
        self,
        completions: Sequence[Completion],
        evaluation: EvaluationConfig,
        adapter: dict[str, torch.Tensor] | None = None,
    ) -> list[float]:
        return [mean_of(self._now(adapter), one) for one in completions]

    def write(
        self,
        prompts: Sequence[list[int]],
        end_ids: list[int],
        most_tokens: int,
        evaluation: EvaluationConfig,
        adapter: dict[str, torch.Tensor] | None = None,
    ) -> list[list[int]]:
        return [written(self._now(adapter), prompt, end_ids, most_tokens) for prompt in prompts]

    def _now(self, adapter: dict[str, torch.Tensor] | None) -> torch.Tensor:
        return self.weight.detach() if adapter is None else adapter[_NAME]

    def adapter(self) -> dict[str, torch.Tensor]:
        return {_NAME: self.weight.detach().clone()}

    def optimizer(self) -> dict[str, torch.Tensor]:
        return checkpoint.optimizer_tensors(self._adamw, [_NAME])

    def effective(self) -> dict[str, Any]:
        return {"optimizer": "torch.optim.adamw.AdamW"}

    def export(self, adapter: dict[str, torch.Tensor], folder: Path, base: BaseModel, card: str) -> None:
        folder.mkdir(parents=True)
        save_file(adapter, folder / "adapter_model.safetensors")
        (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base.label}))
        (folder / "README.md").write_text(card)


def answers(weight: torch.Tensor, questions: list[Question], answered: Answered) -> list[Answer]:
    found = []
    for question in questions:
        ids = list(zlib.compress(question.question.encode()))
        scores = torch.log_softmax(weight @ features(ids), 0)[: len(question.options)]
        if not torch.isfinite(scores).all():
            raise Diverged(f"question {question.id}: not finite")
        found.append(Answer(question, int(scores.argmax()), scores.tolist()))
        answered(len(found))
    return found


def after(weight: torch.Tensor, ids: Sequence[int]) -> torch.Tensor:
    """Log-probabilities of the next token; there are as many tokens as letters."""
    return torch.log_softmax(weight @ features(ids), 0)


def mean_of(weight: torch.Tensor, one: Completion) -> float:
    before = [[*one.prompt, *one.answer[:at]] for at in range(len(one.answer))]
    values = [float(after(weight, ids)[id % _LETTERS]) for ids, id in zip(before, one.answer, strict=True)]
    return sum(values) / len(values)


def written(weight: torch.Tensor, prompt: list[int], end_ids: list[int], most: int) -> list[int]:
    ids: list[int] = []
    while len(ids) < most:
        likeliest = int(after(weight, [*prompt, *ids]).argmax())
        if likeliest in end_ids:
            break
        ids.append(likeliest)
    return ids


class TwoSeats(Engine):
    """Trains two trials in turns, a step each."""

    seat: type[Seat] = Seat

    @property
    def most_trials(self) -> int:
        return 2

    @property
    def dtype(self) -> torch.dtype:
        return torch.float32

    def answer(
        self, questions: list[Question], evaluation: EvaluationConfig, answered: Answered = nobody
    ) -> list[Answer]:
        return answers(torch.zeros(_LETTERS, _FEATURES), questions, answered)

    def completion_log_probabilities(
        self, completions: Sequence[Completion], evaluation: EvaluationConfig
    ) -> list[float]:
        return [mean_of(torch.zeros(_LETTERS, _FEATURES), one) for one in completions]

    def write(
        self, prompts: Sequence[list[int]], end_ids: list[int], most_tokens: int, evaluation: EvaluationConfig
    ) -> list[list[int]]:
        return [written(torch.zeros(_LETTERS, _FEATURES), prompt, end_ids, most_tokens) for prompt in prompts]

    def weights_not_finite(self) -> list[str]:
        return []

    def train(self, runs: Sequence[TrainingRun]) -> None:
        if not 1 <= len(runs) <= self.most_trials:
            raise ValueError(f"{len(runs)} trials; allowed are 1 to {self.most_trials}")
        working = {index: self.turns(run) for index, run in enumerate(runs)}
        while working:
            for index, turns in list(working.items()):
                try:
                    if next(turns, None) is None:
                        del working[index]
                except TrialError as error:
                    del working[index]
                    self.tell_failure(runs, index, error, working)

    def turns(self, run: TrainingRun) -> Iterator[int]:
        """A trial's training, a step each time it is asked."""
        seat = self.seat(run)
        run.recorder.cut(run.training, probed=False)
        while seat.step < run.steps:
            loss = seat.train_step()
            if seat.line_is_due:
                run.recorder.trained(seat.line(loss))
            if not loss < 100:
                raise Diverged(f"the loss is {loss}")
            if not self.resumes_from(seat):
                break
            yield seat.step
        run.recorder.ended(seat)

    def resumes_from(self, seat: Seat) -> bool:
        return seat.run.recorder.stepped(seat.step, seat.samples_seen, seat)

    def tell_failure(
        self, runs: Sequence[TrainingRun], index: int, error: TrialError, working: dict[int, Iterator[int]]
    ) -> None:
        runs[index].recorder.failed(error)


# Broken in one way each. They change the sound engine where it is sound, which only a test may do.


class Late(TwoSeats):
    """Tells a step only after the next one is done."""

    def resumes_from(self, seat: Seat) -> bool:
        step, samples_seen = seat.step, seat.samples_seen
        if step < seat.run.steps:
            seat.train_step()
            seat.step, seat.samples_seen = step, samples_seen
        return seat.run.recorder.stepped(step, samples_seen, seat)


class FailsTogether(TwoSeats):
    """A trial's failure ends its neighbour."""

    def tell_failure(
        self, runs: Sequence[TrainingRun], index: int, error: TrialError, working: dict[int, Iterator[int]]
    ) -> None:
        for run in [runs[index], *(runs[other] for other in working)]:
            run.recorder.failed(error)
        working.clear()


class Deaf(TwoSeats):
    """Goes on when its recorder says stop."""

    def resumes_from(self, seat: Seat) -> bool:
        super().resumes_from(seat)
        return True


class _Forgetting(Seat):
    def optimizer(self) -> dict[str, torch.Tensor]:
        return {}


class Forgetful(TwoSeats):
    """Its checkpoints lack the optimizer's moments."""

    seat = _Forgetting


class _WithoutAdapter(Seat):
    def _now(self, adapter: dict[str, torch.Tensor] | None) -> torch.Tensor:
        return self.weight.detach()


class Present(TwoSeats):
    """Asked for an earlier adapter, it answers with the one in training."""

    seat = _WithoutAdapter
