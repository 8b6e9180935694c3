"""Hydra's own node of a trial's config: what a value may ask of it, and what of it a trial cannot obey."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, read_write
from omegaconf.errors import OmegaConfBaseException

from medqa_sweeps.config import TrialConfig, from_hydra
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.trial.folder import TrialDir

_BY_NUMBER = "${hydra.job.num}"
_OUTPUT_SUBDIR = ".hydra"


def trial_config(composed: DictConfig) -> TrialConfig:
    """The typed, checked config of what Hydra composed for a trial, its own node included.

    Raises:
        ConfigError: for a missing, mistyped or out-of-range value, or an interpolation that leads nowhere.
    """
    _name_the_folder(composed)
    with own_node_of(composed):
        return from_hydra(composed)


def _name_the_folder(composed: DictConfig) -> None:
    """Fill in `hydra.runtime.output_dir`, which Hydra does when it runs a job itself."""
    runtime, job = composed.hydra.runtime, composed.hydra.job
    if OmegaConf.is_missing(runtime, "output_dir") and not OmegaConf.is_missing(job, "num"):
        with read_write(runtime):
            runtime.output_dir = str(study_folder(composed) / str(job.num))


@contextlib.contextmanager
def own_node_of(composed: DictConfig) -> Iterator[None]:
    """Within: `${hydra:…}` asks this config's node, as it does in a job that Hydra runs itself."""
    shared: Any = HydraConfig.instance()
    before = shared.cfg
    shared.cfg = SimpleNamespace(hydra=composed.hydra)  # its own `set_config` copies the node, for each trial
    try:
        yield
    finally:
        shared.cfg = before


def study_folder(config: DictConfig) -> Path:
    """Where a sweep is to be kept, absolute.

    Raises:
        ConfigError: if `hydra.sweep.dir` cannot be worked out.
    """
    try:
        with own_node_of(config):
            return Path(config.hydra.sweep.dir).absolute()
    except OmegaConfBaseException as error:
        raise ConfigError(f"hydra.sweep.dir cannot be worked out: {str(error).splitlines()[0]}.") from None


def refuse_what_no_trial_obeys(hydra: Any, begun: bool = False) -> None:
    """Nothing if a trial does all that is asked of it.

    Args:
        begun: whether the study goes on with the config files as they were, where output_subdir may be a plain null.

    Raises:
        ConfigError: if the settings ask for a folder of another name, for another working directory, or for no .hydra/.
    """
    subdir = OmegaConf.to_container(hydra.sweep, resolve=False)["subdir"]  # type: ignore[call-overload,index]
    if subdir not in (_BY_NUMBER, "${hydra:job.num}"):
        raise ConfigError(
            f"hydra.sweep.subdir={subdir}: the folder of a trial is its number in the study, by which `status`, `stop` "
            "and the leaderboard call it. Leave this out; what each trial was given is in its config.yaml."
        )
    given = not OmegaConf.is_interpolation(hydra, "output_subdir")  # conf/config.yaml's own is one
    if given and hydra.output_subdir != _OUTPUT_SUBDIR and not (begun and hydra.output_subdir is None):
        asked = "null" if hydra.output_subdir is None else hydra.output_subdir
        raise ConfigError(
            f"hydra.output_subdir={asked}: a trial's overrides and Hydra's settings are always kept in its folder "
            f"{_OUTPUT_SUBDIR}/, from which it is resumed and reproduced. Leave this out."
        )
    if hydra.job.chdir:
        raise ConfigError(
            "hydra.job.chdir=true: a trial runs in its own process, and relative paths start at the folder you are in. "
            "Leave this out; ${hydra:runtime.output_dir} is the trial's folder."
        )


def task_overrides(hydra: Any) -> list[str]:
    """The overrides of the task as they were typed: `${…}` in them is for the config that they make."""
    typed: Any = OmegaConf.to_container(hydra.overrides.task, resolve=False)
    return list(typed)


def environment_of(trial: Path) -> Mapping[str, str]:
    """`hydra.job.env_set`, as the trial was submitted: variables for its process."""
    file = TrialDir(trial).hydra_file
    if not file.exists() or "\n    env_set: {}\n" in (text := file.read_text(encoding="utf-8")):
        return {}
    variables: Any = OmegaConf.create(text).hydra.job.get("env_set") or {}
    return {str(name): str(variables[name]) for name in variables}


def without_hydra(composed: DictConfig) -> DictConfig:
    """A copy without Hydra's own node."""
    bare = composed.copy()
    with contextlib.suppress(KeyError):
        OmegaConf.set_struct(bare, False)
        del bare["hydra"]
    return bare


def with_hydra(task: DictConfig, hydra: Any) -> DictConfig:
    """The inverse of `without_hydra`."""
    whole = task.copy()
    OmegaConf.set_struct(whole, False)
    whole.hydra = hydra
    return whole
