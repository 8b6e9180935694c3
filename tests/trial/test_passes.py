"""How a step's samples are cut into forward passes."""

import pytest
from hypothesis import given, strategies as st

from medqa_sweeps.errors import ConfigError, OutOfMemory
from medqa_sweeps.trial.passes import (
    CPU_TOKENS,
    activation_bytes,
    most_scoring_tokens,
    passes_by_length,
    step_passes,
    with_pass_sizes,
)
from medqa_sweeps.trial.records import PassesLine
from tests.analysis.trial_folders import trial_config

lengths = st.lists(st.integers(1, 700), max_size=40)
tokens = st.integers(1, 5000)
samples = st.none() | st.integers(1, 16)


@given(lengths, tokens, samples)
def test_each_sample_is_in_one_pass_and_no_pass_is_too_large(
    lengths: list[int], tokens: int, samples: int | None
) -> None:
    for passes in (step_passes(lengths, tokens, samples), list(passes_by_length(lengths, tokens, samples))):
        assert sorted(index for one in passes for index in one) == list(range(len(lengths)))
        for one in passes:
            assert len(one) == 1 or len(one) * max(lengths[index] for index in one) <= tokens
            assert samples is None or len(one) <= samples


@given(lengths, tokens, samples)
def test_a_step_has_as_few_passes_as_the_longest_first_and_none_larger(
    lengths: list[int], tokens: int, samples: int | None
) -> None:
    def largest(passes: list[list[int]]) -> int:
        return max((len(one) * max(lengths[index] for index in one) for one in passes), default=0)

    greedy = list(passes_by_length(lengths, tokens, samples))
    assert len(step_passes(lengths, tokens, samples)) <= len(greedy)
    if len(greedy) > 1:
        assert largest(step_passes(lengths, tokens, samples)) <= largest(greedy)


def test_what_fits_into_one_pass_keeps_its_order() -> None:
    assert step_passes([3, 9, 5], 27) == [[0, 1, 2]]
    assert step_passes([3, 9, 5], 26) == [[1], [2, 0]]
    assert step_passes([], 10) == []


def test_passes_are_even() -> None:
    assert [len(one) for one in step_passes([10] * 9, 80)] == [5, 4], "not 8 and 1"


def test_auto_is_a_number_of_the_device() -> None:
    assert most_scoring_tokens("auto", on_gpu=False) < most_scoring_tokens("auto", on_gpu=True)
    assert most_scoring_tokens(77, on_gpu=False) == most_scoring_tokens(77, on_gpu=True) == 77


def test_a_cpu_decides_by_a_fixed_rule_and_a_gpu_by_its_memory() -> None:
    on_cpu = with_pass_sizes(trial_config(), 100, on_gpu=False).training
    assert (on_cpu.micro_batch_tokens, on_cpu.gradient_checkpointing) == (CPU_TOKENS, False)
    on_gpu = with_pass_sizes(trial_config(), 100, on_gpu=True).training
    assert (on_gpu.micro_batch_tokens, on_gpu.gradient_checkpointing) == ("auto", "auto")


def test_a_cpu_recomputes_the_activations_of_a_large_model() -> None:
    smollm2 = {"num_hidden_layers": 30, "hidden_size": 576, "intermediate_size": 1536}
    gemma = {"text_config": {"num_hidden_layers": 26, "hidden_size": 1152, "intermediate_size": 6912}}

    def recomputes(described: dict, **training: object) -> bool:
        config = trial_config(**{f"training__{key}": value for key, value in training.items()})
        needed = activation_bytes(described)
        return with_pass_sizes(config, 100, on_gpu=False, token_bytes=needed).training.gradient_checkpointing

    assert (recomputes(smollm2), recomputes(gemma), recomputes({})) == (False, True, False)
    assert recomputes(gemma, micro_batch_tokens=512) is False, "smaller passes"
    assert recomputes(gemma, gradient_checkpointing=False) is False, "as asked"


def test_a_later_attempt_runs_as_the_last_one_did() -> None:
    earlier = PassesLine(1, 0, 0.0, 700, 5000, gradient_checkpointing=True, probed=True)
    again = with_pass_sizes(trial_config(), 100, on_gpu=True, earlier=earlier)
    assert (again.training.micro_batch_tokens, again.evaluation.batch_tokens) == (700, 5000)
    assert again.training.gradient_checkpointing is True


def test_running_out_of_memory_halves_the_pass_that_was_used() -> None:
    config = trial_config(training__effective_batch_size=16, training__micro_batch_tokens=4000)

    def after(times: int, **earlier: int) -> int:
        before = PassesLine(1, 0, 0.0, scoring_tokens=5000, gradient_checkpointing=True, **earlier) if earlier else None
        return with_pass_sizes(
            config, 100, on_gpu=True, earlier=before, out_of_memory=times
        ).training.micro_batch_tokens

    assert after(0) == 1600, "not what no step ever fills"
    assert after(2) == 400
    assert after(2, training_tokens=800, out_of_memory=1) == 400, "one of the two was before the passes of 800 tokens"
    assert after(4) == 100
    assert after(1, training_tokens=150) == 100, "never below the longest question"
    with pytest.raises(OutOfMemory, match=r"one question at a time \(the longest has 100 tokens\)"):
        after(5)


@pytest.mark.parametrize("key", ["training__micro_batch_tokens", "evaluation__batch_tokens"])
def test_fewer_tokens_than_the_longest_question_are_refused(key: str) -> None:
    with pytest.raises(
        ConfigError, match=r"=99: the longest question has 100 tokens\. Set it to 100 or more, or to auto"
    ):
        with_pass_sizes(trial_config(**{key: 99}), 100, on_gpu=False)
