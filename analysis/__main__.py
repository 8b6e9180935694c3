"""`uv run python -m analysis multirun/quickstart`: which config is better, and is the difference real?

`uv run python -m analysis wandb-sync multirun/quickstart` sends to W&B what stayed here.
"""

import argparse
import sys
from pathlib import Path

from medqa_sweeps.durable.writable_folders import complete_environment
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.exit_codes import ExitCode


def main(arguments: list[str] | None = None) -> ExitCode:
    """OK: the leaderboard was printed; USAGE: there was nothing to read or the command was wrong."""
    complete_environment()
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["wandb-sync"]:
        from analysis.sending.wandb_sync import main as wandb_sync

        return wandb_sync(arguments[1:])
    parser = argparse.ArgumentParser(
        prog="python -m analysis",
        description="Print a study's leaderboard from its trial folders, and write a page with plots: accuracy with "
        "intervals, each config compared with the best on the same questions. Nothing is run or changed.",
    )
    parser.add_argument(
        "folder",
        type=Path,
        nargs="+",
        help="a study, such as multirun/quickstart, or the folder of a single run; several are compared together",
    )
    parser.add_argument("--top", type=_positive, default=20, metavar="N", help="configs to show (default: 20)")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="of the page (default: report/ in the study, or for several studies a folder beside the first)",
    )
    parser.add_argument("--no-page", action="store_true", help="print the leaderboard alone")
    options = parser.parse_args(arguments)
    # SciPy and Plotly take seconds to import: --help does not wait for either, --no-page not for Plotly.
    from analysis.comparing.leaderboard import leaderboards
    from analysis.reading.studies import read_studies
    from analysis.terminal.printing import print_boards
    from medqa_sweeps.command_line import short_path

    title = ", ".join(short_path(folder) for folder in options.folder)
    try:
        found = leaderboards(read_studies(options.folder), options.top)
        print_boards(found, title, top=options.top)
        if not options.no_page:
            from analysis.report_folder import report_folder, write_report

            folder = options.output or report_folder(options.folder)
            print(f"\nPage: {short_path(write_report(found, title, folder))}")
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return ExitCode.USAGE
    return ExitCode.OK


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: a whole number from 1 up")
    return number


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without UTF-8 shows "?"
    sys.exit(main())
