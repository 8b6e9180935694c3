"""Commands on studies and on trial folders.

uv run python -m medqa_sweeps status STUDY               what has ended, what runs, what was interrupted
uv run python -m medqa_sweeps stop STUDY [TRIAL]         end a sweep, or one of its trials, at its next step
uv run python -m medqa_sweeps add STUDY OVERRIDE ...     try a point of your own before all others
uv run python -m medqa_sweeps resume FOLDER              go on with an interrupted study or trial
uv run python -m medqa_sweeps reproduce TRIAL            run a trial's saved config again and compare the two

STUDY is a folder of multirun/; TRIAL is a folder in it or of outputs/ (for stop: its number).
"""

import argparse
import sys
from pathlib import Path

from medqa_sweeps.errors import ConfigError, TrialError
from medqa_sweeps.trial_dir import TrialDir


def main() -> int:
    """Exit code: 0 when the command did what it says, 1 otherwise."""
    arguments = _parser().parse_args()
    folder = arguments.folder.resolve()
    try:
        match arguments.command:
            case "status":
                return _status(folder)
            case "stop":
                return _stop(folder, arguments.trial)
            case "add":
                return _add(folder, arguments.overrides)
            case "resume":
                return _resume(folder)
            case _:
                return _reproduce(TrialDir(folder), arguments.into)
    except TrialError as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m medqa_sweeps", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, summary: str, folder: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=summary, description=summary)
        made.add_argument("folder", type=Path, metavar=folder)
        return made

    command("status", "what has ended, what runs, what was interrupted", "STUDY")
    stop = command("stop", "end a sweep, or one of its trials, at its next step", "STUDY")
    stop.add_argument("trial", type=int, nargs="?", metavar="TRIAL", help="its number; without it the whole sweep")
    add = command("add", "try a point of your own before all others", "STUDY")
    add.add_argument("overrides", nargs="+", metavar="OVERRIDE", help="as on launch.py's command line: lora.r=128")
    command("resume", "go on with an interrupted study or trial", "FOLDER")
    reproduce = command("reproduce", "run a trial again and compare", "TRIAL")
    reproduce.add_argument("--into", type=Path, help="new folder (default: TRIAL-again, -again-2, …)")
    return parser


def _status(folder: Path) -> int:
    from rich.console import Console

    from medqa_sweeps.sweep.status import print_status
    from medqa_sweeps.sweep.study import StudyDir

    print_status(StudyDir(folder), Console(highlight=False))
    return 0


def _stop(folder: Path, number: int | None) -> int:
    from medqa_sweeps.sweep.steering import ask_to_stop
    from medqa_sweeps.sweep.study import StudyDir

    print(ask_to_stop(StudyDir(folder), number))
    return 0


def _add(folder: Path, overrides: list[str]) -> int:
    from medqa_sweeps.sweep.steering import add
    from medqa_sweeps.sweep.study import StudyDir

    print(add(StudyDir(folder), overrides))
    return 0


def _resume(folder: Path) -> int:
    trial = TrialDir(folder)
    if not trial.config_file.exists():
        from medqa_sweeps.sweep.steering import resume
        from medqa_sweeps.sweep.study import StudyDir

        resume(StudyDir(folder))
    if trial.result() is not None:
        raise ConfigError(f"{trial.path} is finished ({trial.result_file.name} says how); there is nothing to resume.")
    from medqa_sweeps.sweep.single import run_single

    result = run_single(trial.config(), trial, announce=True)
    return 0 if result and result.score else 1


def _reproduce(original: TrialDir, into: Path | None) -> int:
    from medqa_sweeps.reproduce import compare
    from medqa_sweeps.sweep.single import run_single

    if original.result() is None:
        raise ConfigError(f"{original.path} has no result yet to compare with; `resume` finishes it.")
    again = TrialDir((into or _free_name(original.path)).resolve())
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


if __name__ == "__main__":
    sys.exit(main())
