"""Runs the best configs of a study again under fresh seeds: a study of its own, made of the saved configs.

The trials' folders are written ahead, each with the config of the trial that it repeats, so nothing is composed
anew and later edits of `conf/` change nothing. The sweep that follows is the first study's own program; it asks for
as many trials as there are folders, and finds each one submitted already.
"""

import dataclasses
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from medqa_sweeps.command_line import command_of_this_process
from medqa_sweeps.config.overrides import key_of, override, overrides_among
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.pool.request import DeviceRequest, with_devices
from medqa_sweeps.study.best import ScoredConfig, ranked_in
from medqa_sweeps.study.confirmation import (
    ChosenConfig,
    Confirmation,
    confirmation_beside,
    confirming_folder,
    read_confirmation,
    write_confirmation,
)
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.study.labels import labels
from medqa_sweeps.study.objective import objective_in
from medqa_sweeps.study_identity import identity_of
from medqa_sweeps.sweep.steering import is_swept
from medqa_sweeps.sweep.study_program import program_of
from medqa_sweeps.tracking.variables import to_record, variables_here
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import Plan, plan_trial, refuse_changed
from medqa_sweeps.trial.provenance import collect

_OF_THE_SEARCH = ("hydra.sweep.", "hydra.sweeper.", "hydra/sweeper")
_OF_ANY_SWEEP = ("hydra.sweeper.n_jobs", "hydra.sweeper.max_failure_rate", "hydra.sweeper.metric")
_NO_SEARCH = (
    *("hydra/sweeper/pruner=none", "hydra.sweeper.params=null", "hydra.sweeper.zip=[]", "hydra.sweeper.when={}"),
    *("hydra.sweeper.custom_search_space=null", "hydra.sweeper.storage=null", "hydra.sweeper.study_name=null"),
    *("hydra.sweeper.timeout=null", "hydra.sweeper.max_device_hours=null"),
)


def confirm(
    study: StudyDir, top: int, seeds: int, into: Path | None = None, devices: DeviceRequest | None = None
) -> NoReturn:
    """Write the confirming study, then become the program that swept the first one, to run it.

    Args:
        top: configs to run again, the best by mean accuracy over their seeds.
        seeds: trials of each, under seeds that the first study did not use.
        into: folder of the confirming study; None: the study's name and "-confirm".
        devices: to run on; None: those of the first study's command.

    Raises:
        ConfigError: if there is no such study, it is being swept, too few configs of it have completed, or the folder
            confirms something else.
        DataError: if questions or base have changed since.
    """
    program = program_of(study)
    asked = with_devices(program.arguments, devices) if devices else program.arguments
    folder = StudyDir((into or confirmation_beside(study.path) or confirming_folder(study.path)).resolve())
    confirmation = read_confirmation(folder.path)
    if confirmation is None:
        with study.claimed():  # of a study that is being swept nobody knows the best yet
            confirmation = choose(study.path, folder.path, top, seeds)
    if (len(confirmation.configs), len(confirmation.seeds)) != (top, seeds):
        raise ConfigError(
            f"{folder.path} confirms {len(confirmation.configs)} configs under {len(confirmation.seeds)} seeds "
            "already. Ask for the same, `resume` it, or give another folder: --into FOLDER."
        )
    planned = list(_planned(study.path, folder.path, confirmation))
    with folder.claimed():
        write_confirmation(folder.path, confirmation)
        for trial, plan, told in planned:
            trial.path.mkdir(parents=True, exist_ok=True)
            trial.write_overrides(told)
            trial.submit(
                plan.config, collect(plan, command_of_this_process(), to_record(variables_here(), alone=False))
            )
    program.become(_arguments(asked, confirmation.trials), folder.path, study.path)


def choose(study: Path, folder: Path, top: int, seeds: int) -> Confirmation:
    """The best `top` configs of a study by their mean over seeds, and the smallest seeds that it did not use.

    Raises:
        ConfigError: if the study has fewer configs with a score.
    """
    configs, objective = ranked_in(study), objective_in(study)
    if len(configs) < top or top < 1 or seeds < 1:
        raise ConfigError(
            f"--top {top} --seeds {seeds}: {study} has {len(configs)} configs with a score; allowed are 1 to that "
            "many configs and 1 seed or more."
        )
    settings = _labels(study)
    numbers = itertools.count()
    return Confirmation(
        study=os.path.relpath(study, folder),
        study_id=identity_of(study).id,
        chosen_among=len(configs),
        seeds=_fresh_seeds(study, seeds),
        configs=[
            ChosenConfig(
                settings=settings[config.first.number] or f"trial {config.first.number}",
                trials=[trial.number for trial in config.trials],
                accuracy=_accuracy(study, config),
                again=list(itertools.islice(numbers, seeds)),
                chosen_by="" if objective.is_accuracy else objective.describe_all(config.means),
            )
            for config in configs[:top]
        ],
    )


def _accuracy(study: Path, config: ScoredConfig) -> float:
    """On validation, mean over seeds."""
    results = [TrialDir(study / str(trial.number)).result() for trial in config.trials]
    accuracies = [result.score.accuracy for result in results if result and result.score]
    return sum(accuracies) / len(accuracies)


def _fresh_seeds(study: Path, count: int) -> list[int]:
    """The smallest seeds that no trial of the study has."""
    used = {trial.config().seed for trial in StudyDir(study).trials().values() if trial.config_file.exists()}
    return list(itertools.islice((seed for seed in itertools.count() if seed not in used), count))


def _planned(study: Path, folder: Path, confirmation: Confirmation) -> Iterator[tuple[TrialDir, Plan, list[str]]]:
    """The trials that are to be submitted, checked, with their overrides; those that are there stay."""
    for config in confirmation.configs:
        first = TrialDir(study / str(config.trials[0]))
        overrides = [argument for argument in first.overrides() if key_of(argument) != "seed"]
        for number, seed in zip(config.again, confirmation.seeds, strict=True):
            trial = TrialDir(folder / str(number))
            if trial.config_file.exists():
                continue
            plan = plan_trial(dataclasses.replace(first.config(), seed=seed))
            refuse_changed(plan, first.provenance())
            yield trial, plan, [*overrides, override("seed", seed)]


def _labels(study: Path) -> dict[int, str]:
    """By number, what sets each trial apart besides its seed."""
    told = {number: trial.overrides() for number, trial in StudyDir(study).trials().items()}
    return labels({number: [one for one in own if key_of(one) != "seed"] for number, own in told.items()})


def _arguments(asked: Sequence[str], trials: int) -> list[str]:
    """The first sweep's words without its search, which is over, and the number of trials instead."""
    searched = set(filter(_is_of_the_search, overrides_among(asked)))
    kept = [argument for argument in asked if argument not in searched]
    return [*kept, *_NO_SEARCH, override("hydra.sweeper.n_trials", trials)]


def _is_of_the_search(argument: str) -> bool:
    key = key_of(argument)
    return key not in _OF_ANY_SWEEP and (key == "seed" or key.startswith(_OF_THE_SEARCH) or is_swept(argument))
