"""What the leaderboard prints, for tests to read."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from analysis.comparing.leaderboard import TOP, rank
from analysis.reading.studies import read_study
from analysis.terminal.printing import print_board
from medqa_sweeps.command_line import shown


@pytest.fixture
def printed() -> Callable[..., str]:
    """The leaderboard of a study as a sweep's end prints it, at a given width, without colour."""

    def run(folder: Path, width: int = 120, top: int = TOP) -> str:
        stream = io.StringIO()
        board = rank(read_study(folder), top)
        print_board(board, shown(folder), Console(file=stream, width=width), top)
        return stream.getvalue()

    return run
