"""What a newcomer reads first is true: commands compose, files that are named exist, and none is left out."""

import re
import shlex
from pathlib import Path

import optuna
import pytest
from hydra import compose, initialize_config_dir

import launch
from medqa_sweeps.config import from_hydra
from medqa_sweeps.sweep.search_space import parse_search_space
from medqa_sweeps.wording import SYNTHETIC

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


def test_every_module_is_in_the_tree_and_every_file_of_the_tree_exists() -> None:
    tree = README.split("## Where things are")[1]
    named = set(re.findall(r"\b([a-z_]+\.py)\b", tree))
    package = {path.name for path in (ROOT / "medqa_sweeps").glob("*.py")}
    assert named <= package | {"launch.py"}
    explained_by_their_name = {"__init__.py", "__main__.py", "errors.py", "cache.py", "hardware.py", "randomness.py"}
    also = {"provenance.py", "reproduce.py", "statistics.py", "model_card.py", "checkpoint.py", "baseline.py"}
    assert package - named <= explained_by_their_name | also


def test_the_table_of_results_says_what_it_is_worth() -> None:
    result = README.split("## What comes out")[1].split("##")[0]
    assert SYNTHETIC in " ".join(result.split()) and "95% CI" in result
