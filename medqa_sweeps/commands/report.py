"""`report FOLDER …`: which config is better, and is the difference real? Prints the leaderboard, writes the page."""

import argparse
from pathlib import Path

from medqa_sweeps.exit_codes import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
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


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print the leaderboard and write the page. Runs and changes nothing in the studies."""
    # SciPy and Plotly take seconds to import: a wrong folder waits for neither, --no-page not for Plotly.
    from medqa_sweeps.analysis.reading.studies import read_studies
    from medqa_sweeps.command_line import short_path

    title = ", ".join(short_path(folder) for folder in arguments.folder)
    studies = read_studies(arguments.folder)
    from medqa_sweeps.analysis.comparing.leaderboard import leaderboards
    from medqa_sweeps.analysis.terminal.printing import print_boards

    found = leaderboards(studies, arguments.top)
    print_boards(found, title, top=arguments.top)
    if not arguments.no_page:
        from medqa_sweeps.analysis.report_folder import report_folder, write_report

        folder = arguments.output or report_folder(arguments.folder)
        print(f"\nPage: {short_path(write_report(found, title, folder))}")
    return ExitCode.OK


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number, 1 or more")
    return number
