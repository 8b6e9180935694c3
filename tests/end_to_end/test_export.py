"""`export` on a real trial of the tiny model: each form answers as the trial did, in a process of its own.

`.ci/run` brings llama.cpp's converter; elsewhere the tests that need it say so and are skipped.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from medqa_sweeps.__main__ import main
from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.export.llama_cpp import VARIABLE, find_llama_cpp
from medqa_sweeps.export.private import private_findings
from medqa_sweeps.jobs.export import MERGING
from medqa_sweeps.jobs.one_child import run_child
from medqa_sweeps.pool.contract import Pool
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.trial.provenance import collect
from medqa_sweeps.trial.records import Outcome, Result
from medqa_sweeps.wording import EDUCATION_ONLY, SYNTHETIC
from tests.conftest import ROOT, variant

BASE = resolve_bundled("bundled:tiny_gemma3")


def trained(folder: Path, composed: Callable, run: Callable, *overrides: str) -> TrialDir:
    """A study of one trial."""
    folder.mkdir(parents=True)
    (folder / "study.yaml").write_text(yaml.safe_dump({"trials": 1, "command": ["launch.py"], "directory": "."}))
    plan = plan_trial(composed("training.max_steps=8", "evaluation.reports=1", "evaluation.baseline=false", *overrides))
    trial = TrialDir(folder / "0")
    trial.submit(plan.config, collect(plan, ["a test"]))
    assert run(trial) is not None
    return trial


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory, composed: Callable, run: Callable) -> TrialDir:
    return trained(tmp_path_factory.mktemp("export") / "study", composed, run)


@pytest.fixture
def copied(trial: TrialDir, tmp_path: Path) -> TrialDir:
    """A copy that may be damaged."""
    return TrialDir(Path(shutil.copytree(trial.path, tmp_path / "copy" / "0")))


@pytest.fixture
def llama_cpp() -> Path:
    if not Path(os.environ.get(VARIABLE) or "nowhere").is_dir():
        pytest.skip(f"{VARIABLE} names no llama.cpp: .ci/run brings it")
    return find_llama_cpp(None)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def paths_in(folder: Path, *paths: Path) -> list[str]:
    """Exported files that hold a path of this machine."""
    return [file.name for file in folder.rglob("*") if any(str(path).encode() in file.read_bytes() for path in paths)]


def test_the_adapter_of_a_studys_best_answers_as_the_trial(
    trial: TrialDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["export", str(trial.path.parent), "--to", str(out), "--as", "adapter"]) == 0
    assert private_findings(out, trial) == []
    said = capsys.readouterr().out
    assert said.startswith("Trial 0 of study: the best by validation.\n")
    assert (
        "40 validation questions: 0 letters differ from the trial's, and the log-probability of a letter by 0.0000"
        in said
    )
    assert "PeftModel.from_pretrained(base, " in said and SYNTHETIC in said and EDUCATION_ONLY in said
    assert names_in(out) == {"README.md", "adapter_config.json", "adapter_model.safetensors"}
    assert (out / "adapter_model.safetensors").read_bytes() == trial.adapter_file.read_bytes()
    card = (out / "README.md").read_text()
    assert "0 of them (0.0%) with another letter than the trial" in card and EDUCATION_ONLY in card
    assert paths_in(out, trial.path.parent, ROOT, tmp_path) == []
    assert names_in(tmp_path) == {"out"}


def test_the_merged_tensors_are_the_bases_with_the_adapter_added(trial: TrialDir, pool: Pool, tmp_path: Path) -> None:
    """Unsloth is imported once for this file's trials and this child."""
    arguments = [str(trial.path), str(tmp_path), "float32", "original", str(tmp_path / "progress")]
    run_child(pool, MERGING, arguments, tmp_path / "log")
    merged, base = load_file(tmp_path / "model.safetensors"), load_file(BASE / "model.safetensors")
    adapter, lora = load_file(trial.adapter_file), trial.config().lora
    assert merged.keys() == base.keys(), "tied embeddings are there once"
    assert json.loads((tmp_path / "progress").read_text()) == [len(base), len(base)]
    assert lora.alpha is not None
    for name, weight in base.items():
        stem = f"base_model.model.{name.removesuffix('.weight')}"
        if f"{stem}.lora_A.weight" in adapter:
            update = adapter[f"{stem}.lora_B.weight"] @ adapter[f"{stem}.lora_A.weight"] * (lora.alpha / lora.r)
            assert torch.allclose(merged[name], weight.float() + update, atol=1e-6) and update.abs().max() > 1e-4
        else:
            assert torch.equal(merged[name], weight.float()), name


