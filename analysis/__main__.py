"""`uv run python -m analysis multirun/quickstart`: which config is better, and is the difference real?

`uv run python -m analysis wandb-sync multirun/quickstart` sends to W&B what stayed here.
"""

import argparse
import sys
from pathlib import Path

from medqa_sweeps.errors import ConfigError


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 the leaderboard was printed, 2 there was nothing to read or the command was wrong."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["wandb-sync"]:
        from analysis.wandb_sync import main as wandb_sync

        return wandb_sync(words[1:])
    parser = argparse.ArgumentParser(
        prog="python -m analysis",
        description="Print a study's leaderboard from its trial folders: accuracy with intervals, each trial compared "
        "with the best on the same questions, and the command that runs the best again. Nothing is run or changed.",
    )
    parser.add_argument("folder", type=Path, help="a study, such as multirun/quickstart, or the folder of a single run")
    parser.add_argument("--top", type=_positive, default=20, metavar="N", help="trials to show (default: 20)")
    options = parser.parse_args(words)
    from analysis.terminal import print_leaderboard  # SciPy takes seconds to import; --help does not wait for it

    try:
        print_leaderboard(options.folder, top=options.top)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: a whole number from 1 up")
    return number


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without UTF-8 shows "?"
    sys.exit(main())
