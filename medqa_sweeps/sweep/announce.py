"""What a sweep says of itself before it starts, and how to go on when it stopped early."""

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from medqa_sweeps.alarms import leaks
from medqa_sweeps.alarms.faster import faster_here
from medqa_sweeps.alarms.inputs import leaks_of
from medqa_sweeps.base import locate
from medqa_sweeps.command_line import command, short_path
from medqa_sweeps.compose.hydra_node import trial_config
from medqa_sweeps.compose.snapshot import FOLDER, ConfSnapshot
from medqa_sweeps.errors import TrialError
from medqa_sweeps.jobs.launcher import planned_slots, trains_trials
from medqa_sweeps.safety.announcing import announced
from medqa_sweeps.study.confirmation import Confirmation, confirmed_study, read_confirmation
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.study.objective import objective_named
from medqa_sweeps.sweep.loop import SweepResult
from medqa_sweeps.sweep.search_space import SearchSpace
from medqa_sweeps.sweep.study import SAMPLED, Study
from medqa_sweeps.tracking.run_settings import upload_text
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.trial.provenance import changed_files, code_at_start
from medqa_sweeps.wording import EDUCATION_ONLY, listed, percent

_SHOWN_POINTS = 20


def plan_only(config: DictConfig, space: SearchSpace, folder: StudyDir) -> Iterator[str]:
    """What a sweep would do: each trial with what Hydra would compose differently for it."""
    yield from what(config, space, folder)
    yield from _devices(planned_slots(config.hydra.launcher))
    if space.size is None:
        yield f"Points     sampled by {last_word(config.hydra.sweeper.sampler)}, so they are not known yet"
    else:
        for number, point in enumerate(islice(space.points(), _SHOWN_POINTS)):
            words = [word for word in space.overrides(point) if word not in space.fixed]
            yield f"  {number:>4}  {' '.join(words) or 'as it is'}"
        if space.size > _SHOWN_POINTS:
            yield f"  and {space.size - _SHOWN_POINTS:,} more"
    yield "Nothing was run (hydra.sweeper.plan_only=true)."


def announcement(
    config: DictConfig, space: SearchSpace, study: Study, folder: StudyDir, devices: Sequence[str], added: int = 0
) -> Iterator[str]:
    """What will be done, of how much some is done already, and where.

    Args:
        places: the jobs' own lines.
        added: trials that people have added and no sweep has taken up.
    """
    yield from what(config, space, folder)
    if study.begun:
        ended = f"{study.begun - study.under_way:,} of {study.planned + added:,} trials finished"
        yield f"Resuming   {ended}; {study.under_way:,} to continue" + f"; {added:,} added" * bool(added)
    yield from _devices(devices)
    if trains_trials(config):
        yield from _faster(config)
        if uploads := upload_text(config.tracking.mode):
            yield uploads
        yield EDUCATION_ONLY


def _devices(lines: Sequence[str]) -> Iterator[str]:
    for index, line in enumerate(lines):
        yield f"{'Devices    ' if index == 0 else '           '}{line}"


def what(config: DictConfig, space: SearchSpace, folder: StudyDir) -> Iterator[str]:
    """Search space, number of trials, what one trial is, pruning, and where it is written."""
    if confirmation := read_confirmation(folder.path):
        yield from _confirms(confirmation, folder)
    else:
        yield from _searches(config, space)
    if trains_trials(config):
        objective = objective_named(config.hydra.sweeper.metric)
        yield f"Objective  {objective.in_words()}{': a Pareto front' * objective.is_pareto}"
    free = shutil.disk_usage(next(path for path in (folder.path, *folder.path.parents) if path.exists())).free
    yield f"Writes     {short_path(folder.path)}; {free / 2**30:,.0f} GiB are free there"


def about_conf(conf: ConfSnapshot, folder: StudyDir, begins: bool) -> Iterator[str]:
    """Which config files the trials are composed of, where that is not what one expects.

    Args:
        begins: whether the study begins now, with the files as they are.
    """
    for large in conf.too_large():
        yield (
            f"Config     {short_path(large)} holds more than config files, so no copy is kept: each trial reads it as "
            "it is by then"
        )
    if not begins and (edited := conf.edited()):
        names, have = listed([short_path(Path(file)) for file in edited]), "has" if len(edited) == 1 else "have"
        yield (
            f"Config     as it was when this study began ({short_path(folder.path / FOLDER)}); {names} {have} changed "
            "since, which a new study will use"
        )


