"""launch.py with the stand-in for training, as a program: Hydra, study, loop, pool, processes and folders are real."""

import os
from functools import partial
from pathlib import Path

import hydra

import launch
from medqa_sweeps.sweep import launcher, trial_jobs

STAND_IN = "tests.sweep.stand_in"
launcher.TRAINING = (STAND_IN,)  # type: ignore[assignment]
launcher.TrialJobs = partial(trial_jobs.TrialJobs, worker=STAND_IN)  # type: ignore[assignment,misc]
CONF = Path(os.environ.get("CONF", Path(launch.__file__).parent / "conf"))

if __name__ == "__main__":
    hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(launch.main.__wrapped__)()
