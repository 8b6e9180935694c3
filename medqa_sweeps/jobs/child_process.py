"""What a process of the worker is given, and the end of what it printed."""

import os
from pathlib import Path

WORKER = "medqa_sweeps.worker.main"  # started by name: this half never imports it
TRAINING = ("medqa_sweeps.worker.run",)  # imports torch, unsloth and trl: about 15 s, which pools pay ahead of trials
_LOG_TAIL_LINES = 12
# Set by an import of ours in mid-sweep (threadpoolctl, of the page). A process that has imported ahead serves only the
# environment that it was given: one more variable, and the next trial would import for 15 to 40 s.
_SET_BY_LIBRARIES = frozenset({"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"}) - os.environ.keys()


def child_environment() -> dict[str, str]:
    """What a trial's process finds in its environment: ours, and settings that keep libraries quiet and repeatable."""
    return {
        **{name: value for name, value in os.environ.items() if name not in _SET_BY_LIBRARIES},
        "UNSLOTH_DISABLE_STATISTICS": "1",
        "HF_HUB_OFFLINE": "1",  # the parent has fetched whatever is needed
        "TOKENIZERS_PARALLELISM": "false",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # the same sums on a GPU, run for run
        "PYTHONUNBUFFERED": "1",
    }


def log_tail(log: Path, lines: int = _LOG_TAIL_LINES) -> str:
    """The last lines of a trial's log, indented; empty if there is none."""
    try:
        text = log.read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join("    " + line for line in text.splitlines()[-lines:])
