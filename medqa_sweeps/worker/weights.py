"""Every tensor of a file has its place in the model, and every place its tensor: else a random one would be trained.

Libraries fill a missing tensor with random numbers and leave out one they do not know, with a warning at most. Two runs
of one config then differ, and score as if nothing had been pretrained.
"""

import contextlib
from collections.abc import Collection, Iterator
from typing import Any

from transformers import modeling_utils

from medqa_sweeps.errors import ConfigError

_NAMED = 2  # tensors of each kind in a message


@contextlib.contextmanager
def refuse_misfits(label: str) -> Iterator[None]:
    """Within, transformers loads a base only if its files hold the tensors that its config.json asks for.

    Tied weights, and those that an architecture declares as harmless (`_keys_to_ignore_on_load_…`), are not missed.
    Unsloth loads through transformers in this process, without a GPU and (read, not run) with one.

    Raises:
        ConfigError: naming some of the tensors that are missing, unknown, or of another shape.
    """
    report = modeling_utils.log_state_dict_report

    def report_or_refuse(*, loading_info: Any, **others: Any) -> None:
        if not loading_info.conversion_errors and not loading_info.error_msgs:  # these are reported as errors anyway
            _refuse(label, loading_info)
        report(loading_info=loading_info, **others)

    modeling_utils.log_state_dict_report = report_or_refuse
    try:
        yield
    finally:
        modeling_utils.log_state_dict_report = report


def refuse_other_adapter(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Return if an adapter's tensors are those `expected`, by name and shape.

    Raises:
        ConfigError: naming some of the tensors that differ.
    """
    shapes, asked = ({name: tuple(tensor.shape) for name, tensor in state.items()} for state in (found, expected))
    reshaped = {f"{name} {shapes[name]}" for name in shapes.keys() & asked if shapes[name] != asked[name]}
    if found_misfits := _listed(asked.keys() - shapes.keys(), shapes.keys() - asked.keys(), reshaped):
        raise ConfigError(
            f"the adapter's tensors are not those of its config and base: {found_misfits}. It was trained on another "
            "base, or by an earlier version; train it again from its config."
        )


def _refuse(label: str, loading_info: Any) -> None:
    reshaped = {f"{name} {tuple(found)}, not {tuple(asked)}" for name, found, asked in loading_info.mismatched_keys}
    if misfits := _listed(loading_info.missing_keys, loading_info.unexpected_keys, reshaped):
        raise ConfigError(
            f"the weights of {label} do not fit its config.json: {misfits}. Usual causes are a prefix before all names "
            "and a config.json of another model. Save the model again with its own save_pretrained."
        )


def _listed(missing: Collection[str], unknown: Collection[str], reshaped: Collection[str]) -> str:
    """The counts that are not 0, each with some names."""
    kinds = (("missing", missing), ("unknown", unknown), ("of another shape", reshaped))
    return "; ".join(
        f"{len(names):,} {kind} ({', '.join(sorted(names)[:_NAMED])}{', …' * (len(names) > _NAMED)})"
        for kind, names in kinds
        if names
    )
