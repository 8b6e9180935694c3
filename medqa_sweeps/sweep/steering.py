"""What people ask of a sweep from another terminal: to stop, or to try something more. It passes through the folder.

`medqa-sweeps stop STUDY` and `add STUDY OVERRIDES` write; the sweep's loop looks several times a second. A
request that no sweep has obeyed yet is obeyed by the next one in that folder.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from medqa_sweeps.command_line import command
from medqa_sweeps.config import TRIAL_KEYS, TrialConfig
from medqa_sweeps.durable.files import write_atomically
from medqa_sweeps.durable.lines import append_lines, read_lines
from medqa_sweeps.errors import ConfigError, TrialError
from medqa_sweeps.pool.request import DeviceRequest, with_devices
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.sweep.loop import Sweep
from medqa_sweeps.sweep.study import Study
from medqa_sweeps.sweep.study_program import arguments_found_again, found_again, program_of
from medqa_sweeps.trial.folder import StopReason, TrialDir

if TYPE_CHECKING:
    from omegaconf import DictConfig


def ask_to_stop(study: StudyDir, number: int | None) -> str:
    """Ask the sweep, or one trial of it, to stop; a sentence for whoever asked.

    Raises:
        ConfigError: if there is no such study or trial, or the trial has ended.
    """
    study.definition()  # refuses a folder without a study
    trial = TrialDir(study.path / str(number))
    if not study.is_claimed() and not (trial.config_file.exists() and trial.is_claimed()):
        raise ConfigError(
            f"Nothing runs in {study.path}, so there is nothing to stop. `status {study.path}` says more."
        )
    if number is None:
        write_atomically(study.stop_file, StopReason.INTERRUPTED)
        return "Stop requested: no new trial will start; running trials save a checkpoint and stop."
    if not trial.config_file.exists():
        status = command("status", study.path)
        raise ConfigError(f"{study.path} has no trial {number} yet. `{status}` lists those that run.")
    if trial.result() is not None:
        raise ConfigError(f"trial {number} of {study.path} has ended already ({trial.result_file.name} says how).")
    trial.ask_to_stop(StopReason.REQUESTED)
    return f"Stop requested: trial {number} will be evaluated now and marked as stopped on request."


def add(study: StudyDir, overrides: Sequence[str]) -> str:
    """Put a trial of one's own before all others; a sentence for whoever asked.

    Raises:
        ConfigError: if there is no such study, or a word is no override.
        TrialError: if a trial with these overrides cannot run.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import OverrideParseException
    from omegaconf import OmegaConf

    from medqa_sweeps.config.overrides import with_typed_texts

    definition = study.definition()
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except OverrideParseException as error:
        raise ConfigError(f"{' '.join(overrides)}: {error}") from None
    swept = [one.input_line for one in parsed if one.is_sweep_override()]
    if swept or not parsed:
        raise ConfigError(
            f"{' '.join(overrides) or 'nothing'}: give one value per key, such as lora.r=128: `add` adds one trial."
        )
    told = []
    if definition.get("config", {}).keys() >= TRIAL_KEYS:
        schema = OmegaConf.structured(TrialConfig)
        overrides = [str(with_typed_texts(one, schema).input_line) for one in parsed]
        told = _checked(study, overrides)
    append_lines(study.added_file, [{"overrides": list(overrides)}])
    return "\n".join([*told, "Added: the sweep that runs takes it up next; if none runs, `resume` does."])


def _checked(study: StudyDir, overrides: Sequence[str]) -> list[str]:
    """What is surely not meant by a trial with these overrides, a line each; of the questions only if they are others
    than the study's, which said it when it began.

    Raises:
        TrialError: if it cannot be composed or planned.
    """
    from omegaconf import OmegaConf

    from medqa_sweeps.alarms.cautions import caution_lines
    from medqa_sweeps.compose.composer import composer_again
    from medqa_sweeps.compose.hydra_node import task_overrides
    from medqa_sweeps.compose.refusals import refuse_overrides
    from medqa_sweeps.study.objective import objective_in
    from medqa_sweeps.sweep.announce import about_questions
    from medqa_sweeps.sweep.preflight import trial_check
    from medqa_sweeps.sweep.space_parsing import parse_search_space

    refuse_overrides(overrides)
    try:
        with contextlib.chdir(program_of(study).directory):  # where the sweep runs: its relative paths begin there
            composed: Any = OmegaConf.load(study.composed_file)
            composer = composer_again(composed, study.path, lambda path: found_again(study, path))
            params: Any = OmegaConf.to_container(composed.hydra.sweeper.params or OmegaConf.create())
            space = parse_search_space(task_overrides(composed.hydra), params, [], {}, composer.loader)
            check = trial_check(composer.compose, objective_in(study.path))
            study_overrides = arguments_found_again(study, space.fixed)
            found = list(check([*study_overrides, *overrides]))
            known = _same_questions(composer.compose, study_overrides, [*study_overrides, *overrides])
            lines = caution_lines(one for one in found if not (known and one.about_data))
            return [*lines, *about_questions(composer.compose([*study_overrides, *overrides], 0), study)]
    except FileNotFoundError as error:
        raise ConfigError(f"{error.filename} is not there any more, so a trial cannot be checked.") from None


def _same_questions(
    compose: Callable[[Sequence[str], int], "DictConfig"], study: Sequence[str], trial: Sequence[str]
) -> bool:
    """Whether a trial reads and splits the questions as the study does without its swept values."""
    from medqa_sweeps.compose.hydra_node import trial_config

    try:
        one, other = (trial_config(compose(overrides, 0)) for overrides in (study, trial))
    except TrialError:  # a study that sweeps over what has no default
        return False
    return (one.data, one.split) == (other.data, other.split)


def is_swept(argument: str) -> bool:
    """Whether a word of a command line gives its key several values, or an interval."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import OverrideParseException

    if argument.startswith("-") or "=" not in argument:  # an option of the program, or its value
        return False
    try:
        return OverridesParser.create().parse_override(argument).is_sweep_override()
    except OverrideParseException:
        return False


def resume(study: StudyDir, devices: DeviceRequest | None = None) -> NoReturn:
    """Become the program that swept here, with the words it was given, and go on in the same folder.

    Args:
        devices: to go on with; None: those of the words.

    Raises:
        ConfigError: if there is no such study, or the program is no longer there.
    """
    program = program_of(study)
    program.become(with_devices(program.arguments, devices) if devices else program.arguments, study.path, study.path)


def added_to(folder: StudyDir) -> list[list[str]]:
    """The overrides of each trial that people have added, whether a sweep has taken it up or not."""
    return list(read_lines(folder.added_file, lambda line: list(line["overrides"])))


class Requests:
    """The requests in a study's folder, for the loop to obey."""

    def __init__(self, folder: StudyDir) -> None:
        self._folder, self._seen_bytes = folder, -1
        folder.stop_file.unlink(missing_ok=True)  # of an earlier sweep

    def obey(self, sweep: Sweep) -> None:
        """Do what has been asked for since the last call."""
        if self._folder.stop_file.exists():
            self._folder.stop_file.unlink()
            sweep.stop("stopped on request")
        size = self._folder.added_file.stat().st_size if self._folder.added_file.exists() else 0
        if size != self._seen_bytes:
            self._seen_bytes = size
            for overrides in self.waiting(sweep.study):
                sweep.study.add(overrides)

    def waiting(self, study: Study) -> list[list[str]]:
        """The overrides of each trial that was added and that no sweep has taken up."""
        return added_to(self._folder)[study.added :]
