"""What Hydra must find under `hydra_plugins`: thin adapters, imported at the start of every Hydra program here.

Everything heavier than the standard library and Hydra is imported where it is used.
"""

import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig


class PrintLeaderboard(Callback):
    """At the end of a sweep: its leaderboard, and an exit code that says whether every trial completed."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        from analysis.study import read_study
        from analysis.terminal import print_leaderboard
        from medqa_sweeps.errors import TrialError

        folder = Path(config.hydra.sweep.dir)
        try:
            print_leaderboard(folder)
            study = read_study(folder)
        except TrialError as error:
            sys.exit(str(error))
        if study.others() or study.unreadable:
            sys.exit(1)
