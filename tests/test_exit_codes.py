"""Exit codes have one home: nobody else types one, whether to return it or to read it."""

import ast
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from medqa_sweeps.exit_codes import ExitCode, describe_exit
from tests.test_architecture import PACKAGE, ROOT, files, named

HOME = PACKAGE / "exit_codes.py"
UNMISTAKABLE = {code for code in ExitCode if code > ExitCode.USAGE}
# A code passes through the pool as the kernel gives it; a plot's numbers are pixels.
ELSEWHERE = (PACKAGE / "pool", ROOT / "analysis" / "plots")
PROGRAMS = [
    path
    for path in [*files(PACKAGE), *files(ROOT / "analysis"), *files(ROOT / "hydra_plugins"), ROOT / "launch.py"]
    if path != HOME and not any(folder in path.parents for folder in ELSEWHERE)
]


def numbers(node: ast.AST | None) -> set[int]:
    """The whole numbers that an expression is, or may be."""
    match node:
        case ast.Constant(value=bool()) | None:
            return set()
        case ast.Constant(value=int(number)):
            return {number}
        case ast.IfExp(body=body, orelse=orelse):
            return numbers(body) | numbers(orelse)
        case ast.Call(func=ast.Name(id="int")):  # of a truth value
            return {0, 1}
    return set()


def typed_codes(source: str) -> Iterator[str]:
    """Each place in a program where a number stands for how a process ended."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value in UNMISTAKABLE:
            yield f"line {node.lineno}: {node.value}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("sys.exit", "os._exit", "exit", "SystemExit"):
            yield from (f"line {node.lineno}: {ast.unparse(node)}" for one in node.args if numbers(one))
        elif isinstance(node, ast.Compare) and ast.unparse(node.left).rpartition(".")[2] in ("code", "returncode"):
            if isinstance(node.ops[0], ast.Eq | ast.NotEq) and numbers(node.comparators[0]):
                yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.FunctionDef) and (node.name in ("main", "run", "work") or _gives_code(node)):
            returned = [one for one in ast.walk(node) if isinstance(one, ast.Return) and numbers(one.value)]
            yield from (f"line {one.lineno}: {ast.unparse(one)}" for one in returned)


def _gives_code(function: ast.FunctionDef) -> bool:
    return function.returns is not None and ast.unparse(function.returns) == "ExitCode"


@pytest.mark.parametrize("path", PROGRAMS, ids=named)
def test_no_number_is_typed_as_an_exit_code(path: Path) -> None:
    found = list(typed_codes(path.read_text()))
    assert not found, f"medqa_sweeps/exit_codes.py names it: {found}"


@pytest.mark.parametrize(
    "line",
    [
        "sys.exit(1)",
        "if gone.code == 65: pass",
        "TRY_AGAIN = 75",
        "def main(): return 0 if well else 1",
        "def _sync() -> ExitCode: return int(failed)",
    ],
)
def test_the_test_above_sees(line: str) -> None:
    assert list(typed_codes(line))


def test_the_numbers_are_those_of_sysexits_and_of_shells() -> None:
    assert {code.name: code.value for code in ExitCode if 64 <= code <= 78} == {
        "DATAERR": os.EX_DATAERR,
        "UNAVAILABLE": os.EX_UNAVAILABLE,
        "IOERR": os.EX_IOERR,
        "TEMPFAIL": os.EX_TEMPFAIL,
    }
    assert (ExitCode.OK, ExitCode.INTERRUPTED) == (os.EX_OK, 128 + signal.SIGINT)


def test_exit_descriptions() -> None:
    assert describe_exit(3) == "exit code 3" and describe_exit(-signal.SIGTERM) == "SIGTERM"
    assert describe_exit(-signal.SIGKILL) == "SIGKILL (often because the system ran out of memory)"
    assert describe_exit(-signal.SIGKILL, "its parent ended") == "SIGKILL (its parent ended)"
