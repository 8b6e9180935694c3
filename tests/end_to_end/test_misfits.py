"""A base whose weights do not fit its config.json is not trained as a random one."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Outcome, Result


@pytest.mark.parametrize("four_bit", [True, False])
def test_weights_with_a_prefix_end_the_trial_before_it_trains(
    submitted: Callable[..., TrialDir], run: Callable[..., Result | None], tmp_path: Path, four_bit: bool
) -> None:
    base = shutil.copytree(resolve_bundled("bundled:tiny_gemma3"), tmp_path / "base")
    state = load_file(base / "model.safetensors")
    save_file(
        {f"module.{name}": tensor for name, tensor in state.items()}, base / "model.safetensors", {"format": "pt"}
    )
    result = run(submitted("trial", "model=local", f"model.path={base}", f"model.load_in_4bit={four_bit}"))
    assert result and result.outcome is Outcome.FAILED and result.failure is FailureKind.CONFIG
    assert " missing (" in result.message and f"; {len(state)} unknown (module.model." in result.message
    assert result.baseline is None and result.steps == 0
