"""Settings, seeds, hardware, software, and the command that gives the model again; no path and no name of a machine."""

import re
import time
from collections.abc import Iterator
from typing import Any

from medqa_sweeps.card.records import Records
from medqa_sweeps.card.tables import facts
from medqa_sweeps.command_line import shell_line
from medqa_sweeps.config import decides_nothing
from medqa_sweeps.versions import COMPUTING, TOKENIZING
from medqa_sweeps.wording import counted, duration, percent

_GIB = 2**30
# By key, what stands for a path on the command line.
_PLACEHOLDERS = {
    "data.train": "TRAIN_FILE",
    "data.validation": "VALIDATION_FILE",
    "data.test": "TEST_FILE",
    "model.path": "MODEL_FOLDER",
}
_OUR_PACKAGE = "medqa-sweeps"
_BUNDLED = "bundled:"
_KEY = re.compile(r"[+~]*[\w./@-]+")


def training(records: Records) -> Iterator[str]:
    config, result = records.config, records.result
    optimizer, scheduler, batches = config.optimizer, config.scheduler, config.training
    kept = "of the last step" if batches.export == "last" else "of the best evaluation by validation accuracy"
    seeds = f"training {config.seed}, split {config.split.seed}"
    yield from ("## Training", "")
    yield from facts(
        [
            ("seeds", seeds),
            ("length", f"{counted(result.steps, 'step')} of {batches.effective_batch_size} questions, "
             f"{result.samples_seen:,} samples"),
            ("optimizer", f"{optimizer.name}, learning rate {optimizer.lr:g}, weight decay {optimizer.weight_decay:g}"),
            ("schedule", f"{scheduler.name}, warm-up {percent(scheduler.warmup_ratio)}"),
            ("options in a new order each epoch", "yes" if batches.permute_options else "no"),
            ("adapter", kept),
            ("hardware", _hardware(records)),
            ("number formats", _formats(records)),
            ("time", duration(result.seconds) if result.seconds else ""),
            ("peak memory", f"{result.peak_memory_bytes / _GIB:.1f} GiB" if result.peak_memory_bytes else ""),
            ("finished", _finished(records)),
            ("software", _software(records)),
        ]
    )  # fmt: skip


def _hardware(records: Records) -> str:
    machine: dict[str, Any] = records.recorded("hardware") or {}
    if not machine:
        return "not recorded"
    attempt = records.attempt
    gpus = [gpu for gpu in machine.get("gpus", []) if attempt is None or attempt.gpu in (None, gpu.get("uuid"))]
    if gpus and (attempt is None or attempt.device != "cpu"):
        return f"{gpus[0]['name']}, {gpus[0]['memory_bytes'] / _GIB:.0f} GiB"
    threads = f", {counted(attempt.threads, 'thread')}" if attempt and attempt.threads else ""
    return f"no GPU; {machine.get('processor')}, {machine.get('cores')} cores{threads}"


def _formats(records: Records) -> str:
    effective = records.result.effective
    base, adapter = effective.get("base_dtype"), effective.get("adapter_dtype")
    four_bit = effective.get("four_bit_layers")
    layers = f", {four_bit} layers in 4-bit" if four_bit else ""
    return f"base {base}{layers}; adapter {adapter}" if base and adapter else ""


def _finished(records: Records) -> str:
    attempts = records.result.attempts
    date = time.strftime("%Y-%m-%d", time.gmtime(records.result.finished_at))
    return f"{date}, {'in one attempt' if attempts == 1 else f'in {attempts:,} attempts'}"


def _software(records: Records) -> str:
    packages: dict[str, str] = records.recorded("packages") or {}
    names = [_OUR_PACKAGE, *sorted({*COMPUTING, *TOKENIZING})]
    shown = [f"{name} {packages[name]}" for name in names if name in packages]
    code = records.recorded("code") or {}
    commit = str(code.get("commit") or "")
    dirty = " with uncommitted changes" if code.get("dirty") else ""
    python = records.recorded("python")
    parts = [*([f"Python {python}"] if python else []), *shown, *([f"commit {commit}{dirty}"] if commit else [])]
    return ", ".join(parts) or "not recorded"


def reproduction(records: Records) -> Iterator[str]:
    yield from ("## Reproduce it", "")
    if records.trial.overrides_file.exists():
        yield from ("```sh", shell_line("medqa-sweeps", *_overrides(records)), "```", "")
        yield "Names in capital letters stand for files that are not part of this card."
    yield (
        "With the trial's folder, `medqa-sweeps reproduce TRIAL_FOLDER` runs its saved config again and compares the "
        "two. The same versions, hardware and number of threads give the same bits; others can change the last digits."
    )
    yield ""


def _overrides(records: Records) -> list[str]:
    """The trial's overrides, and the seed and the commits that were in force, without paths and without W&B's names."""
    overrides = [one for one in records.trial.overrides() if _counts(one)]
    shown = [_without_paths(one) for one in overrides]
    config = records.config
    exact = {"seed": str(config.seed)}
    if revision := records.recorded("base", "revision"):
        exact["model.revision"] = str(revision)
    if config.data.hub_id and config.data.revision:
        exact["data.revision"] = config.data.revision
    typed = {_key(one) for one in overrides}
    return shown + [f"{key}={value}" for key, value in exact.items() if key not in typed]


def _key(override: str) -> str:
    found = _KEY.match(override)
    return found[0].lstrip("+~") if found else ""


def _counts(override: str) -> bool:
    """Whether an override belongs to the experiment: not where it is tracked, and not Hydra's own."""
    key = _key(override)
    return not decides_nothing(key) and not key.startswith("hydra")


def _without_paths(override: str) -> str:
    head, is_given, value = override.partition("=")
    if not is_given or _BUNDLED in value:
        return override
    if placeholder := _PLACEHOLDERS.get(_key(override)):
        return f"{head}={placeholder}"
    return f"{head}=PATH" if "/" in value or "\\" in value or value.startswith("~") else override
