"""`doctor`: what this machine can run, in about ten lines; `doctor --cluster …`: what a cluster's nodes can."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.exit_codes import ExitCode

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from medqa_sweeps.doctor import Finding

_SLOTS = 2  # most that are tried
_RESULTS = Path("multirun")  # where studies are put


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cluster",
        nargs="+",
        metavar="SETTING",
        help="try a cluster on two slots: its launcher as a sweep names it, hydra/launcher=slurm hydra.launcher.gpus=1",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=_RESULTS,
        help=f"with --cluster: a folder on the disk that is to hold studies (default: {_RESULTS})",
    )
    says = "Contacts the hub and W&B for a few seconds, or the cluster; trains nothing."
    parser.epilog = f"{says} Exit code {ExitCode.FAILED} if there is a problem."


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print the findings; FAILED if one of them is a problem."""
    from medqa_sweeps.doctor import examine

    findings = examine() if arguments.cluster is None else _of_cluster(arguments.cluster, arguments.folder)
    print(*findings, sep="\n")
    has_problem = any(finding.state == "problem" for finding in findings)
    return ExitCode.FAILED if has_problem else ExitCode.OK


def _of_cluster(settings: Sequence[str], folder: Path) -> "list[Finding]":
    """What is found on one slot or two, while a terminal shows on stderr what is being tried."""
    from rich.console import Console

    from medqa_sweeps.cluster.examination import PROBE, examine_cluster
    from medqa_sweeps.cluster.findings import findings
    from medqa_sweeps.jobs.child_process import child_environment
    from medqa_sweeps.jobs.launcher import planned_slots, slot_on_cluster

    launcher = _launcher(settings)
    if "slots" in launcher:
        launcher.slots = _SLOTS
    print(*planned_slots(launcher)[:1], flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    with Console(stderr=True).status("") as status:
        found = examine_cluster(
            lambda excluded: slot_on_cluster(launcher, folder, (PROBE,), excluded),
            folder,
            child_environment(),
            lambda doing: status.update(doing[0].upper() + doing[1:]),
        )
    return findings(found)


def _launcher(settings: Sequence[str]) -> "DictConfig":
    """`hydra.launcher` as these words compose it.

    Raises:
        ConfigError: if one of them is no setting of a launcher.
    """
    from hydra import compose, initialize_config_dir

    from medqa_sweeps.compose.composer import register_schema
    from medqa_sweeps.compose.refusals import in_sentences
    from medqa_sweeps.installation import CONF

    if other := [word for word in settings if not word.startswith(("hydra/launcher=", "hydra.launcher."))]:
        raise ConfigError(
            f"--cluster {other[0]}: only settings of the launcher are tried, such as hydra/launcher=slurm and "
            "hydra.launcher.partition=gpu. --folder names the folder."
        )
    register_schema()
    with in_sentences(settings), initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", list(settings), return_hydra_config=True).hydra.launcher
