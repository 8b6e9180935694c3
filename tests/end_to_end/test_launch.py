"""What a person types and reads: launch.py as a program, in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from medqa_sweeps.assets import resolve_bundled

ROOT = Path(__file__).parents[2]
QUICK = (
    "experiment=quickstart", "split.max_validation=20", "training.max_steps=2", "evaluation.reports=1",
    "tracking=none",
)  # fmt: skip

SO = ", so accuracies probably overstate what the model would score on new questions"
SAMPLE = "Caution    data.validation=bundled:sample/validation.jsonl"
HYDRAS_ADVICE = ("Error executing job", "To append to", "HYDRA_FULL_ERROR", "full_key")


@pytest.fixture
def launch(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*words: str, program: str = "launch.py") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / program), *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=250, check=False)

    return run


def test_a_run_says_in_three_lines_what_it_will_do_and_in_one_how_it_ended(launch: Callable, tmp_path: Path) -> None:
    done = launch(*QUICK, "hydra.run.dir=run")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert (
        lines[0].startswith("Questions")
        and "2,000 synthetic (invented facts) training and 20 validation questions" in lines[0]
    )
    assert lines[1].startswith("Training") and "2 steps, batch size 8" in lines[1]
    assert lines[2].startswith("Writes") and "run" in lines[2]
    assert lines[-2].startswith("Completed: accuracy") and "20 questions" in lines[-2]
    assert " points over the untuned base (95% CI " in lines[-2] or " points compared with " in lines[-2]
    # Two steps may be over between two looks at the phase: which of the later phases is seen depends on the machine.
    later = ("loading the base model", "scoring ", "forward passes of up to ", "training step ")
    phases = [index for index, line in enumerate(lines) if line.strip().startswith(later)]
    assert 2 < lines.index("  importing PyTorch and Unsloth") < min(phases) <= max(phases) < len(lines) - 2
    shared = f"13 of 20 validation questions have a near-duplicate in training{SO}."
    assert f"{SAMPLE}: {shared}" in lines, "before it trains"
    assert lines[-1] == f"Caution: {shared}"
    assert (tmp_path / "run" / "result.json").exists() and "Traceback" not in done.stderr

    again = launch(*QUICK, "hydra.run.dir=run")
    assert again.returncode == 1 and "contains a finished trial" in again.stderr


def test_a_sweep_ends_with_its_leaderboard_and_the_exit_code_tells_of_failures(
    launch: Callable, tmp_path: Path
) -> None:
    few = resolve_bundled("bundled:sample/train.jsonl").read_text().splitlines(keepends=True)[:300]
    # Long in tokens, and not among the 256 longest in characters: only the trial finds it.
    rare = {"question": "\U0001f9a0" * 40, "options": {"A": "a", "B": "b"}, "answer_idx": "A"}
    (tmp_path / "train.jsonl").write_text("".join(few) + json.dumps(rare))
    own = ["data.train=train.jsonl", "training.max_length_tokens=768,100", "hydra.sweep.dir=sweep"]
    done = launch("-m", *QUICK, *own)
    assert done.returncode == 1, done.stderr
    assert "1 completed, 1 failed" in done.stdout and "set training.max_length_tokens=" in done.stdout
    assert "never for clinical decisions" in done.stdout and "reproduce" in done.stdout
    assert "Page: sweep/report/index.html" in done.stdout and (tmp_path / "sweep/report/index.html").exists()
    assert "Traceback" not in done.stdout + done.stderr


def test_questions_that_are_too_long_for_one_value_are_refused_before_anything_is_trained(
    launch: Callable, tmp_path: Path
) -> None:
    """The one trial failed, the other was trained, and a best was named."""
    for words in (["-m", *QUICK, "training.max_length_tokens=40,192"], [*QUICK, "training.max_length_tokens=40"]):
        done = launch(*words, "hydra.sweep.dir=sweep", "hydra.run.dir=run")
        assert done.returncode == 1
        assert "training.max_length_tokens=40 would truncate 2,000 of 2,000 training questions" in done.stderr
        assert not (tmp_path / "sweep").exists() and not (tmp_path / "run").exists() and not done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["lora.rank=8"], "lora.rank is not a setting. Did you mean lora.r?"),
        (["experiment=quickstart", "+lora.rank=8"], "lora.rank is not a setting. Did you mean lora.r?"),
        (["lora=al_linear"], "Did you mean lora=all_linear? Options are all_linear, attention, dora, rslora."),
        (["lora.r=0"], "lora.r=0: the rank is a whole number from 1 up"),
        (["lora.dropout=1.5"], "lora.dropout=1.5"),
        (["lora.target_modules=[foo]"], "allowed are q_proj"),
        (["model=tiny_gemma3", "data=local", "data.train=none.jsonl", "data.validation=none.jsonl"], "none.jsonl"),
        (["model=local", "model.path=nowhere", "data=sample"], "there is no such folder"),
        (["experiment=quickstart", "split=random", "split.validation_ratio=0.0000001"], "validation"),
        (["model=tiny_gemma3", "data=sample", "data.validation=null"], "split=random"),
        (["model=tiny_gemma3", "data=sample", "data.validation=bundled:sample/train.jsonl"], "data.allow_overlap=true"),
        (["model.hub_id=nobody/nothing", "data=sample"], "model=tiny_gemma3"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence_and_nothing_is_left(
    words: list[str], told: str, launch: Callable, tmp_path: Path
) -> None:
    done = launch(*words, "hydra.run.dir=run")
    assert done.returncode == 1
    assert told in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert not [advice for advice in HYDRAS_ADVICE if advice in done.stderr]
    assert not (tmp_path / "run").exists()


def test_a_sweep_of_which_a_value_cannot_run_starts_nothing(launch: Callable, tmp_path: Path) -> None:
    done = launch("-m", *QUICK, "lora.r=8,sixteen", "lora=attention,al_linear", "hydra.sweep.dir=sweep")
    assert done.returncode == 1 and not done.stdout and not list(tmp_path.iterdir())
    first, *problems = done.stderr.splitlines()
    assert first == "Nothing was started: 2 values of this sweep cannot run."
    assert [line.split()[0] for line in problems] == ["lora.r=sixteen:", "lora=al_linear:"]


@pytest.mark.slow  # two programs that import all there is: a minute
def test_ctrl_c_saves_a_checkpoint_leaves_no_process_and_resume_goes_on(launch: Callable, tmp_path: Path) -> None:
    words = [*QUICK, "training.max_steps=300", "training.log_every_steps=1", "hydra.run.dir=run"]
    program = subprocess.Popen(
        [sys.executable, str(ROOT / "launch.py"), *words], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    metrics = tmp_path / "run" / "metrics.jsonl"
    end = time.monotonic() + 120
    while not (metrics.exists() and '"train"' in metrics.read_text()):
        assert time.monotonic() < end and program.poll() is None
        time.sleep(0.1)
    program.send_signal(signal.SIGINT)
    told, _ = program.communicate(timeout=60)
    assert program.returncode == 130
    assert "Ctrl-C again stops now" in told and "resume" in told
    assert not (tmp_path / "run" / "result.json").exists() and list((tmp_path / "run" / "checkpoint").glob("step-*"))

    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "medqa_sweeps", "resume", "run"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0 and "resumes after" in done.stdout and "Completed" in done.stdout, (
        done.stdout + done.stderr
    )
