"""`uv run python -m analysis multirun/quickstart`: which config is better, and is the difference real?

`uv run python -m analysis wandb-sync multirun/quickstart` sends to W&B what stayed here.
"""

import argparse
import sys
from pathlib import Path

from medqa_sweeps.argument_parser import Parser
from medqa_sweeps.command_line import outlive_readers
from medqa_sweeps.durable.writable_folders import complete_environment
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.wording import EDUCATION_ONLY


def main(arguments: list[str] | None = None) -> ExitCode:
    """OK: the leaderboard was printed; USAGE: there was nothing to read or the command was wrong."""
    complete_environment()
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["wandb-sync"]:
        from medqa_sweeps.analysis.sending.wandb_sync import main as wandb_sync

        return wandb_sync(arguments[1:])
    parser = Parser(
        prog="python -m analysis",
        description="Print a study's leaderboard and write a page with plots: accuracy with intervals, each config "
        "compared with the best on the same questions. Runs and changes nothing.",
        epilog="Examples:\n"
        "  uv run python -m analysis multirun/quickstart\n"
        "  uv run python -m analysis multirun/first multirun/second --top 5 --no-page\n"
        "  uv run python -m analysis wandb-sync multirun/quickstart    send to Weights & Biases what stayed here\n"
        f"{EDUCATION_ONLY}",
    )
    parser.add_argument(
        "folder",
        type=Path,
        nargs="+",
        metavar="FOLDER",
        help="study, such as multirun/quickstart, or single run; several are compared with each other",
    )
    parser.add_argument(
        "--top", type=_positive, default=20, metavar="N", help="number of configs shown, 1 or more (default: 20)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="folder of the page (default: report/ in the study; for several studies a folder beside the first)",
    )
    parser.add_argument("--no-page", action="store_true", help="print the leaderboard and write no page")
    options = parser.parse_args(arguments)
    # SciPy and Plotly take seconds to import: --help and a wrong folder wait for neither, --no-page not for Plotly.
    from medqa_sweeps.analysis.reading.studies import read_studies
    from medqa_sweeps.command_line import short_path

    title = ", ".join(short_path(folder) for folder in options.folder)
    try:
        studies = read_studies(options.folder)
        from medqa_sweeps.analysis.comparing.leaderboard import leaderboards
        from medqa_sweeps.analysis.terminal.printing import print_boards

        found = leaderboards(studies, options.top)
        print_boards(found, title, top=options.top)
        if not options.no_page:
            from medqa_sweeps.analysis.report_folder import report_folder, write_report

            folder = options.output or report_folder(options.folder)
            print(f"\nPage: {short_path(write_report(found, title, folder))}")
    except ConfigError as error:
        print(error, file=sys.stderr)
        return ExitCode.USAGE
    return ExitCode.OK


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number, 1 or more")
    return number


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without UTF-8 shows "?"
    outlive_readers()
    sys.exit(main())
