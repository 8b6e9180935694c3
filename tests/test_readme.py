"""What a newcomer reads first is true: commands compose, files that are named exist, and none is left out."""

import re
import shlex
from pathlib import Path

import optuna
import pytest
from hydra import compose, initialize_config_dir

import launch
from medqa_sweeps.commands import SUMMARIES
from medqa_sweeps.config import from_hydra
from medqa_sweeps.sweep.search_space import parse_search_space
from medqa_sweeps.wording import SYNTHETIC
from tests.test_architecture import rooms

ROOT = Path(launch.__file__).parent
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^    (?:pip install uv && )?uv run launch\.py(.*)$", README, re.MULTILINE)


def test_the_two_commands_stand_at_the_top() -> None:
    head = README[:1200]
    assert "pip install uv && uv run launch.py -m experiment=quickstart lora.r=8,16,32,64" in head
    assert "uv run pytest" in head and "never for clinical decisions" in head


@pytest.mark.parametrize("command", COMMANDS, ids=str.strip)
def test_every_launch_command_composes(command: str) -> None:
    words = [word for word in shlex.split(command, comments=True) if word != "-m"]
    space = parse_search_space([word for word in words if not word.startswith("hydra")], {}, [], {}, None)
    one = space.overrides(space.suggest(optuna.create_study().ask()))
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        composed = compose("config", overrides=[*one, *(word for word in words if word.startswith("hydra"))])
    assert from_hydra(composed)


def test_every_room_is_in_the_tree_and_every_room_of_the_tree_exists() -> None:
    tree = README.split("## Where things are")[1].split("    medqa_sweeps/")[1].split("    tests/")[0]
    told = re.findall(r"(?<!\S)([a-z_]+(?:/|\.py))(?!\S)", tree)
    package = ROOT / "medqa_sweeps"
    folders = {f"{path.name}/" for path in package.iterdir() if (path / "__init__.py").exists()}
    assert set(told) == folders | {path.name for path in package.glob("*.py") if not path.name.startswith("__")}
    order = [name.removesuffix("/").removesuffix(".py") for name in told]
    used_by = rooms()
    upward = {
        f"{room} → {used}"
        for room in order
        for used in used_by[room]
        if used in order and order.index(used) > order.index(room)
    }
    assert not upward, "the tree says that a room imports only what stands above it"


def test_every_command_is_told_and_has_a_file() -> None:
    files = {
        path.stem.replace("_", "-")
        for path in (ROOT / "medqa_sweeps" / "commands").glob("*.py")
        if "def run(" in path.read_text()
    }
    assert set(SUMMARIES) == files
    assert files <= set(re.findall(r"python -m medqa_sweeps ([a-z-]+)", README))


def test_the_table_of_results_says_what_it_is_worth() -> None:
    result = README.split("## What comes out")[1].split("##")[0]
    assert SYNTHETIC in " ".join(result.split()) and "95% CI" in result
