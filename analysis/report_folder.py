"""`report/` in a study's folder: `index.html`, `leaderboard.csv` and `leaderboard.json`."""

from collections.abc import Sequence
from pathlib import Path

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.export import as_csv, as_json, entries
from medqa_sweeps.analysis.page.document import page_html
from medqa_sweeps.analysis.plots import PLOTS
from medqa_sweeps.analysis.reading.studies import REPORT_FOLDER
from medqa_sweeps.durable.files import write_atomically
from medqa_sweeps.errors import ConfigError

_NAME_CHARACTERS = 120  # file systems take 255 bytes


def write_report(boards: Sequence[Leaderboard], title: str, folder: Path | None = None) -> Path:
    """The page that was written, with the two tables beside it; files of further boards are numbered from 2.

    Args:
        boards: one per set of validation questions.
        title: of the page.
        folder: where to; None: `report/` in the study's folder.

    Raises:
        ConfigError: if nothing can be written there.
    """
    folder = folder or boards[0].study.folder / REPORT_FOLDER
    pages = [f"index{_suffix(index)}.html" for index in range(len(boards))]
    files = {}
    for index, board in enumerate(boards):
        plots = [plot for make in PLOTS if (plot := make(board)) is not None]
        found = entries(board)
        tables = [f"leaderboard{_suffix(index)}.{kind}" for kind in ("csv", "json")]
        files[tables[0]], files[tables[1]] = as_csv(found), as_json(board, found)
        beside = [name for name in pages if name != pages[index]]
        files[pages[index]] = page_html(board, title, plots, folder, tables, beside)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_atomically(folder / name, text)
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be written ({error.strerror}). Give another folder: --output FOLDER."
        ) from error
    return folder / pages[0]


def report_folder(studies: Sequence[Path]) -> Path:
    """Where the report goes unless asked otherwise: into the study, or, of several, into a folder of its own beside the
    first, so that no study's own report is replaced."""
    first, *others = [study.resolve() for study in studies]
    if not others:
        return studies[0] / REPORT_FOLDER
    return first.with_name(f"{first.name}-with-{'-'.join(other.name for other in others)}"[:_NAME_CHARACTERS])


def _suffix(index: int) -> str:
    return f"-{index + 1}" if index else ""
