"""What retrieved passages do to the answers of each config: beside itself without them, and with another question's.

Of several seeds, the first whose controls are on file stands for the config, as its answers do elsewhere: the intervals
allow for the choice of questions and not for the seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from medqa_sweeps.analysis.reading.predictions import predictions
from medqa_sweeps.analysis.reading.studies import Trial
from medqa_sweeps.damage import PARSE_ERRORS
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.passages import control_lines
from medqa_sweeps.passages.effect import PassageEffect, passage_effect
from medqa_sweeps.trial.records import PassageScore

_K = "retrieval.k"


@dataclass(frozen=True)
class Corpus:
    """What the passages were taken from, as far as the record of a trial holds it."""

    fingerprint: str
    documents: int
    passages: int
    dropped: int  # passages left out because they give an answer away
    cut: int  # passages that are shown in part
    leaks: tuple[str, ...]  # sentences on what was found
    left_out: tuple[tuple[str, int], ...]  # what was left out of the files, by reason

    @property
    def keeps_leaks(self) -> bool:
        """Whether passages that give an answer away were shown."""
        return bool(self.leaks) and not self.dropped


@dataclass(frozen=True)
class Compared:
    """One trial with its passages, beside its two controls."""

    trial: Trial
    score: PassageScore
    effect: PassageEffect  # corrected for the configs of the study


@dataclass(frozen=True)
class ConfigPassages:
    """Of one config that shows passages."""

    compared: Compared | None = None  # None: no trial of it has answers to both controls
    corpus: Corpus | None = None  # None: not recorded
    damaged: tuple[str, ...] = field(default_factory=tuple)  # a sentence for each seed whose files cannot be read


def shows_passages(trial: Trial) -> bool:
    """Whether its prompts do; not those of an older trial, whose config has no such setting."""
    return bool(trial.settings.get(_K))


def passages_of(configs: Sequence[tuple[Trial, ...]], among: int) -> list[ConfigPassages | None]:
    """Of each config, given as its trials, a seed each; None for one that shows no passages.

    Args:
        among: number of configs of the study, for which intervals are corrected.
    """
    return [_of(trials, among) if shows_passages(trials[0]) else None for trials in configs]


def _of(trials: Sequence[Trial], among: int) -> ConfigPassages:
    damaged = list[str]()
    for trial in trials:
        try:
            if found := _compared(trial, among):
                return ConfigPassages(found, _corpus(trial), tuple(damaged))
        except ConfigError as error:
            damaged.append(f"trial {trial.name}: {error}")
    return ConfigPassages(None, _corpus(trials[0]), tuple(damaged))


def _compared(trial: Trial, among: int) -> Compared | None:
    if trial.result is None or trial.result.passages is None:
        return None
    lines = control_lines.read(trial.directory)
    effect = passage_effect(lines, predictions(trial, trial.result.samples_seen), among)
    return None if effect is None else Compared(trial, trial.result.passages, effect)


def _corpus(trial: Trial) -> Corpus | None:
    try:
        return _read(trial.directory.provenance()["passages"])
    except (ConfigError, *PARSE_ERRORS):
        return None


def _read(record: Mapping[str, Any]) -> Corpus:
    return Corpus(
        str(record["corpus"]),
        int(record["documents"]),
        int(record["passages"]),
        int(record["dropped"]),
        int(record["cut"]),
        tuple(map(str, record["leaks"])),
        tuple((str(reason), int(count)) for reason, count in record["left_out"].items()),
    )
