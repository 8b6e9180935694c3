"""Training speed and memory of ours against the same training in plain TRL, PEFT and bitsandbytes, in turns.

    python -m benchmarks.training                                        the tiny base
    python -m benchmarks.training --model FOLDER --data FILE             another, on questions of yours
    python -m benchmarks.training --our-dtypes float32,bfloat16 --model FOLDER                       ours in both
    python -m benchmarks.training --unsloth-as-documented --batch 16 --model FOLDER --data FILE      on a GPU

Ours cuts an optimizer step into forward passes as `training.micro_batch_tokens=auto` does; plain TRL is measured with
each of the micro-batches, in turns with ours, as documented (2 to 8) and at its best. Both see the same tokens and
labels in the same order, with the same LoRA, optimizer, batches, dtype and threads, and compute a loss in every step;
their losses are compared; the adapters begin alike in their effect alone, so the first loss is equal and later ones are
near. Each run is a process of its own. Plain TRL runs in
this environment, where Unsloth is installed and not imported. Tokens of a second are those of the questions, without
padding, after the first steps; those of a processor second too, which other work on the machine does not slow down.
Memory is the most that was resident (`VmHWM`), told apart from what the imports alone take; on a GPU also the most
allocated there. The tiny model proves machinery, never medicine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cases import TINY, composed, encoder_of, model_words, result_name, texts_of
from benchmarks.record import store
from medqa_sweeps import config as config_module
from medqa_sweeps.config import TrialConfig
from medqa_sweeps.prompt.stream import TrainingStream
from medqa_sweeps.trial.plan import plan_trial

ROOT = Path(__file__).parents[1]
VERSIONS = ("trl", "peft", "bitsandbytes", "transformers", "unsloth_zoo")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", default=[TINY], help="folders; default: the tiny base")
    parser.add_argument("--data", help="a file of questions; default: the synthetic sample")
    parser.add_argument("--batch", type=int, default=8, help="questions per optimizer step")
    parser.add_argument("--micro-batches", default="8", help="of plain TRL, questions per forward pass: 1,2,4")
    parser.add_argument("--our-dtypes", default="auto", help="compute dtypes of ours: float32,bfloat16")
    parser.add_argument(
        "--unsloth-as-documented", action="store_true", help="also 2 questions per pass, activations recomputed"
    )
    parser.add_argument("--checkpointing", choices=CHECKPOINTING, default="off")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--skip", type=int, default=10, help="first steps that are not timed")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--words", nargs="*", default=[], help="of the config: lora.r=8 model.load_in_4bit=false")
    asked = parser.parse_args()
    figures: dict[str, Any] = {}
    for model in asked.model:
        for checkpointing in CHECKPOINTING[asked.checkpointing]:
            name = f"{Path(model).name}, batch {asked.batch}" + ", checkpointing" * checkpointing
            figures[name] = _compared(_config(model, checkpointing, asked), asked)
            print(f"{name}: {json.dumps(figures[name])}", flush=True)
    print(
        f"stored in {store(result_name('training', asked.model), figures, {name: version(name) for name in VERSIONS})}"
    )


CHECKPOINTING = {"off": [False], "on": [True], "both": [False, True]}


def _config(model: str, checkpointing: bool, asked: argparse.Namespace) -> TrialConfig:
    training = {
        "effective_batch_size": asked.batch,
        "gradient_checkpointing": str(checkpointing).lower(),
        "max_steps": asked.steps,
        "max_length_tokens": 1024,
        "log_every_steps": 1,
    }
    words = [f"training.{key}={value}" for key, value in training.items()]
    fixed = ["scheduler=constant", "scheduler.warmup_ratio=0", f"engine.threads={asked.threads}"]
    return composed([*model_words(model, asked.data), *fixed, *words, *asked.words])


def _compared(config: TrialConfig, asked: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="training-") as name:
        folder = Path(name)
        ways = {}
        for dtype in asked.our_dtypes.split(","):
            ours = "ours" if dtype == "auto" else f"ours, {dtype}"
            file = folder / f"{ours}.yaml"
            config_module.save(replace(config, model=replace(config.model, dtype=dtype)), file)
            ways[ours] = ("our_training", file)
        if asked.unsloth_as_documented:
            documented = replace(config.training, micro_batch_size=2, gradient_checkpointing=True)
            config_module.save(replace(config, training=documented), folder / "documented.yaml")
            ways["plain Unsloth, as documented"] = ("our_training", folder / "documented.yaml")
        for micro in map(int, asked.micro_batches.split(",")):
            case, tokens = plain_case(config, str(folder), micro)
            ways[f"plain, micro-batch {micro}"] = ("plain_trl", folder / f"plain-{micro}.json")
            (folder / f"plain-{micro}.json").write_text(json.dumps(case))
        runs: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
        for _ in range(asked.repeats):
            for way, (module, file) in ways.items():
                runs[way].append(_run(module, file, asked.threads))
    found: dict[str, Any] = {way: _figures(runs[way], tokens, asked.skip) for way in ways}
    for ours in [way for way in ways if way.startswith("ours")]:
        for plain in [way for way in ways if way.startswith("plain")]:
            found[f"{ours} over {plain}"] = _ratios(found[ours], found[plain], runs[ours][0], runs[plain][0])
    return found


def _ratios(ours: dict[str, Any], plain: dict[str, Any], our_run: dict[str, Any], their_run: dict[str, Any]) -> Any:
    ratios = {key: ours[key] / plain[key] for key, value in ours.items() if isinstance(value, float) and plain[key]}
    del ratios["first_loss"]
    gaps = [abs(one - other) for one, other in zip(our_run["losses"], their_run["losses"], strict=True)]
    return {**ratios, "gap_of_first_losses": gaps[0], "largest_gap_of_losses": max(gaps)}


def plain_case(config: TrialConfig, folder: str, micro: int) -> tuple[dict[str, Any], list[int]]:
    """What `plain_trl` is told, and the tokens of each step.

    Args:
        micro: its questions per forward pass.
    """
    from transformers import AutoTokenizer

    plan, batch = plan_trial(config), config.training.effective_batch_size
    tokenizer = AutoTokenizer.from_pretrained(plan.base.folder)
    stream = TrainingStream(plan.split.train, encoder_of(tokenizer, config, plan.split), config.training, config.seed)
    samples, optimizer = list(stream), config.optimizer
    arguments = {
        "output_dir": folder,
        "max_steps": plan.steps,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": batch // micro,
        "max_length": config.training.max_length_tokens,
        "gradient_checkpointing": config.training.gradient_checkpointing,
        "optim": "adamw_torch",
        "learning_rate": optimizer.lr,
        "weight_decay": optimizer.weight_decay,
        "lr_scheduler_type": "constant",
        "max_grad_norm": optimizer.max_grad_norm,
        "logging_steps": 1,
        "train_sampling_strategy": "sequential",
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
    }
    lora = {"r": config.lora.r, "lora_alpha": config.lora.alpha, "lora_dropout": config.lora.dropout}
    case = {
        "base": str(plan.base.folder),
        "rows": texts_of(samples, tokenizer),
        "load_in_4bit": config.model.load_in_4bit,
        "dtype": _dtype(config.model.dtype),
        "threads": config.engine.threads,
        "lora": {**lora, "target_modules": list(config.lora.target_modules)},
        "arguments": arguments,
    }
    lengths = [len(sample["input_ids"]) for sample in samples]
    return case, [sum(lengths[start : start + batch]) for start in range(0, len(lengths), batch)]


def _dtype(asked: str) -> str:
    """What `auto` becomes here, asked of the one who knows, in a process that imports torch."""
    if asked != "auto":
        return asked
    ask = "from medqa_sweeps.worker.model import resolved_dtype; print(resolved_dtype('auto'))"
    told = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return told.split()[-1].removeprefix("torch.")


def _run(module: str, case: Path, threads: int) -> dict[str, Any]:
    out = case.with_suffix(".out")
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", str(case), str(out)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{module}: exit {done.returncode}: {done.stderr[-2000:]}")
    measured: dict[str, Any] = json.loads(out.read_text())
    return measured


def _figures(runs: list[dict[str, Any]], tokens: list[int], skip: int) -> dict[str, Any]:
    """Medians over the repeats; the speeds of all of them too."""
    speeds = [sum(tokens[skip:]) / (run["ended"][-1] - run["ended"][skip - 1]) for run in runs]
    of_cpu = [sum(tokens[skip:]) / (run["ended_cpu"][-1] - run["ended_cpu"][skip - 1]) for run in runs]
    gpu = [run["gpu_peak_bytes"] for run in runs]
    mib = {key: median(run[f"{key}_bytes"] for run in runs) / 2**20 for key in ("imported", "loaded", "peak")}
    return {
        "tokens_per_second": median(speeds),
        "of_each_repeat": speeds,
        "tokens_per_processor_second": median(of_cpu),
        "of_each_repeat_by_processor": of_cpu,
        **{f"{key}_mib": value for key, value in mib.items()},
        "peak_over_imports_mib": median(run["peak_bytes"] - run["imported_bytes"] for run in runs) / 2**20,
        "gpu_peak_mib": median(gpu) / 2**20 if all(gpu) else None,
        "first_loss": runs[0]["losses"][0],
    }


if __name__ == "__main__":
    main()
