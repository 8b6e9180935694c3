"""The sleeping jobs of `sleeper.py` under Ray Tune with Optuna's random search, for `scheduling.py`.

python ray_sleeper.py DIARY TRIALS MEAN_SECONDS SLOTS FOLDER [ADDRESS]

With the address of a cluster each job holds a CPU and a GPU there; without, it is on a cluster of its own.
"""

import os
import sys
from pathlib import Path
from typing import Any

import optuna
import ray
from ray import tune
from ray.tune.search.optuna import OptunaSearch
from turns import sleep_in_turn


def main(diary: str, trials: int, mean_seconds: float, slots: int, folder: str, address: str = "") -> None:
    parent = os.getpid()
    here = str(Path(__file__).parent)

    def trial(config: dict[str, Any]) -> None:
        sleep_in_turn(Path(diary), trials, mean_seconds, parent)
        tune.report({"value": config["x"]})

    environment = {"env_vars": {"PYTHONPATH": here}}
    if address:  # whose nodes have another Python environment, without Tune
        ray.init(address=address, runtime_env={**environment, "py_executable": sys.executable})
    else:
        # As many CPUs as slots are told to Ray: the jobs sleep, and its default is one job a core.
        ray.init(num_cpus=slots, include_dashboard=False, runtime_env=environment)
    tune.Tuner(
        tune.with_resources(trial, {"cpu": 1, "gpu": 1 if address else 0}),
        param_space={"x": tune.uniform(0, 1), "y": tune.uniform(0, 1)},
        tune_config=tune.TuneConfig(
            metric="value",
            mode="min",
            search_alg=OptunaSearch(sampler=optuna.samplers.RandomSampler(seed=0)),
            num_samples=trials,
            max_concurrent_trials=slots,
            reuse_actors=True,  # its fastest way
        ),
        run_config=tune.RunConfig(storage_path=folder, verbose=0),
    ).fit()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:])