@pytest.mark.variant
def test_a_child_without_unsloth_checks_what_unsloth_made() -> None:
    check = "import sys, medqa_sweeps.worker.plain_answers; assert not {'unsloth', 'trl'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=True)


@pytest.mark.variant
def test_a_merged_model_is_whole_and_answers_as_the_trial(
    trial: TrialDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for dtype, most in ((), 2), (("--dtype", "float32"), 0):
        out = tmp_path / f"out{most}"
        assert main(["export", str(trial.path), "--to", str(out), "--as", "merged", *dtype]) == 0
        said = capsys.readouterr().out
        differing = int(said.split(" letter")[0].split()[-1])
        assert "40 validation questions: " in said and differing <= most, said
        assert names_in(out) == {
            "README.md", "chat_template.jinja", "config.json", "generation_config.json", "model.safetensors",
            "tokenizer.json", "tokenizer_config.json",
        }  # fmt: skip
        written = "float32" if dtype else "bfloat16"
        assert f"merged into the dequantized 4-bit weights that it was trained on, in {written}" in said
        assert {str(one.dtype) for one in load_file(out / "model.safetensors").values()} == {f"torch.{written}"}
        assert paths_in(out, trial.path.parent, ROOT, tmp_path) == []


@pytest.mark.parametrize(
    "overrides",
    [
        variant(["lora.use_dora=true"]),
        variant(["lora.use_rslora=true", "lora.target_modules=[q_proj,down_proj]", "training.adapter_dtype=bfloat16"]),
        variant(["model.load_in_4bit=false", "prompt=plain"]),
    ],
    ids=str,
)
def test_other_adapters_are_merged_as_well(
    overrides: list[str], tmp_path: Path, composed: Callable, run: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = trained(tmp_path / "study", composed, run, *overrides)
    out = tmp_path / "out"
    capsys.readouterr()
    assert main(["export", str(trial.path), "--to", str(out), "--as", "merged", "--dtype", "float32"]) == 0
    said = capsys.readouterr().out
    assert "40 validation questions: 0 letters differ" in said, said


@pytest.mark.variant
def test_a_gguf_answers_as_the_trial_and_counts_what_falls_back(
    llama_cpp: Path, trial: TrialDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["export", str(trial.path), "--to", str(out), "--as", "gguf", "--quantise", "f32"]) == 0
    said = capsys.readouterr().out
    assert "llama.cpp (xllamacpp " in said and "40 validation questions: 0 letters differ" in said, said
    assert "makes the trial's tokens of 40 of 40 prompts" in said and "ollama create out -f Modelfile" in said
    assert names_in(out) == {"README.md", "Modelfile", "tiny_gemma3-medqa-sweeps-f32.gguf"}
    assert "FROM ./tiny_gemma3-medqa-sweeps-f32.gguf\n" in (out / "Modelfile").read_text()
    assert paths_in(out, trial.path.parent, ROOT, llama_cpp, tmp_path) == []
    again = [
        "export",
        str(trial.path),
        "--to",
        str(tmp_path / "k"),
        "--as",
        "gguf",
        "--quantise",
        "q4_k_m",
        "--check",
        "3",
    ]
    assert main(again) == 0
    said = capsys.readouterr().out
    assert "answered 3 validation questions" in said and "25 tensors, whose rows are no multiple" in said
    assert "22 Q5_0" in (tmp_path / "k" / "README.md").read_text()


@pytest.mark.variant
def test_a_killed_export_leaves_no_folder_and_the_next_one_succeeds(
    trial: TrialDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["export", str(trial.path), "--to", str(out), "--as", "adapter"]
    process = subprocess.Popen([sys.executable, "-m", "medqa_sweeps", *words], cwd=ROOT, stdout=subprocess.DEVNULL)
    copy = tmp_path / ".out.exporting" / "out" / "adapter_model.safetensors"
    while not copy.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert names_in(tmp_path) == {".out.exporting"}
    assert main(words) == 0, capsys.readouterr().err
    assert names_in(tmp_path) == {"out"} and "(0.0%) with another letter" in (out / "README.md").read_text()


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["export", *words]) == 1
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return said.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--as", "gguf", "--quantise", "q3_x"],
            "--quantise q3_x: there is no such format. Allowed are f32, f16, bf16",
        ),
        (["--as", "merged", "--quantise", "q8_0"], "--quantise goes with --as gguf. Leave it out."),
        (["--as", "adapter", "--base-weights", "original"], "--base-weights goes with --as merged or --as gguf."),
        (["--as", "gguf", "--dtype", "float16"], "--dtype goes with --as merged."),
        (["--as", "adapter", "--check", "-1"], "--check -1: 0 or more questions."),
        (
            ["--as", "gguf", "--llama-cpp", "nowhere"],
            "--llama-cpp nowhere has no convert_hf_to_gguf.py. These commands",
        ),
    ],
)
def test_what_cannot_be_asked_is_told(
    words: list[str], told: str, trial: TrialDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in refused([str(trial.path), "--to", str(tmp_path / "out"), *words], capsys)
    assert names_in(tmp_path) == set()


def test_a_trial_without_an_adapter_is_refused(
    copied: TrialDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(copied.path), "--to", str(tmp_path / "out"), "--as", "adapter"]
    copied.adapter_file.write_bytes(copied.adapter_file.read_bytes()[:-1])
    assert "not a readable safetensors file" in refused(words, capsys)
    copied.adapter_file.unlink()
    assert "is completed, but its adapter is gone" in refused(words, capsys)
    copied.result_file.unlink()
    assert "has no result: it runs, or was interrupted. `resume` finishes it." in refused(words, capsys)
    copied.finish(Result(Outcome.FAILED, "abc"))
    assert "failed, so there is nothing to export. `reproduce` runs its config again" in refused(words, capsys)
    (tmp_path / "out").mkdir()
    assert "out: it exists already, and is not overwritten" in refused(words, capsys)


def test_a_study_without_a_best_is_refused(
    copied: TrialDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copied.path.parent / "study.yaml").write_text(yaml.safe_dump({"trials": 1}))
    copied.result_file.unlink()
    said = refused([str(copied.path.parent), "--to", str(tmp_path / "out"), "--as", "adapter"], capsys)
    assert "no trial has completed its training, so none can be selected. `resume` finishes" in said


def test_a_base_that_changed_or_is_gone_is_refused(
    copied: TrialDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(copied.path), "--to", str(tmp_path / "out"), "--as", "adapter"]
    provenance = copied.provenance()
    changed = {**provenance, "base": {**provenance["base"], "fingerprint": "0" * 12}}
    copied.provenance_file.write_text(json.dumps(changed))
    for check in ([], ["--check", "0"]):
        assert "base: bundled:tiny_gemma3 (000000000000) then" in refused([*words, *check], capsys)
    copied.config_file.write_text(copied.config_file.read_text().replace("bundled:tiny_gemma3", "/nowhere/base"))
    assert "model.path=/nowhere/base: there is no such folder" in refused(words, capsys)
    assert not (tmp_path / "out").exists()
