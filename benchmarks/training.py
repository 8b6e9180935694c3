"""Training speed and memory of ours against the same training in plain TRL, PEFT and bitsandbytes, in turns.

    python -m benchmarks.training                                        the tiny base
    python -m benchmarks.training --model FOLDER --data FILE             another, on questions of yours
    python -m benchmarks.training --micro-batches 1,2,4,8,32 --checkpointing both --model FOLDER     on a GPU

Both see the same tokens and labels in the same order, with the same LoRA, optimizer, batches, dtype and threads, and
compute a loss in every step; their first losses are compared, as both adapters begin at zero. Each run is a process of
its own. Plain TRL runs in this environment, where Unsloth is installed and not imported. Tokens of a second are those
of the questions, without padding, after the first steps. Memory is the most that was resident (`VmHWM`), told apart
from what the imports alone take; on a GPU also the most allocated there. The tiny model proves machinery, never
medicine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
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
WAYS = {"ours": "our_training", "plain": "plain_trl"}
VERSIONS = ("trl", "peft", "bitsandbytes", "transformers", "unsloth_zoo")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", default=[TINY], help="folders; default: the tiny base")
    parser.add_argument("--data", help="a file of questions; default: the synthetic sample")
    parser.add_argument("--micro-batches", default="8", help="questions a forward pass, and a step: 1,2,4")
    parser.add_argument("--checkpointing", choices=CHECKPOINTING, default="off")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--skip", type=int, default=10, help="first steps that are not timed")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--words", nargs="*", default=[], help="of the config: lora.r=8 model.load_in_4bit=false")
    asked = parser.parse_args()
    figures: dict[str, Any] = {}
    for model in asked.model:
        for batch in map(int, asked.micro_batches.split(",")):
            for checkpointing in CHECKPOINTING[asked.checkpointing]:
                name = f"{Path(model).name}, batch {batch}" + ", checkpointing" * checkpointing
                config = _config(model, batch, checkpointing, asked)
                figures[name] = _compared(config, asked)
                print(f"{name}: {json.dumps(figures[name])}", flush=True)
    print(
        f"stored in {store(result_name('training', asked.model), figures, {name: version(name) for name in VERSIONS})}"
    )


CHECKPOINTING = {"off": [False], "on": [True], "both": [False, True]}


def _config(model: str, batch: int, checkpointing: bool, asked: argparse.Namespace) -> TrialConfig:
    training = {
        "effective_batch_size": batch,
        "micro_batch_size": batch,
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
        config_module.save(config, folder / "ours.yaml")
        case, tokens = plain_case(config, str(folder))
        (folder / "plain.json").write_text(json.dumps(case))
        runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
        for _ in range(asked.repeats):
            for way in WAYS:
                runs[way].append(_run(way, folder, asked.threads))
    found: dict[str, Any] = {way: _figures(runs[way], tokens, asked.skip) for way in WAYS}
    ours, plain = found["ours"], found["plain"]
    measures = [key for key, value in ours.items() if value and key != "first_loss"]
    found["ours over plain"] = {key: ours[key] / plain[key] for key in measures if isinstance(ours[key], float)}
    found["ours over plain"]["first_losses_differ_by"] = abs(ours["first_loss"] - plain["first_loss"])
    return found


def plain_case(config: TrialConfig, folder: str) -> tuple[dict[str, Any], list[int]]:
    """What `plain_trl` is told, and the tokens of each step."""
    from transformers import AutoTokenizer

    plan, batch = plan_trial(config), config.training.effective_batch_size
    tokenizer = AutoTokenizer.from_pretrained(plan.base.folder)
    stream = TrainingStream(plan.split.train, encoder_of(tokenizer, config, plan.split), config.training, config.seed)
    samples, optimizer = list(stream), config.optimizer
    arguments = {
        "output_dir": folder,
        "max_steps": plan.steps,
        "per_device_train_batch_size": config.training.micro_batch_size,
        "gradient_accumulation_steps": config.training.accumulation_steps,
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


def _run(way: str, folder: Path, threads: int) -> dict[str, Any]:
    case, out = folder / ("ours.yaml" if way == "ours" else "plain.json"), folder / f"{way}.out"
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{WAYS[way]}", str(case), str(out)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{way}: exit {done.returncode}: {done.stderr[-2000:]}")
    measured: dict[str, Any] = json.loads(out.read_text())
    return measured


def _figures(runs: list[dict[str, Any]], tokens: list[int], skip: int) -> dict[str, Any]:
    """Medians over the repeats; the speeds of all of them too."""
    speeds = [sum(tokens[skip:]) / (run["ended"][-1] - run["ended"][skip - 1]) for run in runs]
    gpu = [run["gpu_peak_bytes"] for run in runs]
    mib = {key: median(run[f"{key}_bytes"] for run in runs) / 2**20 for key in ("imported", "loaded", "peak")}
    return {
        "tokens_per_second": median(speeds),
        "of_each_repeat": speeds,
        **{f"{key}_mib": value for key, value in mib.items()},
        "peak_over_imports_mib": median(run["peak_bytes"] - run["imported_bytes"] for run in runs) / 2**20,
        "gpu_peak_mib": median(gpu) / 2**20 if all(gpu) else None,
        "first_loss": runs[0]["losses"][0],
    }


if __name__ == "__main__":
    main()
