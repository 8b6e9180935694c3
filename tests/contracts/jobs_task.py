"""The task function of the contract tests of `Jobs`, and a Hydra config for it."""

import time

from omegaconf import DictConfig

CONFIG = """
defaults:
  - _self_
  - override hydra/job_logging: none
  - override hydra/hydra_logging: none
seconds: 0.0
fails: false
"""


def task(config: DictConfig) -> float:
    time.sleep(config.seconds)
    if config.fails:
        raise RuntimeError("a job's own error")
    return 0.25
