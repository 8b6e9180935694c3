"""The reference names every key, option, sampler, pruner and command; it is made while the site is built."""

import dataclasses
import importlib.util
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from medqa_sweeps.commands import SUMMARIES
from medqa_sweeps.compose.settings import (
    CONF as SWEEPER_CONF,
    AsyncOptunaSettings,
    InProcessSettings,
    LocalGpusSettings,
    RaySettings,
    SlurmSettings,
)
from medqa_sweeps.config import TrialConfig
from tests.conftest import ROOT

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", DOCS / "_ext" / "reference.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pages(reference: ModuleType) -> dict[str, str]:
    """By name the pages as the site has them."""
    made = {}
    for name in reference.PAGES:
        source = [(DOCS / f"{name}.md").read_text()]
        reference.fill(None, name, source)
        made[name] = source[0]
    return made


def keys_of(kind: Any, prefix: str = "") -> Iterator[str]:
    for field in dataclasses.fields(kind):
        if isinstance(field.type, type) and dataclasses.is_dataclass(field.type):
            yield from keys_of(field.type, f"{prefix}{field.name}.")
        elif not field.name.startswith("_") and field.name != "defaults":
            yield prefix + field.name


def told(page: str) -> set[str]:
    """What the first column of the page's tables names."""
    return set(re.findall(r"^\| `([^`]+)`", page, re.MULTILINE))


def test_every_key_of_the_schema(pages: dict[str, str]) -> None:
    keys = set(keys_of(TrialConfig))
    assert len(keys) > 60 and sorted(keys - told(pages["reference/settings"])) == []


def test_every_key_has_its_comment(pages: dict[str, str]) -> None:
    rows = [line for page in pages.values() for line in page.splitlines() if line.startswith("| `")]
    assert [row for row in rows if not re.search(r"\w", re.split(r"(?<!\\)\|", row)[-2])] == []
    widths = {len(re.split(r"(?<!\\)\|", row)) for row in rows}
    assert widths <= {4, 5, 6}, "a bar within a cell ends it"


def test_every_option_of_every_group(pages: dict[str, str]) -> None:
    options = {f"{file.parent.name}={file.stem}" for file in (ROOT / "conf").glob("*/*.yaml")}
    assert sorted(options - told(pages["reference/settings"])) == []


def test_every_key_of_sweeper_and_launchers(pages: dict[str, str]) -> None:
    named = {key.replace("/", ".") for key in told(pages["reference/sweeps"])}
    launchers = dict.fromkeys((LocalGpusSettings, InProcessSettings, SlurmSettings, RaySettings), "launcher")
    for kind, prefix in {AsyncOptunaSettings: "sweeper", **launchers}.items():
        assert sorted(set(keys_of(kind, f"hydra.{prefix}.")) - named) == []
    for file in (SWEEPER_CONF / "hydra" / "sweeper").glob("*/*.yaml"):
        section = pages["reference/sweeps"].split(f"### {file.parent.name} {file.stem}\n")[1].split("###")[0]
        keys = re.findall(r"^(\w+):", file.read_text(), re.MULTILINE)
        assert [key for key in keys if key[0] != "_" and f"\n{key}:" not in section] == []


def test_every_command_with_its_help(pages: dict[str, str]) -> None:
    commands = pages["reference/commands"]
    assert re.findall(r"^## (.*)$", commands, re.MULTILINE) == list(SUMMARIES)
    assert commands.count("usage: medqa-sweeps ") == len(SUMMARIES) and "uv run" not in commands


def test_a_page_without_a_marker_is_left_alone(reference: ModuleType) -> None:
    source = ["% generated\n"]
    reference.fill(None, "tutorial", source)
    assert source == ["% generated\n"]
