"""A parent that feeds W&B from a trial folder until the trial has a result, or a file `leave` is there; for tests.

python -m tests.tracked FOLDER [SECONDS THAT AN UPLOAD MAY TAKE]
"""

import logging
import sys
import time
from pathlib import Path

from medqa_sweeps.tracking import session as wandb_session, tracker as tracking
from medqa_sweeps.trial.folder import TrialDir

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    trial = TrialDir(Path(sys.argv[1]))
    wandb_session.UPLOAD_SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    tracker = tracking.tracker_for(trial, trial.path.parent.name)
    assert tracker is not None
    while trial.result() is None and not (trial.path / "leave").exists():
        tracker.feed()
        time.sleep(0.05)
    tracker.finish(trial.result())
    print("in time:", tracker.wait())
