"""Commands on trial folders.

uv run python -m medqa_sweeps resume FOLDER       go on with an interrupted trial from its checkpoint
uv run python -m medqa_sweeps reproduce FOLDER    run its saved config again and compare the two
"""

import argparse
import sys
from pathlib import Path

from medqa_sweeps.errors import ConfigError, TrialError
from medqa_sweeps.trial_dir import TrialDir


def main() -> int:
    """Exit code: 0 when the command did what it says, 1 otherwise."""
    parser = argparse.ArgumentParser(
        prog="python -m medqa_sweeps", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    summaries = {"resume": "go on with an interrupted trial", "reproduce": "run a trial again and compare"}
    for name, summary in summaries.items():
        command = commands.add_parser(name, help=summary, description=summary)
        command.add_argument("folder", type=Path, help="a trial folder: it holds a config.yaml")
        if name == "reproduce":
            command.add_argument("--into", type=Path, help="new folder (default: FOLDER-again, -again-2, …)")
    arguments = parser.parse_args()
    try:
        if arguments.command == "resume":
            return _resume(TrialDir(arguments.folder.resolve()))
        return _reproduce(TrialDir(arguments.folder.resolve()), arguments.into)
    except TrialError as error:
        print(error, file=sys.stderr)
        return 1


def _resume(trial: TrialDir) -> int:
    from medqa_sweeps.sweep.single import run_single

    if trial.result() is not None:
        raise ConfigError(f"{trial.path} is finished ({trial.result_file.name} says how); there is nothing to resume.")
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


def _free_name(path: Path) -> Path:
    names = [f"{path.name}-again", *(f"{path.name}-again-{n}" for n in range(2, 1000))]
    return next(path.with_name(name) for name in names if not path.with_name(name).exists())


if __name__ == "__main__":
    sys.exit(main())
