"""What the leaderboard prints, and a study with its page, for tests to read."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from medqa_sweeps.analysis.comparing.leaderboard import TOP, leaderboard, leaderboards
from medqa_sweeps.analysis.reading.studies import read_study
from medqa_sweeps.analysis.report_folder import write_report
from medqa_sweeps.analysis.terminal.printing import print_board
from medqa_sweeps.command_line import short_path
from tests.analysis.hostile import ATTACK, write_hostile_study


@pytest.fixture
def printed() -> Callable[..., str]:
    """The leaderboard of a study as a sweep's end prints it, at a given width, without colour."""

    def run(folder: Path, width: int = 120, top: int = TOP) -> str:
        stream = io.StringIO()
        board = leaderboard(read_study(folder), top)
        print_board(board, short_path(folder), Console(file=stream, width=width), top)
        return stream.getvalue()

    return run


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that attacks its reader, with its report."""
    study = write_hostile_study(tmp_path_factory.mktemp("hostile") / "study")
    write_report(leaderboards(read_study(study)), ATTACK)
    return study
