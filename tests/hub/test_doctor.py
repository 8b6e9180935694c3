"""`doctor` as a person runs it: with a hub, without a network, and beside one that never answers."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from medqa_sweeps import doctor
from tests.hub.conftest import tiny_model
from tests.hub.server import Hub, Repository

ROOT = Path(__file__).parents[2]
Examine = Callable[..., dict[str, tuple[str, str]]]


@pytest.fixture
def examine(environment: Callable[..., dict[str, str]]) -> Examine:
    """State and sentence by topic."""

    def run(hub: Hub | None, **more: str) -> dict[str, tuple[str, str]]:
        own = environment(hub, **more)
        done = subprocess.run(
            [sys.executable, "-m", "medqa_sweeps", "doctor"],
            cwd=ROOT, env=own, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert not done.stderr, done.stderr
        lines = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
        assert 8 <= len(lines) <= 12
        assert done.returncode == any(state == "problem" for _, state, _ in lines)
        return {topic: (state, sentence) for topic, state, sentence in lines}

    return run


def test_with_a_hub_that_holds_the_default_model(hub: Hub, examine: Examine) -> None:
    for file in (ROOT / "conf" / "model").glob("*.yaml"):
        if hub_id := yaml.safe_load(file.read_text()).get("hub_id"):
            hub.models[hub_id] = Repository(refusal=403 if file.stem == "llama3_2_1b" else None)
            hub.models[hub_id].commit(tiny_model())
    found = examine(hub)
    assert found["Machine"][0] == found["Packages"][0] == found["4-bit"][0] == "ok"
    assert found["Hub"] == ("ok", "reachable; no token (models with a licence need `uv run hf auth login`).")
    assert found["Licences"][0] == "note" and found["Licences"][1].endswith(": llama3_2_1b.")
    assert "gemma3_1b" in found["Models"][1] and "downloaded on first use" in found["Models"][1]
    assert "launch.py" in found["Summary"][1] and "(not cached)" not in found["Summary"][1]


def test_a_fetched_model_is_reported_as_cached(
    hub: Hub, examine: Examine, environment: Callable[..., dict[str, str]]
) -> None:
    default = yaml.safe_load((ROOT / "conf" / "model" / "gemma3_1b.yaml").read_text())["hub_id"]
    hub.models[default] = Repository()
    hub.models[default].commit(tiny_model())
    fetch = (
        f"from medqa_sweeps import base, config; base.locate(config.ModelConfig(name='gemma3_1b', hub_id='{default}'))"
    )
    subprocess.run([sys.executable, "-c", fetch], cwd=ROOT, env=environment(hub), check=True, capture_output=True)
    found = examine(None)
    assert "options of conf/model in the cache: gemma3_1b;" in found["Models"][1]
    assert "`uv run launch.py` needs medqa_us_4_options (not cached)" in found["Summary"][1]


def test_without_a_network_it_says_what_still_runs(examine: Examine) -> None:
    found = examine(None)
    assert found["Hub"][0] == "note" and "cannot be reached" in found["Hub"][1]
    assert "tiny_gemma3 is included" in found["Models"][1] and "sample is included" in found["Data"][1]
    assert found["Licences"][0] == found["W&B"][0] == "note"
    assert "quickstart" in found["Summary"][1]
    assert "needs gemma3_1b, medqa_us_4_options (not cached)" in found["Summary"][1]
    offline = examine(None, HF_HUB_OFFLINE="1")
    assert "offline (HF_HUB_OFFLINE is set)" in offline["Hub"][1]


@pytest.mark.variant
def test_a_hub_that_never_answers_does_not_hold_it_up(hub: Hub, examine: Examine) -> None:
    hub.silent = True  # until it is closed: a process that waits is killed by this test
    found = examine(hub)
    assert "cannot be reached (timed out)" in found["Hub"][1] or "no answer within" in found["Hub"][1]


def test_what_only_an_extra_needs_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an installed package says it: a checkout reads its pyproject.toml, which has them elsewhere."""
    monkeypatch.setattr(doctor, "IN_CHECKOUT", False)
    needed = ["rich<16,>=15.0.0", 'gguf<0.20,>=0.19.0; extra == "gguf"']
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: needed)
    assert [one.name for one in doctor._requirements()] == ["rich"]


def test_packages_that_every_process_compiles_again_are_reported(examine: Examine, tmp_path: Path) -> None:
    found = examine(None, PYTHONDONTWRITEBYTECODE="1", PYTHONPYCACHEPREFIX=str(tmp_path))
    assert found["Packages"][0] == "note" and "uv sync --compile-bytecode" in found["Packages"][1]


def test_a_failed_check_is_reported_and_the_other_lines_stay(examine: Examine) -> None:
    found = examine(None, WANDB_INIT_TIMEOUT="soon")
    assert found["W&B"][0] == "problem" and "this check failed" in found["W&B"][1]
    assert "init_timeout" in found["W&B"][1]
    assert found["Packages"][0] == "ok"


def test_a_client_that_cannot_be_imported_is_reported(examine: Examine, tmp_path: Path) -> None:
    (tmp_path / "wandb.py").write_text("raise ImportError('no wandb here')")
    found = examine(None, PYTHONPATH=str(tmp_path))
    assert found["W&B"] == ("problem", "this check failed (no wandb here).")


def test_a_mode_that_w_and_b_does_not_have_is_reported(examine: Examine) -> None:
    found = examine(None, WANDB_MODE="nonsense")
    assert found["W&B"][0] == "problem" and "WANDB_MODE=nonsense is none of online," in found["W&B"][1]


def test_a_folder_for_w_and_b_that_cannot_be_written_is_told(examine: Examine, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    found = examine(None, WANDB_DIR=str(tmp_path / "taken"))
    assert found["W&B"][0] == "note" and f"WANDB_DIR={tmp_path / 'taken'} cannot be written (" in found["W&B"][1]
