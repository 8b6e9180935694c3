"""A base with a vision tower is trained, quantized and scored in its language model alone, as Gemma 3 4B is to be."""

from collections.abc import Callable

import pytest
from safetensors import safe_open

from medqa_sweeps.config import TrialConfig
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.trial.provenance import collect
from medqa_sweeps.trial.records import Outcome, Result
from tests.worker.tower import save_with_tower

SHORT = ("training.max_steps=2", "evaluation.reports=1")


@pytest.fixture(scope="module")
def trials(
    composed: Callable[..., TrialConfig], run: Callable[..., Result | None], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, TrialDir]:
    """Two steps of a base with a tower, and of its language model alone."""
    folder = tmp_path_factory.mktemp("towers")
    made = {}
    for name, overrides in (
        ("whole", ["model=local", f"model.path={save_with_tower(folder / 'base')}"]),
        ("alone", []),
    ):
        plan = plan_trial(composed(*SHORT, *overrides))
        made[name] = TrialDir(folder / name)
        made[name].submit(plan.config, collect(plan, ["a test"]))
        assert (result := run(made[name])) and result.outcome is Outcome.COMPLETED, result
    return made


@pytest.mark.parametrize(("name", "path"), [("whole", "model.language_model"), ("alone", "model")])
def test_only_the_language_model_is_adapted_and_in_4_bit(trials: dict[str, TrialDir], name: str, path: str) -> None:
    result = trials[name].result()
    assert result and result.effective["four_bit_layers"] == result.effective["adapted_layers"] == 4 * 7
    with safe_open(trials[name].adapter_folder / "adapter_model.safetensors", "pt") as file:
        names = list(file.keys())
    assert len(names) == 2 * 4 * 7
    assert all(tensor.startswith(f"base_model.model.{path}.layers.") for tensor in names)


def test_a_base_with_a_tower_answers_as_its_language_model_alone(trials: dict[str, TrialDir]) -> None:
    whole, alone = (trials[name].predictions()[0] for name in ("whole", "alone"))
    assert len(whole) == 40
    for id, answer in alone.items():
        assert whole[id].log_probabilities == pytest.approx(answer.log_probabilities, abs=1e-4)
