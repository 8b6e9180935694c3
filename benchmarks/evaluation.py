"""Our letters against those of lm-evaluation-harness: how fast, and whether they are the same.

    python -m benchmarks.evaluation                                  the tiny base
    python -m benchmarks.evaluation --model FOLDER --data FILE       another, on questions of yours
    python -m benchmarks.evaluation --questions 60 --repeats 1       a try

A trial is trained first; its exported adapter, on the same base with the same weights, then answers the same questions
with the same rendered prompt, at equal dtype and threads: by our log-probabilities as `evaluation.batch_tokens=auto`
cuts them, by the harness's at each batch size asked for (32: its users' habit; the others: to find its best), and by
generating one token (`evaluation.method=generate`). In turns, each in a process of its own, timed while it scores.
The harness runs in an environment laid over this one, so both compute with the same torch, Transformers and PEFT.

Compared are the letters wherever the harness's two best are further apart than 0.001 nats, the log-probabilities of
the letters among the letters (the harness counts the prompt's last line break to the answer, which moves all letters of
a question alike), and the standard errors: the harness divides by n - 1 and ours by n, so ours is multiplied by
sqrt(n / (n - 1)) first. The tiny model proves machinery, never medicine.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cases import TINY, encoder_of, model_words, result_name
from benchmarks.peers import layered
from benchmarks.record import store
from medqa_sweeps.prompt import LETTERS
from medqa_sweeps.prompt.tokenizer import FileTokenizer
from medqa_sweeps.statistics import standard_error
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import Plan, plan_trial

ROOT = Path(__file__).parents[1]
CLOSE_NATS = 1e-3
# The harness and what it needs that is not here already.
HARNESS = [
    *("lm-eval==0.4.13", "sacrebleu", "portalocker", "tabulate", "lxml", "colorama", "evaluate"),
    *("sqlitedict", "more-itertools", "word2number", "pytablewriter"),
]
VERSIONS = ("transformers", "peft", "bitsandbytes", "unsloth_zoo")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", default=[TINY], help="folders; default: the tiny base")
    parser.add_argument("--data", help="a file of questions; default: the synthetic sample")
    parser.add_argument("--questions", type=int, default=400)
    parser.add_argument("--batch-sizes", default="32", help="of the harness: 32,8,1")
    parser.add_argument("--no-generate", action="store_true", help="leave out the generated letters")
    parser.add_argument("--steps", type=int, default=100, help="of the training before")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--four-bit", action="store_true", help="the base in 4-bit on both sides")
    asked = parser.parse_args()
    harness = layered("lm-eval", HARNESS)
    figures = {}
    for model in asked.model:
        with tempfile.TemporaryDirectory(prefix="evaluation-") as folder:
            figures[Path(model).name] = _measured(model, Path(folder), harness, asked)
        print(f"{Path(model).name}: {json.dumps(figures[Path(model).name])}", flush=True)
    versions = {name: version(name) for name in VERSIONS}
    versions |= {"lm_eval": HARNESS[0].partition("==")[2]} if harness else {"lm_eval": "missing"}
    print(f"stored in {store(result_name('evaluation', asked.model), figures, versions)}")


def _measured(model: str, folder: Path, harness: Path | None, asked: argparse.Namespace) -> dict[str, Any]:
    trial = _trained(model, folder / "trial", asked)
    plan = plan_trial(trial.config())
    ours = [sys.executable, "-m", "benchmarks.our_evaluation", str(trial.path)]
    count = str(asked.questions)
    commands = {
        "ours": [*ours, "log_probability", count],
        **({} if asked.no_generate else {"generate": [*ours, "generate", count]}),
    }
    for size in map(int, asked.batch_sizes.split(",") if harness else []):
        case = folder / f"case-{size}.json"
        documents = folder / "documents.jsonl"
        case.write_text(json.dumps(harness_case(plan, trial.adapter_folder, asked.questions, documents, size)))
        commands[f"harness, batch {size}"] = [str(harness), str(ROOT / "benchmarks" / "harness.py"), str(case)]
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in commands}
    for _ in range(asked.repeats):
        for way, command in commands.items():
            runs[way].append(_run(command, folder / "out.json", asked.threads))
    gold = [question.gold for question in plan.split.validation[: asked.questions]]
    found: dict[str, Any] = {way: _speed(runs[way], len(gold)) for way in runs}
    for way in [way for way in runs if way != "ours"]:
        keys = ("questions_per_second", "questions_per_processor_second", "peak_mib")
        found[f"ours over {way}"] = {key: found["ours"][key] / found[way][key] for key in keys}
        if way.startswith("harness"):
            theirs = runs[way][0]
            agreed = agreement(runs["ours"][0]["letters"], theirs["letters"], gold, theirs["error"])
            found[f"agreement with {way}"] = agreed
    return found


def _trained(model: str, folder: Path, asked: argparse.Namespace) -> TrialDir:
    """A trial with an exported adapter, made by the command that a person types."""
    words = {
        "model.load_in_4bit": str(asked.four_bit).lower(),
        "training.max_steps": asked.steps,
        "training.max_length_tokens": 1024,
        "split.max_validation": asked.questions,
        "evaluation.reports": 1,
        "evaluation.baseline": "false",
        "engine.threads": asked.threads,
        "hydra.run.dir": folder,
    }
    command = [*model_words(model, asked.data), *(f"{key}={value}" for key, value in words.items())]
    done = subprocess.run([sys.executable, str(ROOT / "launch.py"), *command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"the trial failed: {done.stdout[-1500:]}{done.stderr[-1500:]}")
    return TrialDir(folder)


def harness_case(plan: Plan, adapter: Path, count: int, documents: Path, batch_size: int = 32) -> dict[str, Any]:
    """What `harness.py` is told; `documents` is written: rendered prompt, choices and gold of each question."""
    config = plan.config
    encoder = encoder_of(FileTokenizer(plan.base.folder), config, plan.split)
    with open(documents, "w") as file:
        for question in plan.split.validation[:count]:
            choices = [config.prompt.letter_prefix + letter for letter in LETTERS[: len(question.options)]]
            document = {"prompt": encoder.text(question), "choices": choices, "gold": question.gold}
            file.write(json.dumps(document, ensure_ascii=False) + "\n")
    return {
        "base": str(plan.base.folder),
        "adapter": str(adapter),
        "documents": str(documents),
        "load_in_4bit": config.model.load_in_4bit,
        "dtype": "float32" if config.model.dtype == "auto" else config.model.dtype,
        "batch_size": batch_size,
        "threads": config.engine.threads,
    }


def _run(command: list[str], out: Path, threads: int) -> dict[str, Any]:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*command, str(out)], cwd=out.parent, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command[:3])}: exit {done.returncode}: {done.stderr[-2000:]}")
    measured: dict[str, Any] = json.loads(out.read_text())
    return measured


def _speed(runs: list[dict[str, Any]], questions: int) -> dict[str, Any]:
    speeds = [questions / run["seconds"]["scoring"] for run in runs]
    return {
        "questions_per_second": median(speeds),
        "of_each_repeat": speeds,
        "questions_per_processor_second": median(questions / run["seconds"]["scoring_cpu"] for run in runs),
        "peak_mib": median(run["peak_bytes"] for run in runs) / 2**20,
        **{f"{what}_seconds": median(run["seconds"][what] for run in runs) for what in runs[0]["seconds"]},
    }


def agreement(
    ours: list[list[float]], theirs: list[list[float]], gold: list[int], their_error: float
) -> dict[str, float]:
    """How the two answer the same questions; `other_letter` is to be 0.

    Args:
        ours, theirs: log-probabilities in nats, one an option, for each question.
        gold: index of the right option of each question.
        their_error: standard error of the accuracy as the harness reports it.

    Raises:
        ValueError: if the two did not answer the same number of questions and options.
    """
    if [len(row) for row in ours] != [len(row) for row in theirs] or len(ours) != len(gold):
        raise ValueError(f"{len(ours)} and {len(theirs)} answers to {len(gold)} questions, or other options in one")
    pairs = list(zip(ours, theirs, strict=True))
    clear = [(a, b) for a, b in pairs if _margin(b) > CLOSE_NATS]
    right = sum(_best(row) == answer for row, answer in zip(ours, gold, strict=True))
    error = standard_error(right, len(gold)) * math.sqrt(len(gold) / (len(gold) - 1))
    differences = [abs(x - y) for a, b in pairs for x, y in zip(_among_letters(a), _among_letters(b), strict=True)]
    return {
        "questions": len(pairs),
        "too_close_to_count": len(pairs) - len(clear),
        "other_letter": sum(_best(a) != _best(b) for a, b in clear),
        "largest_difference_nats": max(differences),
        "our_error_by_n_minus_1": error,
        "their_error": their_error,
    }


def _margin(row: list[float]) -> float:
    first, second = sorted(row, reverse=True)[:2]
    return first - second


def _best(row: list[float]) -> int:
    return row.index(max(row))


def _among_letters(row: list[float]) -> list[float]:
    """Log-probabilities that sum to one over the letters of a question."""
    top = max(row)
    total = top + math.log(sum(math.exp(value - top) for value in row))
    return [value - total for value in row]


if __name__ == "__main__":
    main()
