"""The record of a study that confirms another: which of its configs run again, with which new seeds.

`confirm.yaml` is in the folder of the confirming study. It is written before the trials and never changes.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from medqa_sweeps import damage, study_identity
from medqa_sweeps.durable.files import write_atomically
from medqa_sweeps.study.best import ranked_in
from medqa_sweeps.study_identity import identity_of
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Outcome

_FILE = "confirm.yaml"


@dataclass(frozen=True)
class ChosenConfig:
    """A config of the first study that runs again."""

    settings: str  # its label there: "lora.r=8"
    trials: list[int]  # its trials in the first study: replicates, in the order of their seeds
    accuracy: float  # their mean validation accuracy; it was selected by this unless `chosen_by` names another metric
    again: list[int]  # its trials in the confirming study, one per seed, in the seeds' order
    chosen_by: str = (
        ""  # the metric it was selected by, over the same trials, if not accuracy: "calibration_error 0.042"
    )


@dataclass(frozen=True)
class Confirmation:
    """A whole `confirm.yaml`."""

    study: str  # the first study's folder at that time, relative to the confirming study's
    chosen_among: int  # number of configs with a score
    seeds: list[int]  # not used in the first study
    configs: list[ChosenConfig]  # best first
    study_id: str | None = None  # of the first study, whose folder may be renamed; None: written by an earlier version

    @property
    def trials(self) -> int:
        return len(self.seeds) * len(self.configs)

    def labels(self) -> dict[int, str]:
        """A label for each trial of the confirming study, by number: "lora.r=8 seed=3"."""
        return {
            number: f"{config.settings} seed={seed}"
            for config in self.configs
            for number, seed in zip(config.again, self.seeds, strict=True)
        }


def write_confirmation(folder: Path, confirmation: Confirmation) -> None:
    text = yaml.safe_dump(dataclasses.asdict(confirmation), sort_keys=False, allow_unicode=True)
    write_atomically(folder / _FILE, text)


def read_confirmation(folder: Path) -> Confirmation | None:
    """The folder's `confirm.yaml`; None if its study confirms no other.

    Raises:
        ConfigError: if the file is damaged.
    """
    try:
        with damage.parsing(folder / _FILE):
            data: dict[str, Any] = yaml.safe_load((folder / _FILE).read_text(encoding="utf-8"))
            return Confirmation(**{**data, "configs": [ChosenConfig(**config) for config in data["configs"]]})
    except (FileNotFoundError, NotADirectoryError):
        return None


def confirming_folder(study: Path) -> Path:
    """The default folder for the confirmation of a study."""
    return study.with_name(f"{study.name}-confirm")


def confirmation_beside(study: Path) -> Path | None:
    """The folder of the study that confirms this one, also after both were renamed; None: there is none."""
    study = study.resolve()
    beside = [confirming_folder(study), *(file.parent for file in sorted(study.parent.glob(f"*/{_FILE}")))]
    return next((folder for folder in beside if _confirms(folder, study)), None)


def confirmed_study(folder: Path, confirmation: Confirmation) -> Path:
    """The current folder of the first study: the recorded one, or a neighbouring folder with its id."""
    recorded = (folder / confirmation.study).resolve()
    if confirmation.study_id is None or identity_of(recorded).id == confirmation.study_id:
        return recorded
    beside = (file.parent for file in sorted(folder.resolve().parent.glob(f"*/{study_identity.FILE}")))
    return next((other for other in beside if identity_of(other).id == confirmation.study_id), recorded)


def _confirms(folder: Path, study: Path) -> bool:
    confirmation = read_confirmation(folder)
    if confirmation is None:
        return False
    if confirmation.study_id is not None:
        return confirmation.study_id == identity_of(study).id
    return (folder / confirmation.study).resolve() == study


def confirmed_accuracies(folder: Path, numbers: Sequence[int]) -> list[float]:
    """The validation accuracies of those trials of the confirming study that have completed."""
    results = [TrialDir(folder / str(number)).result() for number in numbers]
    return [one.score.accuracy for one in results if one and one.outcome is Outcome.COMPLETED and one.score]


def confirmed_winner(folder: Path) -> ChosenConfig | None:
    """The config with the highest mean over its new seeds; None until every trial of every config has completed."""
    confirmation = read_confirmation(folder)
    if confirmation is None:
        return None
    if any(len(confirmed_accuracies(folder, config.again)) < len(config.again) for config in confirmation.configs):
        return None
    best = ranked_in(folder)[0].first.number
    return next(config for config in confirmation.configs if best in config.again)
