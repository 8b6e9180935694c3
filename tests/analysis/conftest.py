"""What the leaderboard prints, for tests to read."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from analysis.terminal import print_leaderboard


@pytest.fixture
def printed() -> Callable[..., str]:
    """What `print_leaderboard` prints, at a given width, without colour."""

    def run(folder: Path, width: int = 120, **options: Any) -> str:
        stream = io.StringIO()
        print_leaderboard(folder, Console(file=stream, width=width), **options)
        return stream.getvalue()

    return run
