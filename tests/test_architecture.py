"""The walls of the house: who may import what. A failure here means a file is in the wrong room, or does two things."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# The run half: what only a trial's own process imports.
RUN_HALF = {
    "run", "final", "predict", "worker", "model", "language_model", "weights", "training", "evaluation", "baseline",
    "checkpoint",
}  # fmt: skip
HEAVY = {"torch", "transformers", "trl", "peft", "unsloth", "bitsandbytes"}


def modules(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "assets" not in path.parts)


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def roots(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def our_rooms(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imported(path) if name.startswith("medqa_sweeps.")}


def test_only_model_py_imports_unsloth() -> None:
    importers = [path.name for path in modules("medqa_sweeps") if "unsloth" in roots(path)]
    assert importers == ["model.py"]


@pytest.mark.parametrize("path", modules("medqa_sweeps"), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_outside_the_run_half_imports_torch_or_the_run_half(path: Path) -> None:
    if path.parent.name == "medqa_sweeps" and path.stem in RUN_HALF:
        return
    assert not roots(path) & HEAVY
    assert not our_rooms(path) & RUN_HALF


@pytest.mark.parametrize("name", sorted(RUN_HALF))
def test_the_run_half_knows_nothing_of_sweeps(name: str) -> None:
    path = ROOT / "medqa_sweeps" / f"{name}.py"
    assert not roots(path) & {"hydra", "optuna", "wandb"}
    assert "sweep" not in our_rooms(path)


@pytest.mark.parametrize("path", modules("analysis"), ids=lambda path: path.name)
def test_analysis_reads_records_and_nothing_else(path: Path) -> None:
    assert not roots(path) & (HEAVY | {"hydra"})
    assert not our_rooms(path) & (RUN_HALF | {"sweep"})


def test_only_the_final_test_reads_the_test_questions() -> None:
    """A new reader of the test part is a way around the ledger: see `medqa_sweeps/worker/final.py`."""
    everything = [path for folder in ("medqa_sweeps", "analysis", "hydra_plugins") for path in modules(folder)]
    naming = [path for path in [*everything, ROOT / "launch.py"] if "read_test_questions" in path.read_text()]
    assert {room(path) for path in naming} == {"data", "final"}


@pytest.mark.parametrize("path", modules("medqa_sweeps"), ids=lambda path: str(path.relative_to(ROOT)))
def test_where_the_test_questions_are_is_asked_in_few_rooms(path: Path) -> None:
    """`config.test` and `data.test`: schema, reader and final test; `predict` hands it on, for the reader to refuse."""
    if room(path) in ("config", "data", "final") or path.name == "predict.py":
        return
    asked = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
    assert not [ast.unparse(node) for node in asked if node.attr == "test"]


def room(path: Path) -> str:
    """`data` for medqa_sweeps/data.py and for medqa_sweeps/data/reading.py."""
    return path.relative_to(ROOT).parts[1].removesuffix(".py") if len(path.relative_to(ROOT).parts) > 1 else path.stem


def test_hydra_and_optuna_stay_where_they_are_needed() -> None:
    def importers(library: str) -> set[str]:
        return {
            str(path.relative_to(ROOT / "medqa_sweeps")) for path in modules("medqa_sweeps") if library in roots(path)
        }

    # Words in, jobs out: the rest of the sweep half, the loop included, does not know who composes.
    assert importers("hydra") == {
        *("sweep/search_space.py", "sweep/sweeper.py", "sweep/launcher.py", "sweep/steering.py", "sweep/composer.py"),
        *("sweep/callable_jobs.py", "sweep/callable_child.py", "sweep/batch_jobs.py", "sweep/refusals.py"),
        *("sweep/hydra_node.py", "overrides.py", "commands/data.py", "sweep/asked_settings.py"),
        "sweep/conf_snapshot.py",
    }
    assert importers("optuna") == {
        *("sweep/search_space.py", "sweep/sweeper.py", "sweep/study.py", "sweep/pruning.py"),
        *("sweep/sampling.py", "sweep/asked_settings.py", "sweep/storage.py", "sweep/presence.py"),
    }


def test_the_parent_runs_a_trial_without_torch_wandb_or_scipy_in_its_imports() -> None:
    check = (
        "import sys, launch, medqa_sweeps.__main__, medqa_sweeps.jobs.single, hydra_plugins.medqa_sweeps\n"
        "import medqa_sweeps.sweep.sweeper, medqa_sweeps.sweep.status\n"
        "found = {'torch', 'transformers', 'datasets', 'wandb', 'scipy', 'pandas'} & set(sys.modules)\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=True)
