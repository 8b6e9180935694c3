"""A Hydra program whose jobs sleep, for `scheduling.py`: the same under every sweeper and launcher that it compares.

Imports nothing of this project, which is not there where upstream's plugins are.
"""

import os
from pathlib import Path

import hydra
from omegaconf import DictConfig
from turns import sleep_in_turn


@hydra.main(version_base="1.3", config_path=".", config_name="sleeper")
def main(config: DictConfig) -> float:
    sleep_in_turn(Path(config.diary), config.count, config.mean_seconds, int(os.environ["SLEEPER_PARENT"]))
    return float(config.x)


if __name__ == "__main__":
    os.environ.setdefault("SLEEPER_PARENT", str(os.getpid()))  # a worker may run this again
    main()
