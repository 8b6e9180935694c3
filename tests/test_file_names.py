"""The files of trials and studies have their names in one place each: nobody else types one to open it."""

import ast
from pathlib import Path

import pytest

from medqa_sweeps import study_identity
from medqa_sweeps.durable import claim
from medqa_sweeps.study import confirmation, ledger, not_run
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.trial import folder as trial_folder
from medqa_sweeps.trial.folder import TrialDir
from tests.test_architecture import PACKAGE, ROOT, files, named

HOMES = {Path(str(module.__file__)) for module in (study_identity, claim, confirmation, ledger, not_run, trial_folder)}
HOMES.add(PACKAGE / "study" / "folder.py")
# Other files of these names: Hydra's default, `conf/config.yaml`, the only file that saves an adapter.
SHARED = {
    "medqa_sweeps/compose/hydra_node.py": {".hydra"},
    "medqa_sweeps/commands/ask.py": {"config.yaml"},
    "medqa_sweeps/compose/launch_help.py": {"config.yaml"},
    "medqa_sweeps/worker/model.py": {"adapter_model.safetensors"},
}
ELSEWHERE = [
    path for path in [*files(PACKAGE), *files(ROOT / "analysis"), *files(ROOT / "hydra_plugins")] if path not in HOMES
]


def names() -> set[str]:
    paths = [path for one in (TrialDir(Path()), StudyDir(Path())) for path in vars(one).values()]
    apart = {study_identity.FILE, ledger.FILE, not_run.FILE, confirmation._FILE, *claim.FILES}
    return {path.name for path in paths if isinstance(path, Path) and "." in path.name} | apart


def typed(path: Path) -> set[str]:
    """String literals alone: a docstring or a sentence that mentions a file opens none."""
    constants = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
    return {one for one in constants if isinstance(one, str)}


def test_the_names_are_those_of_the_readme() -> None:
    assert names() >= {"config.yaml", "predictions.jsonl", "result.json", "study.yaml", "final.jsonl", "multirun.yaml"}


@pytest.mark.parametrize("path", ELSEWHERE, ids=named)
def test_no_name_is_typed_elsewhere(path: Path) -> None:
    assert not (typed(path) & names()) - SHARED.get(named(path), set()), (
        "TrialDir, StudyDir or the file's module has it"
    )
