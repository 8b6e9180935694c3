"""A trial before its first process: composed, checked, planned, and what Hydra writes for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from omegaconf import DictConfig, OmegaConf

from medqa_sweeps.compose.hydra_node import trial_config, without_hydra
from medqa_sweeps.jobs.contract import Job
from medqa_sweeps.safety.suites import refuse_unreadable
from medqa_sweeps.study.objective import Objective, refuse_unmeasured
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import Plan, plan_new_trial, plan_trial

Compose = Callable[[Sequence[str], int], DictConfig]  # of overrides and number


@dataclass(frozen=True)
class Prepared:
    """What a trial needs to start."""

    trial: TrialDir
    plan: Plan
    composed: DictConfig | None = None  # with Hydra's own node, which `.hydra/` keeps; None: there is no Hydra


def prepared_trial(
    folder: Path, number: int, overrides: Sequence[str], compose: Compose | None, objective: Objective
) -> Job:
    """A trial that is composed, checked and planned; one that was submitted before is what it was then.

    Args:
        folder: of the study.
        compose: None where every trial was submitted before.

    Raises:
        TrialError: if it cannot run as asked.
    """
    trial = TrialDir(folder / str(number))
    composed = None
    if trial.config_file.exists():
        plan = plan_trial(trial.config())
    else:
        assert compose is not None, "jobs that come prepared are not composed here"
        composed = compose(overrides, number)
        plan = plan_new_trial(trial_config(composed))
        refuse_unreadable(plan.config.safety)
    refuse_unmeasured(objective, plan.config.evaluation.method, plan.config.safety)
    return Job(number, tuple(overrides), plan.signature, Prepared(trial, plan, composed))


def write_hydra_files(composed: DictConfig, trial: TrialDir) -> None:
    """What Hydra writes for every job: the config unresolved, its own settings, and the overrides."""
    # As they were typed: an interpolation stays one.
    trial.write_overrides(cast(list[str], OmegaConf.to_container(composed.hydra.overrides.task, resolve=False)))
    hydra = OmegaConf.create({"hydra": composed.hydra})
    OmegaConf.save(without_hydra(composed), trial.composed_file)
    OmegaConf.save(hydra, trial.hydra_file)
