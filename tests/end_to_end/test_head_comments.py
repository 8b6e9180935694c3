"""Every command that stands at the head of a file of `conf/` and needs no hub is run: two steps of it.

uv run pytest -m slow tests/end_to_end/test_head_comments.py
"""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

import launch
from medqa_sweeps.config import from_hydra
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.trial.provenance import collect
from medqa_sweeps.trial.records import Outcome, Result

CONF = Path(launch.__file__).parent / "conf"
SHORT = ("training.max_steps=2", "evaluation.reports=1", "split.max_validation=20", "tracking=none")
pytestmark = pytest.mark.slow


def commands() -> list[str]:
    found = set()
    for path in CONF.rglob("*.yaml"):
        found |= set(re.findall(r"^#\s+uv run launch\.py (.*?)(?:\s{2,}.*)?$", path.read_text(), re.MULTILINE))
    return sorted(one for one in found if "quickstart" in one or "tiny_gemma3" in one)


@pytest.mark.parametrize("command", commands())
def test_the_head_comments_command_runs(command: str, tmp_path: Path, run: Callable[..., Result | None]) -> None:
    words = [word.split(",")[0] for word in shlex.split(command) if word != "-m" and not word.startswith("tracking")]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        plan = plan_trial(from_hydra(compose("config", overrides=[*words, *SHORT])))
    trial = TrialDir(tmp_path / "trial")
    trial.submit(plan.config, collect(plan, ["a test"]))
    result = run(trial)
    assert result is not None and result.outcome is Outcome.COMPLETED, result
    assert result.steps == 2
