"""The training samples in the order of training: one flat stream over all epochs.

Sample i of the stream is question `order(epoch)[i mod n]`, with its options in an order of that epoch. Both orders
depend only on the trial's seed, so a run that resumes at sample s trains on the rest of the same stream. A batch may
contain samples of two epochs.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

from medqa_sweeps.config import TrainingConfig
from medqa_sweeps.data import Question
from medqa_sweeps.prompt.encoder import PromptEncoder
from medqa_sweeps.randomness import shuffled

IGNORED_LABEL = -100  # torch's cross entropy ignores these positions


def total_samples(config: TrainingConfig, questions: int) -> int:
    """Training samples of the whole run, including repeated questions."""
    if config.max_steps is not None:
        return config.max_steps * config.effective_batch_size
    return max(1, math.ceil(config.epochs * questions))


def total_steps(config: TrainingConfig, questions: int) -> int:
    """Optimizer steps of the whole run; the last one may be smaller."""
    return math.ceil(total_samples(config, questions) / config.effective_batch_size)


def evaluation_steps(config: TrainingConfig, questions: int, evaluations: int) -> list[int]:
    """The steps after which the model is evaluated: evenly spaced, distinct, the last one at the end."""
    steps = total_steps(config, questions)
    return sorted({math.ceil(steps * k / evaluations) for k in range(1, evaluations + 1)})


class TrainingStream(Sequence[dict[str, list[int]]]):
    """Samples of a trial from `start` on: {"input_ids", "labels"} of prompt and answer. The prompts of an epoch are
    rendered or read from the cache when its first sample is needed, and only as many as the run uses."""

    def __init__(
        self, questions: list[Question], encoder: PromptEncoder, config: TrainingConfig, seed: int, start: int = 0
    ) -> None:
        self._questions, self._encoder, self._config, self._seed = questions, encoder, config, seed
        self._start, self._total = start, total_samples(config, len(questions))
        self._epoch = lru_cache(maxsize=2)(self._prompts_of_epoch)
        self._lengths = [0] * len(self)  # tokens per sample; 0 until it is rendered

    def __len__(self) -> int:
        return self._total - self._start

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        if not 0 <= index < len(self):
            raise IndexError(index)
        epoch, position = divmod(self._start + index, len(self._questions))
        prompts, golds = self._epoch(epoch)
        prompt, completion = prompts[position], self._encoder.completion(golds[position])
        self._lengths[index] = len(prompt) + len(completion)
        return {"input_ids": prompt + completion, "labels": [IGNORED_LABEL] * len(prompt) + completion}

    def tokens_until(self, samples_seen: int) -> int:
        """Number of tokens, without padding, of the samples from `start` to `samples_seen`."""
        return sum(self._lengths[: samples_seen - self._start])

    def longest_tokens(self) -> int:
        """Tokens of the longest sample of any epoch, answer included; encodes each question once, if not cached."""
        answer = max(len(self._encoder.completion(question.gold)) for question in self._questions)
        return max(map(len, self._encoder.encode_all(self._questions))) + answer

    def epochs(self, samples_seen: int) -> float:
        """Passes over the questions after `samples_seen` samples."""
        return samples_seen / len(self._questions)

    def _prompts_of_epoch(self, epoch: int) -> tuple[Sequence[list[int]], list[int]]:
        """Tokens of the epoch's questions in its order, and the index of each gold option."""
        order = shuffled(range(len(self._questions)), self._seed, "order", epoch)
        met = self._total - epoch * len(self._questions)
        questions = [self._questions[index] for index in order[:met]]
        if not self._config.permute_options:
            return self._encoder.encode_all(questions), [question.gold for question in questions]
        orders = [self._order_of_options(question, epoch) for question in questions]
        golds = [options.index(q.gold) for options, q in zip(orders, questions, strict=True)]
        return self._encoder.encode_all(questions, orders), golds

    def _order_of_options(self, question: Question, epoch: int) -> list[int]:
        indices = range(len(question.options))
        return list(indices) if question.in_order else shuffled(indices, self._seed, "options", epoch, question.id)
