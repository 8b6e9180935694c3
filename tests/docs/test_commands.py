"""Every command of README and `docs/` does what it is shown for.

What trains is composed, a command is parsed by its own parser, and ELSEWHERE names the test that runs another program.
Beside a command that asks the hub stands "needs … the hub", beside one that names GPUs "needs GPU …". The
tutorial's commands and its Python are run, on a short study (`-m wheel`).
"""

import math
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import optuna
import pytest
from hydra import compose, initialize_config_dir

import launch  # noqa: F401  registers the schema
from medqa_sweeps import data
from medqa_sweeps.__main__ import parser_of
from medqa_sweeps.commands import SUMMARIES
from medqa_sweeps.config import TrialConfig, from_hydra
from medqa_sweeps.sweep.space_parsing import parse_search_space
from medqa_sweeps.trial.folder import TrialDir
from tests.conftest import ROOT

DOCS = ROOT / "docs"
TUTORIAL = DOCS / "tutorial.md"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
FRONT_DOOR = ("medqa-sweeps", "uv run medqa-sweeps", "uv run launch.py", "uv run medqa-sweeps")
# By what a line begins with, where it is run, or why not.
ELSEWHERE = {
    "pip install uv": ".ci/run, and tests/wheel without pip",
    "uv build": "tests/wheel",
    "pip install dist/medqa_sweeps-*.whl": "tests/wheel",
    'eval "$(medqa-sweeps -sc install=bash)"': "tests/wheel, test_the_shell_completes_groups",
    "pip install 'medqa-sweeps[ray]'": "a package registry; .ci/run installs the extra of the checkout",
    "ray ": "tests/clusters, whose virtual cluster is started by Ray's own Python",
    "uv run pytest": "this is it",
    "uvx optuna-dashboard": "another project's program, which needs a package registry and a browser",
}
CODE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$|^((?: {4}[^\n]*\n)+)", re.MULTILINE | re.DOTALL)
# 4 steps instead of 250.
SHORT = ("training.max_steps=4", "evaluation.reports=1")


@dataclass(frozen=True)
class Command:
    page: str
    text: str  # without its comment
    comment: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"

    def arguments(self, program: str) -> list[str]:
        return shlex.split(self.text)[len(program.split()) :]


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Language and text of each block of code; an indented block has no language."""
    for language, fenced, indented in CODE.findall(page.read_text()):
        yield language, fenced or indented


def commands(page: Path) -> Iterator[Command]:
    """The lines of shell blocks."""
    for language, text in blocks(page):
        if language not in ("", "sh"):
            continue
        for line in filter(None, map(str.strip, text.splitlines())):
            command, _, comment = re.sub(r"\s+#\s", "\0", line, count=1).partition("\0")
            if language == "sh" or command.startswith(tuple(ELSEWHERE) + FRONT_DOOR):
                yield Command(page.name, command.removeprefix("pip install uv && "), comment)


SHOWN = [command for page in PAGES for command in commands(page)]


def program_of(command: Command) -> str:
    return next((one for one in FRONT_DOOR if f"{command.text} ".startswith(f"{one} ")), "")


LAUNCHED = [
    one for one in SHOWN if (program := program_of(one)) and (one.arguments(program) or [""])[0] not in SUMMARIES
]
ON_STUDIES = [one for one in SHOWN if program_of(one) and one not in LAUNCHED]


def composed(command: Command) -> TrialConfig:
    """The config of the first trial of a command, with `-m` or without."""
    words = [word for word in command.arguments(program_of(command)) if word not in ("-m", "--config-dir", "conf")]
    of_hydra = [word for word in words if word.startswith("hydra")]
    of_trials = [word for word in words if not word.startswith("hydra")]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        sweeper = compose("config", overrides=of_hydra, return_hydra_config=True).hydra.sweeper
        globbed = [re.sub(r"^model=glob\(.*\)$", "model=gemma3_1b,gemma3_270m", word) for word in of_trials]
        space = parse_search_space(globbed, {}, sweeper.zip, sweeper.when, None)
        point = space.overrides(space.suggest(optuna.create_study().ask()))
        return from_hydra(compose("config", overrides=[*point, *of_hydra]))


def test_commands_are_found() -> None:
    assert len(LAUNCHED) > 15 and len(ON_STUDIES) > 15
    pages = {command.page for command in SHOWN}
    assert pages >= {"README.md", "tutorial.md", "sweeps.md", "devices.md", "leaderboard.md", "reproducing.md"}


@pytest.mark.parametrize("command", LAUNCHED, ids=str)
def test_what_trains_composes_and_says_what_it_needs(command: Command) -> None:
    if "experiment=ours" in command.text:  # the file is on the page
        ours, *_ = (text for language, text in blocks(DOCS / command.page) if "@package _global_" in text)
        assert "quickstart" in ours
        command = Command(command.page, command.text.replace("=ours", "=quickstart"), command.comment)
    if set(command.arguments(program_of(command))) <= {"--help"} and command.text.startswith("medqa-sweeps"):
        return
    config = composed(command)
    if config.model.hub_id or config.data.hub_id:
        assert re.search(r"needs.* hub", command.comment), "the command downloads: say so beside it"
    if "devices=[" in command.text:
        assert "needs GPU" in command.comment


@pytest.mark.parametrize("command", ON_STUDIES, ids=str)
def test_what_is_a_command_is_parsed(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    name, *words = command.arguments(program_of(command))
    words = [word for word in words if not word.startswith("[")]  # [TRIAL]: may be left out
    if words == ["--help"]:
        return
    parser_of(name).parse_intermixed_args(words)
    if any(word.split(",")[0].isdigit() and "," in word for word in words):
        assert "needs GPU" in command.comment


def test_every_other_command_is_accounted_for() -> None:
    others = [one for one in SHOWN if not program_of(one)]
    assert [one.text for one in others if not one.text.startswith(tuple(ELSEWHERE))] == []
    unused = [known for known in ELSEWHERE if not any(known in page.read_text() for page in PAGES)]
    assert unused == []


@pytest.mark.wheel
@pytest.mark.timeout(900)
def test_the_tutorial_runs(tmp_path: Path) -> None:
    """Its commands one after another, and its Python, which answers as the trial did."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    ran = set()
    for command in commands(TUTORIAL):
        if not program_of(command) or "needs" in command.comment:
            continue
        words = command.arguments(program_of(command))
        said = run("-m", "medqa_sweeps", *words, *(SHORT if command in LAUNCHED else ()))
        ran.add(words[0])
        assert words[0] != "reproduce" or "Bit-identical" in said
    assert ran >= {"doctor", "data", "-m", "status", "report", "confirm", "final", "reproduce", "predict"}

    (python,) = (text for language, text in blocks(TUTORIAL) if language == "python")
    shares = {line[0]: float(line[2:-1]) / 100 for line in run("-c", python).splitlines()[-4:]}
    text = re.search(r'question = """(.*?)\n\n(.*?)\n\n', python, re.DOTALL)
    assert text
    asked = data.question_id(text[1].replace("\\\n", ""), [line[3:] for line in text[2].splitlines()])
    evaluations = TrialDir(tmp_path / "multirun" / "ranks" / "0").predictions()
    answer = evaluations[max(evaluations)][asked]
    total = sum(map(math.exp, answer.log_probabilities.values()))
    among = {letter: math.exp(value) / total for letter, value in answer.log_probabilities.items()}
    assert shares == pytest.approx(among, abs=0.01)
