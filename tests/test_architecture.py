"""The walls of the house, read from its tree. A room is a folder or a file directly in the package.

A failure here means that a file is in the wrong room, or does two things.
"""

import ast
import functools
import subprocess
import sys
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "medqa_sweeps"
HEAVY = {"torch", "transformers", "trl", "peft", "unsloth", "bitsandbytes"}


def files(folder: Path) -> list[Path]:
    """Our modules, without links to others; what makes the assets is run by hand."""
    return sorted(path for path in folder.rglob("*.py") if "assets" not in path.parts and not path.is_symlink())


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@functools.cache
def imported(path: Path) -> list[str]:
    """Dotted names, those within functions too."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def libraries(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def room_of(path: Path) -> str:
    """`data` for medqa_sweeps/data/reading.py, `errors` for medqa_sweeps/errors.py; else the folder: `analysis`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[-1] == "__main__":
        return parts[-1]
    return parts[1] if parts[0] == "medqa_sweeps" else parts[0]


def rooms_used(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imported(path) if name.startswith("medqa_sweeps.")} - {room_of(path)}


def rooms() -> dict[str, set[str]]:
    """By room, the rooms that it imports."""
    graph: dict[str, set[str]] = defaultdict(set)
    for path in [*files(PACKAGE), *files(ROOT / "analysis")]:
        graph[room_of(path)] |= rooms_used(path)
    return graph


def below(room: str) -> set[str]:
    """What a room stands on, through all floors."""
    graph, found = rooms(), set[str]()
    waiting = [room]
    while waiting:
        fresh = graph[waiting.pop()] - found
        found |= fresh
        waiting += fresh
    return found


def importers_of(*names: str) -> set[str]:
    """Rooms, and `analysis`, that import one of some libraries."""
    return {room_of(path) for path in [*files(PACKAGE), *files(ROOT / "analysis")] if libraries(path) & set(names)}


def test_arrows_point_down() -> None:
    try:
        tuple(TopologicalSorter(rooms()).static_order())
    except CycleError as error:
        pytest.fail(f"these rooms import each other in a circle: {' → '.join(error.args[1])}")


def test_only_the_worker_imports_torch() -> None:
    assert importers_of(*HEAVY) == {"worker"}


def test_one_file_imports_unsloth() -> None:
    assert [named(path) for path in files(PACKAGE) if "unsloth" in libraries(path)] == ["medqa_sweeps/worker/model.py"]


def test_one_process_imports_ray_and_is_started_by_name() -> None:
    """Ray starts threads and takes signals: not in the sweep's process. It sends the actor's file to the nodes."""
    users = {path.stem for path in files(PACKAGE) if "ray" in libraries(path)}
    assert users == {"ray_driver", "ray_actor"}
    inside = "medqa_sweeps.pool"
    importers = {path.stem for path in files(PACKAGE) if users & _taken_from(path, inside)}
    assert importers == {"ray_driver"}


def _taken_from(path: Path, room: str) -> set[str]:
    """Files of a room that a file imports."""
    return {name.removeprefix(f"{room}.").partition(".")[0] for name in imported(path) if name.startswith(room)}


@pytest.mark.parametrize("path", [*files(PACKAGE), *files(ROOT / "analysis")], ids=named)
def test_the_worker_is_started_by_name_and_never_imported(path: Path) -> None:
    assert "worker" not in rooms_used(path)


def test_the_worker_knows_nothing_of_sweeps() -> None:
    assert not below("worker") & {"pool", "compose", "jobs", "sweep", "tracking", "commands"}
    assert not {"worker"} & importers_of("hydra", "optuna", "wandb")


def test_the_pool_knows_nothing_of_trials() -> None:
    assert not below("pool") & {"trial", "study", "data", "prompt", "base", "worker", "jobs", "sweep"}


@pytest.mark.parametrize("path", files(ROOT / "analysis"), ids=named)
def test_analysis_reads_records_and_runs_nothing(path: Path) -> None:
    assert not rooms_used(path) & {"worker", "pool", "compose", "jobs", "sweep"}
    assert not libraries(path) & (HEAVY | {"hydra"})


def test_hydra_optuna_and_wandb_stay_where_they_are_needed() -> None:
    # `config` writes values as overrides, `data` the command shows what a data option composes to.
    assert importers_of("hydra") == {"compose", "jobs", "sweep", "config", "commands"}
    assert importers_of("optuna") == {"sweep", "analysis"}
    assert importers_of("wandb") == {"tracking", "analysis"}
    # The loop knows Optuna through `Study` and processes through `Jobs`, so that its tests can simulate both.
    assert not libraries(PACKAGE / "sweep" / "loop.py") & {"hydra", "optuna"}


def test_encoders_are_read_in_a_child_alone() -> None:
    """`retrieval=none` and `bm25` need no extra."""
    assert importers_of("sentence_transformers", "model2vec") == {"worker"}
    assert not {"sentence_transformers", "model2vec"} & set().union(
        *(libraries(path) for path in files(PACKAGE) if path.name != "embed.py")
    )


def test_only_the_final_test_reads_the_test_questions() -> None:
    """A new reader of the test part is a way around the ledger: see `medqa_sweeps/worker/final_scores.py`."""
    everything = [*files(PACKAGE), *files(ROOT / "analysis"), *files(ROOT / "hydra_plugins"), ROOT / "launch.py"]
    readers = [path for path in everything if "read_test_questions" in path.read_text()]
    assert {named(path) for path in readers if room_of(path) != "data"} == {"medqa_sweeps/worker/final_scores.py"}


@pytest.mark.parametrize("path", files(PACKAGE), ids=named)
def test_where_the_test_questions_are_is_asked_in_few_rooms(path: Path) -> None:
    """`config.test` and `data.test`: schema, reader and final test; `predict` hands it on, for the reader to refuse."""
    if room_of(path) in ("config", "data") or path.name in ("final_scores.py", "predict.py"):
        return
    asked = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
    assert not [ast.unparse(node) for node in asked if node.attr == "test"]


FOLDERS = {path.parent for path in [*files(PACKAGE), *files(ROOT / "analysis")]} - {PACKAGE}


@pytest.mark.parametrize("folder", sorted(FOLDERS), ids=named)
def test_every_room_says_what_is_in_it(folder: Path) -> None:
    """`__init__.py` is the reading map: it names each file of the room."""
    doc = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    untold = [path.stem for path in folder.glob("*.py") if path.stem != "__init__" and path.stem not in doc]
    assert doc and (not untold or folder.name == "commands"), f"name {untold} in the docstring of its __init__.py"


def test_the_parent_runs_a_trial_without_torch_wandb_or_scipy_in_its_imports() -> None:
    check = (
        "import sys, launch, medqa_sweeps.__main__, medqa_sweeps.jobs.single, hydra_plugins.medqa_sweeps\n"
        "import medqa_sweeps.sweep.sweeper, medqa_sweeps.sweep.status\n"
        "found = {'torch', 'transformers', 'datasets', 'wandb', 'scipy', 'pandas'} & set(sys.modules)\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=True)
