"""Whether bfloat16 trains as float32 does: the same trials in both, seed by seed.

    python -m benchmarks.dtypes                                             the tiny base, five seeds
    python -m benchmarks.dtypes --model FOLDER --data FILE --seeds 2 --words training.max_steps=50

One sweep over seed and dtype, by the command that a person types. Compared are accuracy and the mean log-probability of
the right letter on the validation questions, bfloat16 minus float32 of each seed, with the standard error of their
mean; and the seconds of a trial. The tiny model proves machinery, never medicine.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.cases import TINY, model_words, result_name
from benchmarks.record import store
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.trial.records import Result

ROOT = Path(__file__).parents[1]
DTYPES = ("float32", "bfloat16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=TINY)
    parser.add_argument("--data", help="a file of questions; default: the synthetic sample")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--words", nargs="*", default=[], help="of the config: training.max_steps=50")
    asked = parser.parse_args()
    swept = [f"seed={','.join(map(str, range(asked.seeds)))}", f"model.dtype={','.join(DTYPES)}"]
    with tempfile.TemporaryDirectory(prefix="dtypes-") as folder:
        words = [*model_words(asked.model, asked.data), *asked.words, *swept, "hydra.sweeper.n_jobs=1"]
        command = [sys.executable, str(ROOT / "launch.py"), "-m", *words, f"hydra.sweep.dir={folder}"]
        done = subprocess.run(command, env=os.environ | {"HF_HUB_OFFLINE": "1"}, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"the sweep failed: {done.stdout[-1500:]}{done.stderr[-1500:]}")
        found = _by_seed(StudyDir(Path(folder)))
    figures = {
        "by_seed": {seed: {dtype: _told(result) for dtype, result in both.items()} for seed, both in found.items()},
        "accuracy": _difference([[_accuracy(both[dtype]) for dtype in DTYPES] for both in found.values()]),
        "gold_log_probability": _difference([[_gold(both[dtype]) for dtype in DTYPES] for both in found.values()]),
    }
    print(json.dumps(figures, indent=1))
    print(f"stored in {store(result_name('dtypes', [asked.model]), figures)}")


def _by_seed(study: StudyDir) -> dict[int, dict[str, Result]]:
    found: dict[int, dict[str, Result]] = {}
    for trial in study.trials().values():
        config, result = trial.config(), trial.result()
        assert result is not None and result.score is not None, f"{trial.path} has no score"
        found.setdefault(config.seed, {})[config.model.dtype] = result
    return found


def _told(result: Result) -> dict[str, float]:
    return {"accuracy": _accuracy(result), "gold_log_probability": _gold(result), "seconds": result.seconds}


def _accuracy(result: Result) -> float:
    assert result.score is not None
    return result.score.accuracy


def _gold(result: Result) -> float:
    assert result.score is not None and result.score.gold_log_probability is not None
    return result.score.gold_log_probability


def _difference(pairs: list[list[float]]) -> dict[str, Any]:
    """bfloat16 minus float32, of each seed, in the unit of `pairs`."""
    gaps = [other - one for one, other in pairs]
    error = stdev(gaps) / math.sqrt(len(gaps)) if len(gaps) > 1 else None
    return {"bfloat16_minus_float32": mean(gaps), "standard_error": error, "of_each_seed": gaps}


if __name__ == "__main__":
    main()
