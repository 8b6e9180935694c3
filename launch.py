"""Fine-tune a small language model on medical exam questions: one run, or with -m a sweep.

    uv run launch.py                                               Gemma 3 1B on MedQA-USMLE
    uv run launch.py -m lora.r=8,16,32,64                          four ranks, compared
    uv run launch.py -m experiment=quickstart lora.r=8,16,32,64    the same on any machine, in about a minute

For education and research only; never for clinical decisions.
"""

import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig

from medqa_sweeps.command_line import outlive_readers
from medqa_sweeps.commands import SUMMARIES
from medqa_sweeps.compose.arguments import launch_arguments
from medqa_sweeps.compose.composer import register_schema
from medqa_sweeps.compose.ending import end_with
from medqa_sweeps.compose.launch_help import print_help
from medqa_sweeps.compose.refusals import in_sentences, refuse_overrides, refuse_unknown_of_hydra
from medqa_sweeps.config import from_hydra
from medqa_sweeps.durable.writable_folders import complete_environment
from medqa_sweeps.errors import TrialError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.installation import CONF
from medqa_sweeps.study.objective import objective_named
from medqa_sweeps.trial.folder import TrialDir

register_schema()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def main(composed: DictConfig) -> float | list[float] | None:
    """Compose, check, announce, write the trial folder, run its child; the objective's value if it was scored."""
    from medqa_sweeps.compose.hydra_node import refuse_what_no_trial_obeys, task_overrides, with_hydra
    from medqa_sweeps.compose.texts import refuse_numbers_for_texts
    from medqa_sweeps.jobs.single import run_single  # not needed for --help or a config error
    from medqa_sweeps.pool.request import requested_of_launcher

    hydra_config = HydraConfig.get()
    alone = hydra_config.mode is RunMode.RUN
    trial = TrialDir(Path(hydra_config.runtime.output_dir).resolve())
    try:
        refuse_unknown_of_hydra(hydra_config)
        refuse_what_no_trial_obeys(hydra_config)
        refuse_overrides(task_overrides(hydra_config))
        devices = requested_of_launcher(hydra_config.launcher)
        whole = with_hydra(composed, hydra_config)
        refuse_numbers_for_texts(whole)
        result = run_single(from_hydra(composed), trial, alone or hydra_config.job.num == 0, devices, whole, alone)
    except TrialError as error:
        trial.discard_unsubmitted()
        if alone:
            end_with(error)
        raise CompactHydraException(str(error)) from error  # one job of another sweeper's: the others still run
    if result is None:
        sys.exit(ExitCode.INTERRUPTED)
    if result.score is None and alone:
        sys.exit(ExitCode.FAILED)
    objective = objective_named(hydra_config.sweeper.get("metric"))
    return objective.value(result.score) if result.score else None


def program(argv: list[str]) -> None:
    """One run or a sweep, as a command line asks for; ends this process."""
    arguments = launch_arguments(argv)
    try:
        if arguments.help:
            print_help(CONF, SUMMARIES, arguments.overrides)
            sys.exit(ExitCode.OK)
        with in_sentences(arguments.overrides):
            main()
    except TrialError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:  # before a trial or a sweep listens for it
        print("Interrupted. Nothing had begun.", file=sys.stderr)
        sys.exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    outlive_readers()
    complete_environment()
    program(sys.argv[1:])
