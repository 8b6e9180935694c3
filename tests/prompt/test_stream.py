"""The order of samples: a function of the seed, the same wherever it begins."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from medqa_sweeps.config import TrainingConfig
from medqa_sweeps.data import Question
from medqa_sweeps.prompt.stream import TrainingStream, evaluation_steps, total_samples, total_steps
from medqa_sweeps.randomness import draw, shuffled

QUESTIONS = [Question(f"q{n}", f"question {n}", ("w", "x", "y", "z"), gold=n % 4) for n in range(7)]


class Encoder:
    """Writes question number and option order as tokens, so that a sample shows what it was made of."""

    def encode_all(self, questions: list[Question], orders: list[list[int]] | None = None) -> list[list[int]]:
        numbers = [int(question.id[1:]) for question in questions]
        return [[number, *order] for number, order in zip(numbers, orders or [[]] * len(numbers), strict=True)]

    def completion(self, gold: int) -> list[int]:
        return [100 + gold, 200]


def stream(seed: int = 0, start: int = 0, **changes: Any) -> TrainingStream:
    return TrainingStream(QUESTIONS, Encoder(), TrainingConfig(**changes), seed, start)  # type: ignore[arg-type]


def test_each_epoch_contains_each_question_once_in_its_own_order() -> None:
    seen = [sample["input_ids"][0] for sample in stream(epochs=3)]
    epochs = [seen[n : n + 7] for n in (0, 7, 14)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_options_change_their_order_between_epochs_unless_switched_off() -> None:
    orders = {tuple(sample["input_ids"][1:5]) for sample in stream(epochs=3)}
    assert len(orders) > 7
    assert {len(sample["input_ids"]) for sample in stream(epochs=1, permute_options=False)} == {3}


def test_options_that_depend_on_their_order_keep_it() -> None:
    questions = [replace(question, in_order=int(question.id[1:]) < 3) for question in QUESTIONS]
    samples = list(TrainingStream(questions, Encoder(), TrainingConfig(epochs=9), seed=0))  # type: ignore[arg-type]
    kept, others = ([s["input_ids"][1:5] for s in samples if (s["input_ids"][0] < 3) is kept] for kept in (True, False))
    assert len(kept) == 27 and all(order == [0, 1, 2, 3] for order in kept)
    assert len({tuple(order) for order in others}) > 7


def test_the_loss_is_on_letter_and_end_of_turn_alone_and_the_letter_follows_its_option() -> None:
    for sample in stream(epochs=2):
        number, *order = sample["input_ids"][:5]
        assert sample["labels"] == [-100] * 5 + sample["input_ids"][5:]
        assert sample["input_ids"][5:] == [100 + order.index(number % 4), 200]


@settings(deadline=None)  # a busy machine is no failure
@given(seed=st.integers(0, 2**32 - 1), start=st.integers(0, 21))
def test_a_stream_that_begins_later_is_the_rest_of_the_whole(seed: int, start: int) -> None:
    assert list(stream(seed, start, epochs=3)) == list(stream(seed, epochs=3))[start:]


def test_another_seed_is_another_order() -> None:
    assert list(stream(0, epochs=1)) != list(stream(1, epochs=1))


def test_tokens_are_counted_as_they_were_rendered() -> None:
    samples = stream(start=3, epochs=2)
    lengths = [len(sample["input_ids"]) for sample in samples]
    assert samples.tokens_until(3 + 5) == sum(lengths[:5])


@settings(deadline=None)  # a busy machine is no failure
@given(questions=st.integers(1, 500), batch=st.integers(1, 64), epochs=st.floats(0.1, 5), reports=st.integers(1, 9))
def test_evaluations_are_evenly_spaced_and_the_last_is_at_the_end(
    questions: int, batch: int, epochs: float, reports: int
) -> None:
    config = TrainingConfig(effective_batch_size=batch, epochs=epochs)
    steps = total_steps(config, questions)
    found = evaluation_steps(config, questions, reports)
    assert found[-1] == steps and found == sorted(set(found)) and 1 <= len(found) <= reports
    assert (steps - 1) * batch < total_samples(config, questions) <= steps * batch


def test_max_steps_replaces_epochs() -> None:
    config = TrainingConfig(max_steps=5, effective_batch_size=4, epochs=99)
    assert (total_steps(config, 7), total_samples(config, 7)) == (5, 20)


def test_draws_are_the_same_everywhere_and_for_ever() -> None:
    assert draw(0, "order", 1) == 3560704936019802908
    assert shuffled(range(5), 7, "order") == shuffled(reversed(range(5)), 7, "order")
    firsts = Counter(shuffled(range(4), seed, "fair")[0] for seed in range(4000))
    assert all(abs(count - 1000) < 120 for count in firsts.values()), firsts


def test_an_index_beyond_the_end_is_an_index_error() -> None:
    with pytest.raises(IndexError):
        stream(epochs=1)[7]
