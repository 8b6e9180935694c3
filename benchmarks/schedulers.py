"""The schedulers that `scheduling.py` compares, and the command by which each runs the sleeping jobs on an engine."""

import os
import sys
from pathlib import Path

from benchmarks.clusters import our_launcher
from benchmarks.peers import peer

OURS = "ours"
SCHEDULERS = {  # by engine: the environment of each, by its name
    "local": {OURS: "", "hydra": "hydra", "ray": "ray"},
    "slurm": {OURS: "", "submitit": "submitit", "submitit-array": "submitit"},
    "ray": {OURS: "", "ray": "ray"},
}
_HERE = Path(__file__).parent
_SPACE = ["x=interval(0,1)", "y=interval(0,1)"]


def pythons(engine: str, only: list[str] | None) -> dict[str, Path]:
    """By name of each scheduler that can be used here: the Python that has it. What is missing is printed.

    Args:
        only: names of schedulers; None: all.
    """
    wanted = {name: env for name, env in SCHEDULERS[engine].items() if only is None or name in only}
    found = {name: peer(env) if env else Path(sys.executable) for name, env in wanted.items()}
    return {name: python for name, python in found.items() if python is not None}


def environment(name: str) -> dict[str, str]:
    """The variables of a scheduler's process: our project is on the path of none but ours."""
    return {**os.environ, "PYTHONPATH": f"{_HERE.parent}:{_HERE}" if name == OURS else str(_HERE)}


def command(name: str, engine: str, python: Path, trials: int, mean: float, slots: int, diary: Path) -> list[str]:
    """Runs so many jobs of that mean length, in seconds, and lets them note their times in the diary."""
    if name == "ray":
        words = [str(diary), str(trials), str(mean), str(slots), str(diary.parent / "ray")]
        address = [os.environ["RAY_ADDRESS"]] if engine == "ray" else []
        return [str(python), str(_HERE / "ray_sleeper.py"), *words, *address]
    return [
        *(str(python), str(_HERE / "sleeper.py"), "-m", *_overrides(name, engine, trials, slots)),
        *(f"hydra.sweep.dir={diary.parent / 'study'}", f"count={trials}", f"mean_seconds={mean}", f"diary={diary}"),
    ]


def _overrides(name: str, engine: str, trials: int, slots: int) -> list[str]:
    """Sweeper, launcher and what is swept, for Hydra; all sample at random but `submitit-array`, whose grid is one
    Slurm array of all jobs: its launcher's best, as Optuna's sweeper waits for each batch's last job."""
    of_optuna = ["hydra/sweeper/sampler=random", f"hydra.sweeper.n_trials={trials}", *_SPACE]
    submitit = [
        *("hydra/launcher=submitit_slurm", "hydra.launcher.gres=gpu:1", f"hydra.launcher.array_parallelism={slots}"),
    ]
    stock = ["hydra/sweeper=optuna", f"hydra.sweeper.n_jobs={slots}"]
    return {
        OURS: ["hydra/sweeper=async_optuna", *our_launcher(engine, slots, gpus=1), *of_optuna],
        "hydra": [*stock, "hydra/launcher=joblib", f"hydra.launcher.n_jobs={slots}", *of_optuna],
        "submitit": [*stock, *submitit, *of_optuna],
        "submitit-array": [*submitit, f"x=range({trials})"],
    }[name]
