"""A study as it stands, from its folders alone: the sweep's own table, seen from another terminal."""

import time
from pathlib import Path

from rich.console import Console

from medqa_sweeps.objective import objective_in
from medqa_sweeps.record import AttemptLine, MetricsLine, Outcome
from medqa_sweeps.sweep.jobs import Ended
from medqa_sweeps.sweep.study import StudyDir
from medqa_sweeps.sweep.table import SweepTable
from medqa_sweeps.sweep.trial_jobs import trial_end, words_of
from medqa_sweeps.trial_dir import TrialDir


def print_status(study: StudyDir, console: Console) -> None:
    """Print what has ended, what runs, and what was interrupted.

    Raises:
        ConfigError: if the folder holds no study.
    """
    total = study.definition()["trials"]
    trials = sorted((path for path in study.path.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name))
    settings = _settings(trials)
    objective = objective_in(study.path)
    table = SweepTable(console, max(total, len(trials)), objective)
    for path in trials:
        trial, number = TrialDir(path), int(path.name)
        result, lines = trial.result(), trial.lines()
        table.started(number, settings[path], result.seconds if result else _seconds_since_start(lines))
        if result is not None:
            table.ended(trial_end(number, result, objective), settings[path])
            continue
        for line in lines:
            table.look(number, line)
        if not trial.is_claimed():
            why = trial.last_words() or "its process is gone"
            table.ended(Ended(number, Outcome.INTERRUPTED, message=why), settings[path])
    console.print(table.picture())


def _seconds_since_start(lines: list[MetricsLine]) -> float:
    """Of the newest attempt; 0 before the first has begun."""
    starts = [line.time for line in lines if isinstance(line, AttemptLine)]
    return max(0.0, time.time() - starts[-1]) if starts else 0.0


def _settings(trials: list[Path]) -> dict[Path, str]:
    """What each trial was told and not all were."""
    words = {path: words_of(path) for path in trials}
    common = set.intersection(*map(set, words.values())) if words else set()
    return {path: " ".join(word for word in told if word not in common) for path, told in words.items()}
