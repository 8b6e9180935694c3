"""Runs the best configs of a study again under fresh seeds: a study of its own, made of the saved configs.

The trials' folders are written ahead, each with the config of the trial that it repeats, so nothing is composed
anew and later edits of `conf/` change nothing. The sweep that follows is the first study's own program; it asks for
as many trials as there are folders, and finds each one submitted already.
"""

import dataclasses
import itertools
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml

from medqa_sweeps.confirmation import (
    ChosenConfig,
    Confirmation,
    confirming_folder,
    read_confirmation,
    write_confirmation,
)
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.plan import plan_trial, refuse_changed
from medqa_sweeps.provenance import collect, command_line
from medqa_sweeps.record import Outcome
from medqa_sweeps.sweep.steering import become_program, is_swept
from medqa_sweeps.sweep.study import StudyDir
from medqa_sweeps.sweep.trial_jobs import words_of, write_words
from medqa_sweeps.trial_dir import TrialDir

_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NOT_THE_CONFIG = ("seed", "tracking", "engine")
_OF_THE_SEARCH = ("hydra.sweep.", "hydra.sweeper.", "hydra/sweeper", "seed=")
_OF_ANY_SWEEP = ("hydra.sweeper.n_jobs=", "hydra.sweeper.max_failure_rate=", "hydra.sweeper.metric=")
_NO_SEARCH = (
    *("hydra/sweeper/pruner=none", "hydra.sweeper.params=null", "hydra.sweeper.zip=[]", "hydra.sweeper.when={}"),
    *("hydra.sweeper.custom_search_space=null", "hydra.sweeper.storage=null", "hydra.sweeper.study_name=null"),
    *("hydra.sweeper.timeout=null", "hydra.sweeper.max_device_hours=null"),
)


@dataclass(frozen=True)
class _Trial:
    """A trial of the first study."""

    number: int
    config: str  # everything but the seed, as text: equal texts, replicates
    seed: int
    accuracy: float | None  # None unless it has completed


def confirm(study: StudyDir, top: int, seeds: int, into: Path | None = None) -> NoReturn:
    """Write the confirming study, then become the program that swept the first one, to run it.

    Args:
        top: configs to run again, the best by mean accuracy over their seeds.
        seeds: trials of each, under seeds that the first study did not use.
        into: folder of the confirming study; None: the study's name and "-confirm".

    Raises:
        ConfigError: if there is no such study, it is being swept, too few configs of it have completed, or the folder
            confirms something else.
        DataError: if questions or base have changed since.
    """
    origin = study.definition()
    folder = StudyDir((into or confirming_folder(study.path)).resolve())
    confirmation = read_confirmation(folder.path)
    if confirmation is None:
        with study.claimed():  # of a study that is being swept nobody knows the best yet
            confirmation = choose(study.path, folder.path, top, seeds)
    if (len(confirmation.configs), len(confirmation.seeds)) != (top, seeds):
        raise ConfigError(
            f"{folder.path} confirms {len(confirmation.configs)} configs under {len(confirmation.seeds)} seeds "
            "already. Ask for the same, `resume` it, or give another folder: --into FOLDER."
        )
    with folder.claimed():
        write_confirmation(folder.path, confirmation)
        _submit(study.path, folder.path, confirmation)
    become_program(origin, _words(origin["command"][1:], confirmation.trials), folder.path)


def choose(study: Path, folder: Path, top: int, seeds: int) -> Confirmation:
    """The best `top` configs of a study's completed trials, and the smallest seeds that it did not use.

    Raises:
        ConfigError: if the study has fewer configs with a score.
    """
    trials = list(_trials(study))
    replicates: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
    for trial in trials:
        if trial.accuracy is not None:
            replicates[trial.config].append((trial.accuracy, trial.number))
    if len(replicates) < top or top < 1 or seeds < 1:
        raise ConfigError(
            f"--top {top} --seeds {seeds}: {study} has {len(replicates)} configs with a score; allowed are 1 to that "
            "many configs and 1 seed or more."
        )
    best = sorted(replicates.values(), key=lambda group: (-_mean(group), min(number for _, number in group)))[:top]
    settings = _told_apart(study, [trial.number for trial in trials])
    used = {trial.seed for trial in trials}
    numbers = itertools.count()
    return Confirmation(
        study=os.path.relpath(study, folder),
        chosen_among=len(replicates),
        seeds=list(itertools.islice((seed for seed in itertools.count() if seed not in used), seeds)),
        configs=[
            ChosenConfig(
                settings=settings[first := max(group)[1]] or f"trial {first}",
                trials=[number for _, number in sorted(group, key=lambda one: (-one[0], one[1]))],
                accuracy=_mean(group),
                again=list(itertools.islice(numbers, seeds)),
            )
            for group in best
        ],
    )


def _submit(study: Path, folder: Path, confirmation: Confirmation) -> None:
    """Write the folders of the trials, checked and planned; those that are there stay."""
    for config in confirmation.configs:
        first = TrialDir(study / str(config.trials[0]))
        words = [word for word in words_of(first.path) if not word.startswith("seed=")]
        for number, seed in zip(config.again, confirmation.seeds, strict=True):
            trial = TrialDir(folder / str(number))
            if trial.config_file.exists():
                continue
            plan = plan_trial(dataclasses.replace(first.config(), seed=seed))
            refuse_changed(plan, first.provenance())
            trial.path.mkdir(parents=True, exist_ok=True)
            write_words([*words, f"seed={seed}"], trial.path)
            trial.submit(plan.config, collect(plan, command_line()))


def _trials(study: Path) -> Iterator[_Trial]:
    for path in study.iterdir():
        trial = TrialDir(path)
        if not (path.name.isdecimal() and trial.config_file.exists()):
            continue
        config: dict[str, Any] = yaml.load(trial.config_file.read_text(encoding="utf-8"), _YAML_LOADER)
        result = trial.result()
        scored = result is not None and result.outcome is Outcome.COMPLETED and result.score
        kept = {key: value for key, value in config.items() if key not in _NOT_THE_CONFIG}
        accuracy = result.score.accuracy if result and result.score and scored else None
        yield _Trial(int(path.name), json.dumps(kept, sort_keys=True), config["seed"], accuracy)


def _told_apart(study: Path, numbers: Sequence[int]) -> dict[int, str]:
    """What each trial was told and not all were, without its seed."""
    words = {number: words_of(study / str(number)) for number in numbers}
    common = set.intersection(*map(set, words.values())) if words else set()
    return {
        number: " ".join(word for word in told if word not in common and not word.startswith("seed="))
        for number, told in words.items()
    }


def _words(asked: Sequence[str], trials: int) -> list[str]:
    """The first sweep's words without its search, which is over, and the number of trials instead."""
    kept = [word for word in asked if word.startswith(_OF_ANY_SWEEP) or not _is_of_the_search(word)]
    return [*kept, *_NO_SEARCH, f"hydra.sweeper.n_trials={trials}"]


def _is_of_the_search(word: str) -> bool:
    return word.startswith(_OF_THE_SEARCH) or is_swept(word)


def _mean(group: Sequence[tuple[float, int]]) -> float:
    return sum(accuracy for accuracy, _ in group) / len(group)
