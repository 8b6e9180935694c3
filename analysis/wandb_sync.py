"""`python -m analysis wandb-sync multirun/NAME`: send to W&B what an offline or broken connection kept back.

A trial is told again from its folder, which is complete: W&B keeps the steps that it has and takes the others.
"""

import argparse
import logging
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from analysis.study import State, Trial, read_study
from analysis.wandb_summary import log_summary
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.study_identity import group_of
from medqa_sweeps.tracking import has_been_sent, replay
from medqa_sweeps.trial_dir import TrialDir
from medqa_sweeps.wandb_session import obstacle_to_online

_AT_ONCE = 8  # runs that are open at a time: most of each one's time is waiting for the server
_WORDS = {
    "sent": "sent",
    "before": "sent before",
    "running": "not ended, told by the sweep that runs",
    "off": "not tracked (tracking.mode=disabled)",
    "kept": "not sent; the folder is complete, try again when the server answers",
}


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 W&B has all that there is, 1 something could not be sent, 2 there was nothing to read."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis wandb-sync",
        description="Send to Weights & Biases what an offline or broken connection kept back. Nothing is told twice.",
    )
    parser.add_argument("folder", type=Path, help="a study, such as multirun/quickstart, or the folder of a single run")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    try:
        return _sync(options.folder)
    except ConfigError as error:
        print(f"error: {error}")
        return 2


def _sync(folder: Path) -> int:
    study = read_study(folder)
    if obstacle := obstacle_to_online("online"):
        print(f"Nothing was sent: {obstacle}. `uv run wandb login` stores a key.")
        return 1
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        counts = Counter(threads.map(_sent, study.trials))
    print("Trials: " + "; ".join(f"{count:,} {_WORDS[how]}" for how, count in counts.items()) + ".")
    is_study = not TrialDir(folder).config_file.exists()
    told = not is_study or log_summary(folder, mode="online")
    return int(counts["kept"] > 0 or not told)


def _sent(trial: Trial) -> str:
    """What was done about a trial: a key of `_WORDS`."""
    if trial.settings.get("tracking.mode") == "disabled":
        return "off"
    if trial.state in (State.RUNNING, State.WAITING):
        return "running"
    if has_been_sent(trial.directory):
        return "before"
    replay(trial.directory, group_of(trial.directory.path.resolve().parent), mode="online")
    return "sent" if has_been_sent(trial.directory) else "kept"
