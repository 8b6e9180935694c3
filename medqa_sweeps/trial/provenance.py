"""What a result depends on besides the config: code, packages, hardware, questions and base by content, the command.

No secrets are recorded: only W&B's variables for a run's project and name, and a few variables that change how
libraries compute. In them, in the command and in the diff, all values of variables that look like keys are redacted.
"""

import contextlib
import functools
import hashlib
import os
import platform
import re
import subprocess
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from medqa_sweeps import hardware
from medqa_sweeps.base.fingerprints import FINGERPRINTS
from medqa_sweeps.command_line import shell_line
from medqa_sweeps.data import fingerprint
from medqa_sweeps.installation import DISTRIBUTION, IN_CHECKOUT, PROJECT
from medqa_sweeps.trial.plan import Plan
from medqa_sweeps.trial.retrieving import Retrieved
from medqa_sweeps.versions import RANKING, versions_of

_ROOT = PROJECT
# Variables that select kernels or precision, except those that Unsloth sets on import.
_OF_NUMBERS = (
    *("ATEN_CPU_CAPABILITY", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"),
    *("ONEDNN_DEFAULT_FPMATH_MODE", "NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "BNB_CUDA_VERSION"),
)
SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"\b(hf_[A-Za-z0-9]{20,}|wandb_v1_\w{20,}|sk-[\w-]{20,}|(?<=[/=@:])[0-9a-f]{40}(?=@|\s|$))")


def collect(plan: Plan, command: list[str], wandb: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The provenance as a JSON object; the first call takes 0.1 s.

    Args:
        wandb: W&B's environment variables for the run's project and name; None: none.
    """
    edited = edited_code()
    return {
        "fingerprints": FINGERPRINTS,  # version of the rule for signature, key and the base's fingerprint
        "signature": plan.signature,
        "replicate_key": plan.replicate_key,
        "created_at": time.time(),
        "command": without_secrets(shell_line(*command)),
        "seeds": {"trial": plan.config.seed, "split": plan.config.split.seed},
        "questions": {
            "fingerprint": plan.split.fingerprint,
            "revision": plan.config.data.revision if plan.config.data.hub_id else None,
            "train": len(plan.split.train),
            "train_fingerprint": fingerprint(plan.split.train),
            "validation": len(plan.split.validation),
            "validation_fingerprint": fingerprint(plan.split.validation),
            "cleaned": dict(plan.split.cleaned),
            "flagged": dict(plan.split.flagged),
            "quarantined": len(plan.split.quarantined),
        },
        **({"passages": _passages(plan.retrieved)} if plan.retrieved else {}),
        "base": {
            "label": plan.base.label,
            "revision": plan.base.revision,
            "fingerprint": plan.base.fingerprint,
            "files": dict(plan.base.files),
        },
        "wandb": {name: without_secrets(value) for name, value in (wandb or {}).items()},
        **runtime(),
        **({"edited_code": edited} if edited else {}),
    }


def _passages(found: Retrieved) -> dict[str, Any]:
    return {
        "fingerprint": found.fingerprint,
        "corpus": found.corpus.fingerprint,
        "passages": len(found.corpus.passages),
        "documents": found.documents,
        "dropped": found.dropped,
        "leaks": list(found.leaks),
        "cut": found.cut,
        "left_out": dict(found.notes),
        "retriever": dict(found.retriever),
        **({"cut_by_encoder": dict(found.cut_by_encoder)} if found.cut_by_encoder else {}),
        "libraries": versions_of(RANKING),
    }


def edited_code() -> list[str]:
    """Our files that changed since this process first hashed them, by their path in the project.

    A trial that starts now may run either version of them: modules that are already imported are not read again.
    """
    return changed_files(code_at_start(), _file_hashes())


def changed_files(then: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """The names of files whose content or hash differs, or that exist on one side only."""
    return sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))


@functools.cache
def code_at_start() -> dict[str, str]:
    """Hashes of our files, as they are at the first call."""
    return _file_hashes()


@functools.cache
def runtime() -> dict[str, Any]:
    """Code, Python, packages, environment variables and hardware.

    Cached, so equal for all trials of this process: imported modules keep running if their files are edited.
    """
    return {
        "code": _code(),
        "python": platform.python_version(),
        "packages": dict(sorted(_packages())),
        "environment": _environment(),
        "hardware": hardware.description(),
    }


def without_secrets(text: str) -> str:
    """`text` without the values of environment variables that look secret, and without every known form of key."""
    for name, value in os.environ.items():
        if SECRET_NAME.search(name) and len(value) >= 8:
            text = text.replace(value, f"<{name}>")
    return _SECRET_VALUE.sub("<secret>", text)


def _code() -> dict[str, Any]:
    """Hashes of our files, the commit and the diff to it. An installed package has its version instead; a folder that
    is neither has nulls."""
    files = code_at_start()
    if not IN_CHECKOUT:  # git would describe whatever checkout the environment lies in
        return {"commit": None, "dirty": None, "diff": None, "version": metadata.version(DISTRIBUTION), "files": files}
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return {"commit": None, "dirty": None, "diff": None, "files": files}
    diff = _git("diff", "HEAD", "--no-color", "--no-ext-diff") or ""
    untracked = (_git("ls-files", "--others", "--exclude-standard") or "").splitlines()
    return {
        "commit": commit.strip(),
        "dirty": bool(diff or untracked),
        "diff": without_secrets(diff) or None,
        "untracked": untracked,
        "files": files,
    }


def _file_hashes() -> dict[str, str]:
    """12 hex digits for each file of code that a trial can run, by its path in the project."""
    found = {}
    for file in sorted((_ROOT / "medqa_sweeps").rglob("*.py")):
        if not IN_CHECKOUT and "analysis" in file.relative_to(_ROOT).parts[:2]:
            continue  # as in a checkout, where a link leads there: no trial runs it
        with contextlib.suppress(FileNotFoundError):  # an editor is just replacing it
            status = file.stat()
            found[str(file.relative_to(_ROOT))] = _file_hash(file, status.st_mtime_ns, status.st_size, status.st_ino)
    return found


@functools.cache  # asked for twice per trial: opening hundreds of files each time is slow on a shared disk
def _file_hash(file: Path, *version: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(_ROOT), *arguments], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _OF_NUMBERS if name in os.environ}


def _packages() -> set[tuple[str, str]]:
    return {(dist.metadata["Name"], dist.version) for dist in metadata.distributions() if dist.metadata["Name"]}
