"""`report/` in a study's folder: `index.html`, `leaderboard.csv` and `leaderboard.json`."""

from pathlib import Path

from analysis.export import as_csv, as_json, entries
from analysis.leaderboard import Leaderboard
from analysis.page import page
from analysis.pictures import PICTURES
from analysis.study import REPORT_FOLDER
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.trial_dir import write_atomically


def write_report(board: Leaderboard, title: str, folder: Path | None = None) -> Path:
    """The page that was written, with the two tables beside it.

    Args:
        title: of the page.
        folder: where to; None: `report/` in the study's folder.

    Raises:
        ConfigError: if nothing can be written there.
    """
    folder = folder or board.study.folder / REPORT_FOLDER
    drawn = [picture for make in PICTURES if (picture := make(board)) is not None]
    found = entries(board)
    files = {
        "leaderboard.csv": as_csv(found),
        "leaderboard.json": as_json(board, found),
        "index.html": page(board, title, drawn),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_atomically(folder / name, text)
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be written ({error.strerror}). Give another folder: --output FOLDER."
        ) from error
    return folder / "index.html"
