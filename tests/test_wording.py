"""How numbers and settings are written: one formatter each, and nobody else's."""

import ast
import math
import re
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from medqa_sweeps import wording
from tests.conftest import ROOT

# Percentages, intervals and the two standing sentences that are written by hand.
BY_HAND = re.compile(
    r"\.1%\}|95 ?% CI|never for clinical|nothing about medicine|software works|education and research"
    r"|\b(?:[Ww]orse|[Nn]ot resolved)\b|\"better\"|better (?:than|by)|invented facts"
)


@pytest.mark.parametrize("share", [0.6225, -0.0004, 0.0, 1.0, -0.065])
def test_shares(share: float) -> None:
    assert wording.percent(share) == f"{wording.in_percent(share)}%" and "-0.0" not in wording.percent(share)


def test_what_stands_on_every_screen() -> None:
    assert wording.accuracy(0.6225, 0.574, 0.669, 400) == "62.3% of 400 questions (95% CI 57.4 to 66.9)"
    assert wording.accuracy(1.0, 0.2, 1.0, 1) == "100.0% of 1 question (95% CI 20.0 to 100.0)"
    assert [wording.signed_points(one) for one in (0.065, -0.065, 0.0001, -0.0001)] == ["+6.5", "-6.5", "0.0", "0.0"]
    assert wording.counted(1, "attempt") == "1 attempt" and wording.counted(1204, "attempt") == "1,204 attempts"
    assert wording.listed(list("abcdefg")) == "a, b, c, d and 3 more" and wording.listed(["a"]) == "a"
    assert wording.sentences("trial 3 failed", "why: it did.", "") == "Trial 3 failed. Why: it did."


def test_halves_are_rounded_away_from_zero_so_that_rows_add_up() -> None:
    """39.25 was 39.2 beside 62.25 as 62.3, and 18.25 depended on what it was the difference of."""
    best, last, base = 249 / 400, 157 / 400, 84 / 400
    assert [wording.in_percent(one) for one in (best, last, base)] == ["62.3", "39.3", "21.0"]
    assert [wording.signed_points(one - base) for one in (best, last)] == ["+41.3", "+18.3"]
    assert wording.signed_points(0.3875 - 0.505) == "-11.8" and wording.in_percent(113 / 400) == "28.3"
    assert wording.compact(141_850) == "141.9k"


def test_p_values_end_at_one_in_ten_thousand() -> None:
    assert [wording.p_value(one) for one in (0.0015, 0.0001, 2.7e-19)] == ["p = 0.0015", "p = 0.0001", "p < 0.0001"]
    assert [wording.p_in_a_cell(one) for one in (1.0, 0.00027, 9e-5)] == ["1", "0.00027", "<0.0001"]


def test_one_number_is_written_in_one_way_wherever_it_comes_from() -> None:
    exact = 0.0033533747943679843
    assert wording.settings_label({"optimizer.lr": exact}) == "lr=0.003353"
    assert (
        wording.overrides_label([f"optimizer.lr={exact}"])
        == wording.overrides_label([f"+optimizer.lr={exact}"])
        == "lr=0.003353"
    )
    assert wording.overrides_label(["lora.r=8", "lora=attention"]) == "r=8 lora=attention"


def test_differences_are_written_by_their_size_and_who_is_ahead() -> None:
    assert wording.gap(0.065, 0.031, 0.102) == wording.gap(-0.065, -0.102, -0.031) == "6.5 points (95% CI 3.1 to 10.2)"
    assert [wording.better_or_worse(one) for one in (0.1, -0.1)] == ["better", "worse"]
    assert wording.listed([]) == "" and wording.listed(list("abc"), 1) == "a and 2 more"


@pytest.mark.parametrize(
    "text", ['"95% CI of the test"', '"Worse: no"', 'f"is not resolved"', '"better"', '"For education and research"']
)
def test_a_copy_is_seen(text: str) -> None:
    assert BY_HAND.search(text)


def test_names_that_two_keys_share_are_written_whole() -> None:
    assert wording.settings_label({"seed": 1, "split.seed": 2}) == "seed=1 split.seed=2"
    assert wording.settings_label({"model.name": "tiny", "lora.r": 8}) == "model=tiny r=8"


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1, max_value=1))
def test_a_share_loses_no_more_than_its_last_digit(share: float) -> None:
    assert math.isclose(float(wording.in_percent(share)), 100 * share, abs_tol=0.0501)


@pytest.mark.parametrize("folder", ["medqa_sweeps", "analysis"])
def test_nobody_writes_them_by_hand(folder: str) -> None:
    """Comments and docstrings may: a reader of code is no reader of screens."""
    found = []
    for file in sorted((ROOT / folder).rglob("*.py")):
        if file.name == "wording.py" or "assets" in file.parts:
            continue
        found += [f"{file.relative_to(ROOT)}: {text}" for text in _texts(file) if BY_HAND.search(text)]
    for file in sorted((ROOT / folder).rglob("*.*")):
        if file.suffix in (".js", ".css", ".html", ".jinja") and "assets" not in file.parts:
            found += [f"{file.relative_to(ROOT)}: {one[0]}" for one in BY_HAND.finditer(file.read_text())]
    assert not found, "medqa_sweeps/wording.py has it"


def _texts(file: Path) -> list[str]:
    """The string literals of a file that are no docstrings, f-strings as they are written."""
    source = file.read_text(encoding="utf-8")
    tree, lines = ast.parse(source), source.encode().splitlines()
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and _has(node)}
    return [
        _segment(lines, node)
        for node in ast.walk(tree)
        if (isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)))
        and id(node) not in docstrings
    ]


def _segment(lines: list[bytes], node: ast.expr) -> str:
    """`ast.get_source_segment`, which splits the whole source into lines at each call."""
    assert node.end_lineno
    first, *others = lines[node.lineno - 1 : node.end_lineno]
    if not others:
        return first[node.col_offset : node.end_col_offset].decode()
    return b"\n".join([first[node.col_offset :], *others[:-1], others[-1][: node.end_col_offset]]).decode()


def _has(node: object) -> bool:
    body = getattr(node, "body", [])
    return bool(body) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
