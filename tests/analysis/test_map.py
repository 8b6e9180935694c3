"""The map of `analysis` is true: it names every room and file, its arrows point up, and its example runs."""

import ast
import doctest
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from medqa_sweeps import analysis
from tests.analysis.trial_folders import complete, right_at
from tests.test_architecture import ROOT, imported

HERE = ROOT / "analysis"
FILES = sorted(HERE.rglob("*.py"))
FOLDERS = [HERE, *sorted(path.parent for path in HERE.glob("*/__init__.py"))]


def module(path: Path) -> str:
    return ".".join(("medqa_sweeps", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


def used(path: Path) -> set[str]:
    """Our modules that a file imports."""
    modules = {module(one) for one in FILES} - {"medqa_sweeps.analysis"}
    return {known for name in imported(path) for known in modules if name == known or name.startswith(f"{known}.")}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_map_names_each_file_of_its_room(folder: Path) -> None:
    doc = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    there = [f"{path.name}/" for path in folder.iterdir() if (path / "__init__.py").exists()]
    there += [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
    there += [path.name for path in folder.iterdir() if path.suffix in (".html", ".css", ".js")]
    assert not [name for name in there if name not in doc]


def test_a_room_imports_only_what_stands_above_it() -> None:
    rows = str(analysis.__doc__).split("W&B\n\n")[1].split("\n\n")[0].splitlines()
    order = [row.split()[0].removesuffix("/") for row in rows]
    for path in FILES:
        room = path.relative_to(HERE).with_suffix("").parts[0]
        if room in order:
            rooms = {name.split(".")[2] for name in used(path)}
            assert not [one for one in rooms if order.index(one) > order.index(room)], path


def test_no_two_files_import_each_other_in_a_circle_not_even_within_functions() -> None:
    files = [path for path in FILES if path != HERE / "__init__.py"]
    tuple(TopologicalSorter({module(path): used(path) - {module(path.parent)} for path in files}).static_order())


def test_the_example_of_the_map_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, (rank, right) in enumerate([(8, 210), (16, 250)]):
        complete(tmp_path / "multirun" / "ranks" / str(number), right_at(0, right), lora__r=rank)
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(analysis)
    assert result.attempted > 3 and not result.failed


def test_what_a_notebook_is_offered_is_there_and_nothing_else() -> None:
    assert all(callable(getattr(analysis, name)) for name in analysis.__all__)
    with pytest.raises(AttributeError, match="no attribute 'rank'"):
        _ = analysis.rank
