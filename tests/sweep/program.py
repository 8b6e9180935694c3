"""launch.py with the stand-in for training, as a program: Hydra, study, loop, pool, processes and folders are real.

In the environment:
    CARDS   "GPU-a,GPU-b": this machine has these GPUs instead of its own (`fake_nvml.py`)
    CONF    a folder of config files instead of ours
    CODE    a folder that is taken for the project whose code the trials run
    ANSWER_SECONDS    how long a slot may not answer; it is asked every second then
    TAKE_OVER_SECONDS    what a process that was given up is waited for
UPLOAD_SECONDS there: what W&B may take at the end of a run. PATIENCE_SECONDS: how long a storage is waited for.
"""

import os
from functools import partial
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser

import launch
from medqa_sweeps.command_line import outlive_readers
from medqa_sweeps.compose.refusals import in_sentences
from medqa_sweeps.durable.writable_folders import complete_environment
from medqa_sweeps.jobs import launcher, single, trials as trial_jobs
from medqa_sweeps.pool import seat, seat_talk
from medqa_sweeps.sweep import patience
from medqa_sweeps.tracking import session as wandb_session
from medqa_sweeps.trial import provenance
from tests.pool.fake_nvml import Card, FakeNvml

STAND_IN = "tests.sweep.stand_in"
launcher.TRAINING = single.TRAINING = (STAND_IN,)  # type: ignore[assignment]
launcher.TrialJobs = single.TrialJobs = partial(  # type: ignore[assignment,misc]
    trial_jobs.TrialJobs,
    worker=STAND_IN,
    take_over_seconds=float(os.environ.get("TAKE_OVER_SECONDS", trial_jobs.TAKE_OVER_SECONDS)),
)
if cards := os.environ.get("CARDS"):
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    FakeNvml(*map(Card, cards.split(","))).install()
if answer := os.environ.get("ANSWER_SECONDS"):
    seat.ALIVE_EVERY_SECONDS, seat_talk.ANSWER_SECONDS = 1.0, float(answer)
wandb_session.UPLOAD_SECONDS = float(os.environ.get("UPLOAD_SECONDS", wandb_session.UPLOAD_SECONDS))
patience.PATIENCE_SECONDS = float(os.environ.get("PATIENCE_SECONDS", patience.PATIENCE_SECONDS))
provenance._ROOT = Path(os.environ.get("CODE", provenance._ROOT))
CONF = Path(os.environ.get("CONF", Path(launch.__file__).parent / "conf"))

if __name__ == "__main__":
    outlive_readers()
    complete_environment()
    with in_sentences(get_args_parser().parse_args().overrides):
        hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(launch.main.__wrapped__)()
