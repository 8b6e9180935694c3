"""How many tokens go through the model at once: questions of similar length together, so that little is padding.

A forward pass computes its longest sample's length for each of its samples. The loss of an optimizer step is a sum
over its supervised tokens, so its samples may be computed in any order and in any number of passes: only the last bits
differ, and the masks of dropout, which are drawn pass by pass.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from medqa_sweeps.config import AUTO, TrainingConfig, TrialConfig
from medqa_sweeps.errors import OutOfMemory
from medqa_sweeps.trial.plan import refuse_small_passes
from medqa_sweeps.trial.records import PassesLine

# Without a GPU a pass of more than about 1,000 tokens leaves the caches (benchmarks/results/pass_sizes.json). A fixed
# number, so that a config gives the same bits on all machines of one kind.
CPU_TOKENS = 1024
_CPU_KEPT_BYTES = 4 << 30  # activations of a pass; more are recomputed, as a CPU's memory holds several trials
# On a GPU scoring keeps the activations of one layer at a time; 32 questions of 768 tokens were the default before.
_GPU_SCORING_TOKENS = 24576


def most_scoring_tokens(asked: int | str, on_gpu: bool) -> int:
    """Tokens of a forward pass without gradients, padding included: as asked; `auto` by the device."""
    if asked != AUTO:
        return int(asked)
    return _GPU_SCORING_TOKENS if on_gpu else CPU_TOKENS


def with_pass_sizes(
    config: TrialConfig,
    longest: int,
    on_gpu: bool,
    earlier: PassesLine | None = None,
    out_of_memory: int = 0,
    token_bytes: int = 0,
) -> TrialConfig:
    """The config with `auto` replaced: as an earlier attempt ran, or by the device.

    What a GPU's memory decides of the training stays `auto`: `probe.fitted` finds it once the base is loaded.

    Args:
        longest: tokens of the longest training sample or prompt.
        earlier: the last attempt's passes.
        out_of_memory: attempts that ran out of memory; each halves the pass that was really used.
        token_bytes: of a token's activations, as `activation_bytes` estimates them; 0: unknown, so that they are kept.

    Raises:
        ConfigError: if a number that was asked for is below `longest`.
        OutOfMemory: if the last attempt already computed the longest questions one by one.
    """
    training, evaluation = config.training, config.evaluation
    refuse_small_passes(config, longest)
    scoring = most_scoring_tokens(evaluation.batch_tokens, on_gpu)
    halvings = out_of_memory
    if earlier is not None:
        halvings -= earlier.out_of_memory
        scoring = earlier.scoring_tokens
        training = replace(
            training,
            micro_batch_tokens=earlier.training_tokens,
            gradient_checkpointing=earlier.gradient_checkpointing,
        )
    elif not on_gpu:
        training = _without_gpu(training, token_bytes)
    if training.micro_batch_tokens != AUTO:
        used = min(training.micro_batch_tokens, most_samples(training) * longest)
        training = replace(training, micro_batch_tokens=halved(used, longest, halvings))
    return replace(
        config,
        training=training,
        evaluation=replace(evaluation, batch_tokens=max(longest, scoring >> halvings)),
    )


def in_words(line: PassesLine) -> str:
    """A sentence on what was chosen."""
    kept = "activations are recomputed" if line.gradient_checkpointing else "activations are kept"
    how = "; measured on this GPU" if line.probed else ""
    return f"forward passes of up to {line.training_tokens:,} tokens (scoring: {line.scoring_tokens:,}); {kept}{how}"


def activation_bytes(described: Mapping[str, Any]) -> int:
    """What the backward pass needs of a token in float32, about, by the model's config.json; 0 if it does not tell.

    SmolLM2-135M kept 2.4 GB for passes of 1,024 tokens, and this says 2.1.
    """
    text: Mapping[str, Any] = described.get("text_config") or described
    layers, hidden, inner = (text.get(key) or 0 for key in ("num_hidden_layers", "hidden_size", "intermediate_size"))
    return int(layers * (14 * hidden + 6 * inner) * 4)


def _without_gpu(training: TrainingConfig, token_bytes: int) -> TrainingConfig:
    tokens, recompute = training.micro_batch_tokens, training.gradient_checkpointing
    tokens = CPU_TOKENS if tokens == AUTO else tokens
    return replace(
        training,
        micro_batch_tokens=tokens,
        gradient_checkpointing=tokens * token_bytes > _CPU_KEPT_BYTES if recompute == AUTO else recompute,
    )


def most_samples(training: TrainingConfig) -> int:
    """Questions of the largest forward pass."""
    return min(training.effective_batch_size, training.micro_batch_size or training.effective_batch_size)


def halved(used: int, longest: int, times: int) -> int:
    """Tokens of a pass after running out of memory so many times.

    Args:
        used: tokens of the largest pass at first.

    Raises:
        OutOfMemory: if the last time already computed the longest questions one by one.
    """
    if times and used >> (times - 1) <= longest:
        raise OutOfMemory(
            f"out of memory with one question at a time (the longest has {longest:,} tokens). Use a smaller model or "
            "rank, training.gradient_checkpointing=true, fewer slots_per_device, or a device with more memory."
        )
    return max(longest, used >> times)  # a pass of one question; a limit below it would be refused when run again


def step_passes(lengths: Sequence[int], tokens: int, samples: int | None = None) -> list[list[int]]:
    """The samples of one optimizer step in as few passes as possible, those as even as possible, the longest first.

    Samples that fit into one pass keep their order, and so the bits of a step that is one pass.

    Args:
        lengths: tokens of each sample.
        tokens: most of a pass, padding included; a longer sample is a pass of its own.
        samples: most of a pass; None: no limit.
    """
    if not lengths:
        return []
    if max(lengths) * len(lengths) <= tokens and len(lengths) <= (samples or len(lengths)):
        return [list(range(len(lengths)))]
    fewest = len(list(passes_by_length(lengths, tokens, samples)))
    low, high = 1, tokens  # the smallest limit with as few passes makes them the most even
    while low < high:
        middle = (low + high) // 2
        if len(list(passes_by_length(lengths, middle, samples))) <= fewest:
            high = middle
        else:
            low = middle + 1
    return list(passes_by_length(lengths, low, samples))


def passes_by_length(lengths: Sequence[int], tokens: int, samples: int | None = None) -> Iterator[list[int]]:
    """Indices of samples, the longest first, so that memory is at its peak at once and not at the end.

    Args: as `step_passes`.
    """
    taken: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        full = taken and (len(taken) + 1) * lengths[taken[0]] > tokens
        if full or (samples and len(taken) == samples):
            yield taken
            taken = []
        taken.append(index)
    if taken:
        yield taken
