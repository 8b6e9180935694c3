"""What a confirming study shows: how good the chosen configs are under new seeds, and whether their order held.

A config that was the best of many was partly lucky: with its seed, and with the questions. Its fresh seeds had no part
in the choice, so their mean is free of the luck of the seed. The questions are those that chose; only the test split,
read once by `medqa_sweeps final`, is free of both.
"""

from dataclasses import dataclass
from pathlib import Path

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, Row, leaderboard
from medqa_sweeps.analysis.reading.studies import read_study
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.installation import COMMAND
from medqa_sweeps.study.confirmation import confirmation_beside, confirmed_study, read_confirmation


@dataclass(frozen=True)
class ConfirmedConfig:
    """A config under its new seeds, as far as they have completed."""

    settings: str  # "lora.r=8"
    chosen_accuracy: float  # in the first study, where it was chosen by it
    asked: int  # trials of it in the confirming study, one a seed
    row: Row | None  # of the confirming study's leaderboard; None: no trial has completed
    chosen_by: str = ""  # what else than accuracy it was chosen by: "calibration_error 0.042"

    @property
    def complete(self) -> bool:
        return self.row is not None and len(self.row.trials) == self.asked

    @property
    def optimism(self) -> float | None:
        """How much the first study flattered it: accuracy then minus accuracy under new seeds; a share.

        None before any trial has completed, and of a config that was not chosen by its accuracy.
        """
        return None if self.row is None or self.chosen_by else self.chosen_accuracy - self.row.accuracy.accuracy


@dataclass(frozen=True)
class Confirmed:
    """A confirming study as it stands."""

    study: Path  # the one that it confirms
    chosen_among: int
    seeds: tuple[int, ...]
    configs: tuple[ConfirmedConfig, ...]  # in the order of the first study, the best first
    ranked: tuple[ConfirmedConfig, ...]  # those that have completed under a seed or more, the best first
    board: Leaderboard  # of the confirming study

    @property
    def complete(self) -> bool:
        return all(config.complete for config in self.configs)

    @property
    def order_held(self) -> bool:
        return self.complete and self.ranked == self.configs


def confirmation_of(study: Path) -> Confirmed | None:
    """What the study beside `study` that confirms it says; `study` may be the confirming one. None without one."""
    folder = study if read_confirmation(study) else confirmation_beside(study)
    return read_confirmed(folder) if folder else None


def read_confirmed(folder: Path) -> Confirmed:
    """What a confirming study shows so far: its leaderboard, beside what its configs were chosen by.

    Raises:
        ConfigError: if the folder's study confirms no other, or contains no trial that can be read.
    """
    record = read_confirmation(folder)
    if record is None:
        raise ConfigError(f"{folder} confirms no study. `{COMMAND} confirm STUDY` makes one that does.")
    board = leaderboard(read_study(folder), top=len(record.configs))
    rows = board.rows
    row_of = {trial.name: row for row in rows for trial in row.trials}
    configs = tuple(
        ConfirmedConfig(
            settings=config.settings,
            chosen_accuracy=config.accuracy,
            asked=len(config.again),
            row=next((row_of[str(number)] for number in config.again if str(number) in row_of), None),
            chosen_by=config.chosen_by,
        )
        for config in record.configs
    )
    ranked = [config for row in rows for config in configs if config.row is row]
    study = confirmed_study(folder, record)
    return Confirmed(study, record.chosen_among, tuple(record.seeds), configs, tuple(ranked), board)
