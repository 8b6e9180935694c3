"""What a newcomer reads first is true: files that are named exist, and none is left out.

`tests/docs/test_commands.py` has the commands.
"""

import re

from medqa_sweeps.commands import SUMMARIES
from medqa_sweeps.wording import SYNTHETIC
from tests.conftest import ROOT
from tests.test_architecture import rooms

README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def test_the_two_commands_stand_at_the_top() -> None:
    head = README[:1200]
    assert "pip install uv && uv run launch.py -m experiment=quickstart lora.r=8,16,32,64" in head
    assert "uv run pytest" in head and "never for clinical decisions" in head


def test_every_room_is_in_the_tree_and_every_room_of_the_tree_exists() -> None:
    tree = CONTRIBUTING.split("## Where things are")[1].split("    medqa_sweeps/")[1].split("    tests/")[0]
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
    assert files <= set(re.findall(r"medqa-sweeps ([a-z-]+)", README))


def test_the_table_of_results_says_what_it_is_worth() -> None:
    result = README.split("## What comes out")[1].split("##")[0]
    assert SYNTHETIC in " ".join(result.split()) and "95% CI" in result


def test_links_lead_to_files() -> None:
    for page in [ROOT / "README.md", ROOT / "benchmarks" / "README.md"]:
        linked = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
        assert [link for link in linked if not (page.parent / link).exists()] == []