def about_code(folder: StudyDir) -> Iterator[str]:
    """Whether the code is another than that of the newest trial of a study that goes on."""
    submitted = [trial for trial in folder.trials().values() if trial.config_file.exists()]
    then = submitted[-1].provenance().get("code", {}).get("files") if submitted else None
    if edited := changed_files(then, code_at_start()) if then else []:
        number = submitted[-1].path.name
        yield f"Code       {listed(edited)} changed since trial {number} began: new trials may differ by it"


def about_questions(config: DictConfig, folder: StudyDir) -> Iterator[str]:
    """Whether the questions are others than those of the newest trial of a study that goes on.

    Args:
        config: of a trial, its Hydra node included; nothing is said if it cannot be without the swept values.
    """
    submitted = [trial for trial in folder.trials().values() if trial.config_file.exists()]
    with contextlib.suppress(TrialError):
        then = submitted[-1].provenance().get("questions", {}).get("fingerprint") if submitted else None
        if then is None or read_confirmation(folder.path):
            return
        plan, earlier = plan_trial(trial_config(config)), submitted[-1].config()
        now, number = plan.split.fingerprint, submitted[-1].path.name
        if (plan.config.data, plan.config.split) == (earlier.data, earlier.split) and now != then:
            yield (
                f"Caution    the questions of {earlier.data.name} have changed since trial {number} began (fingerprint "
                f"{then} then, {now} now): trials before and after are not compared"
            )


def _faster(config: DictConfig) -> Iterator[str]:
    """Nothing if the config is none without the swept values."""
    with contextlib.suppress(TrialError):
        model = trial_config(config).model
        if advice := faster_here(model, locate(model).folder):
            yield advice


def _confirms(confirmation: Confirmation, folder: StudyDir) -> Iterator[str]:
    study, seeds = confirmed_study(folder.path, confirmation), ", ".join(map(str, confirmation.seeds))
    best = f"the best {len(confirmation.configs)} of {confirmation.chosen_among:,} configs"
    yield f"Confirms   {short_path(study)}: {best} again under the fresh seeds {seeds}"
    for config in confirmation.configs:
        score = config.chosen_by or percent(config.accuracy)
        yield f"           {config.settings}, as saved in trial {config.trials[0]}: {score} there"
    for shared in {leaks.sentence(*leaks_of(TrialDir(study / str(one.trials[0])))) for one in confirmation.configs}:
        yield from [f"Caution    {shared}."] if shared else ()
    yield f"Trials     {confirmation.trials:,}"


def _searches(config: DictConfig, space: SearchSpace) -> Iterator[str]:
    settings = config.hydra.sweeper
    for index, line in enumerate(space.describe()):
        yield f"{'Search     ' if index == 0 else '           '}{line}"
    sampled = f"sampled by {last_word(settings.sampler)}"
    if settings.custom_search_space:
        yield f"           and what {settings.custom_search_space} suggests"
        yield f"Trials     {settings.n_trials or SAMPLED:,}, {sampled}"
    elif space.size is not None and (settings.n_trials is None or settings.n_trials >= space.size):
        yield f"Trials     {space.size:,}, each point once"
    else:
        yield f"Trials     {settings.n_trials or SAMPLED:,}, {sampled}"
    if trains_trials(config):
        yield from _each_trial(config, space)
    if pruner := last_word(settings.pruner):
        grid = space.size is not None and (settings.n_trials is None or settings.n_trials >= space.size)
        yield f"Pruning    {pruner}{'; in a mixed order, for good rivals to come early' if grid else ''}"


def _each_trial(config: DictConfig, space: SearchSpace) -> Iterator[str]:
    """What a trial trains, as far as it is not searched; nothing if the config cannot be without the swept values."""
    try:
        plan = plan_trial(trial_config(config))
    except TrialError:
        return
    questions, training, _ = plan.sentences("")
    yield questions
    rank = f" with LoRA r={plan.config.lora.r}"
    yield training.replace("Training  ", "Each trial").replace(rank, "" if "lora.r" in space.keys else rank)
    if passages := plan.passages_sentence():
        yield passages
    yield from announced(plan.config.safety, len(plan.split.validation), plan.most_options)


def how_to_go_on(swept: SweepResult, folder: StudyDir) -> Iterator[str]:
    """The last lines of a sweep that is not complete."""
    yield f"Not complete: {swept.why}."
    yield f"To resume: {command('resume', folder.path)}"


def last_word(node: Any) -> str:
    """`TPESampler` of a node with a `_target_`; empty for none."""
    return str(node.get("_target_", "")).rpartition(".")[2] if isinstance(node, DictConfig) else ""
