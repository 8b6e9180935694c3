"""`reproduce TRIAL`: run a trial's saved config again in a new folder, and compare the two."""

import argparse
from pathlib import Path

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.trial_dir import TrialDir


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("trial", type=Path, metavar="TRIAL", help="a folder with a result, of outputs/ or in a study")
    parser.add_argument("--into", type=Path, help="new folder (default: TRIAL-again, -again-2, …)")


def run(arguments: argparse.Namespace) -> int:
    from medqa_sweeps.reproduce import compare
    from medqa_sweeps.sweep.single import run_single

    original = TrialDir(arguments.trial.resolve())
    if original.result() is None:
        raise ConfigError(f"{original.path} has no result yet to compare with; `resume` finishes it.")
    again = TrialDir((arguments.into or _free_name(original.path)).resolve())
    run_single(original.config(), again, announce=True)
    sentences, same = compare(original, again)
    print("\n".join(sentences))
    return 0 if same else 1


def _free_name(trial: Path) -> Path:
    """Beside the trial; for one of a study beside the study, which stays as it is."""
    of_study = (trial.parent / "study.yaml").exists()
    name = trial.parent.with_name(f"{trial.parent.name}-{trial.name}") if of_study else trial
    names = [f"{name.name}-again", *(f"{name.name}-again-{n}" for n in range(2, 1000))]
    return next(name.with_name(one) for one in names if not name.with_name(one).exists())
