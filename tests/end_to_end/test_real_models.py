"""The main job on real input: a pretrained model and real questions, and Gemma 3 1B at its full size (random weights).

    uv run pytest -m slow tests/end_to_end/test_real_models.py -s

Minutes on a CPU. Skips where the real parts are missing; near chance is the honest result of so little training.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MODELS = Path(tempfile.gettempdir()) / "medqa_sweeps_models"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]


@pytest.fixture(scope="module")
def model(shared_part: Callable[[str], Path]) -> Callable[[str], Path]:
    """A model's folder, fetched or made once."""

    def get(name: str) -> Path:
        folder = MODELS / name
        if not (folder / "config.json").exists():
            script = str(shared_part("models/get_model.py"))
            if name == "gemma3_1b_random":
                fetched = subprocess.run([sys.executable, script, "gemma3_tokenizer", str(folder)], check=False)
                if fetched.returncode:
                    pytest.skip("the real Gemma 3 tokenizer could not be fetched")
            command = ["uv", "run", "--with", "pip", "--with", "gguf", "python", script, name, str(folder)]
            if subprocess.run(command, cwd=ROOT, check=False).returncode:
                pytest.skip(f"{name} could not be made")
        return folder

    return get


def launch(folder: Path, *words: str) -> dict[str, Any]:
    command = [sys.executable, str(ROOT / "launch.py"), *words, "tracking=none", f"hydra.run.dir={folder / 'run'}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    result: dict[str, Any] = json.loads((folder / "run" / "result.json").read_text())
    print(json.dumps(result, indent=1))
    return result


def first_lines(source: Path, count: int, target: Path) -> Path:
    target.write_text("".join(source.read_text().splitlines(keepends=True)[:count]))
    return target


def test_smollm2_on_real_questions(
    model: Callable[[str], Path], shared_part: Callable[[str], Path], tmp_path: Path
) -> None:
    train = shared_part("data/medqa/us_4_options_train_part.jsonl")
    dev = first_lines(shared_part("data/medqa/us_4_options_dev.jsonl"), 200, tmp_path / "DEV.jsonl")
    result = launch(
        tmp_path,
        "model=local",
        f"model.path={model('smollm2_135m')}",
        "data=local",
        f"data.train={train}",
        f"data.validation={dev}",
        "training.max_steps=50",
        "training.effective_batch_size=4",
        "evaluation.reports=1",
    )
    assert result["outcome"] == "completed" and result["samples_seen"] == 200
    assert result["score"]["questions"] == 200 and 0.15 < result["score"]["accuracy"] < 0.5
    assert result["effective"]["four_bit_layers"] == 210


def test_passes_change_a_loss_by_rounding_alone(
    model: Callable[[str], Path], shared_part: Callable[[str], Path], tmp_path: Path
) -> None:
    """50 steps in float32, each in one forward pass and question by question. AdamW, which divides by the size of a
    gradient, lets rounding grow from step to step: 1e-6 at first, 2e-4 at most within 50 steps as measured."""
    losses = []
    for name, tokens in (("whole", 2048), ("parts", 1000)):
        folder = tmp_path / name
        folder.mkdir()
        launch(
            folder,
            "model=local",
            f"model.path={model('smollm2_135m')}",
            "data=local",
            f"data.train={shared_part('data/medqa/us_4_options_train_part.jsonl')}",
            "split=random",
            "split.max_validation=4",
            "training.max_steps=50",
            "training.effective_batch_size=2",
            "training.max_length_tokens=1000",
            "training.log_every_steps=1",
            f"training.micro_batch_size={2 if name == 'whole' else 1}",
            f"training.micro_batch_tokens={tokens}",
            "lora.dropout=0",
            "engine.threads=1",
            "model.dtype=float32",
            "evaluation.reports=1",
            "evaluation.baseline=false",
        )
        lines = map(json.loads, (folder / "run" / "metrics.jsonl").read_text().splitlines())
        losses.append([line["loss"] for line in lines if line["kind"] == "train"])
    gaps = [abs(one - other) for one, other in zip(*losses, strict=True)]
    assert len(gaps) == 50 and 0 < max(gaps[:4]) < 1e-5 and max(gaps) < 5e-4, gaps


def test_gemma_3_1b_at_full_size(
    model: Callable[[str], Path], shared_part: Callable[[str], Path], tmp_path: Path
) -> None:
    result = launch(
        tmp_path,
        "model=local",
        f"model.path={model('gemma3_1b_random')}",
        "data=local",
        f"data.train={shared_part('data/medqa/us_4_options_train_part.jsonl')}",
        f"data.validation={shared_part('data/medqa/us_4_options_dev.jsonl')}",
        "split.max_validation=20",
        "training.max_steps=5",
        "training.effective_batch_size=2",
        "training.log_every_steps=1",
        "evaluation.reports=1",
        "evaluation.batch_size=4",
    )
    assert result["outcome"] == "completed" and result["trainable_weights"] == 16 * 815_360
    assert result["effective"]["four_bit_layers"] == 26 * 7
