"""What Hydra must find under `hydra_plugins`: thin adapters, imported at the start of every Hydra program here.

Everything heavier than the standard library and Hydra is imported where it is used.
"""

import importlib
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from hydra.plugins.launcher import Launcher
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from medqa_sweeps.compose.settings import (
    CONF,
    PROVIDER,
    AsyncOptunaSettings,
    InProcessSettings,
    LocalGpusSettings,
    RaySettings,
    SlurmSettings,
)
from medqa_sweeps.compose.texts import keep_typed_texts

if TYPE_CHECKING:
    from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard

_IDLE_AFTER_SECONDS = 3.0  # a sweep has said by then what it will do, and its trials' process imports for longer


class AsyncOptunaSweeper(Sweeper):
    """`hydra/sweeper=async_optuna`: see `medqa_sweeps/sweep/sweeper.py` and `medqa_sweeps/compose/settings.py`."""

    def __init__(self, **settings: Any) -> None:
        self._settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config, self.hydra_context, self._task_function = config, hydra_context, task_function

    def sweep(self, arguments: list[str]) -> None:
        from medqa_sweeps.compose.ending import end_with
        from medqa_sweeps.errors import TrialError
        from medqa_sweeps.sweep.sweeper import AsyncOptuna

        assert self.config is not None and self.hydra_context is not None
        settings = OmegaConf.create(self._settings, flags={"allow_objects": True})
        try:
            AsyncOptuna(settings, self.config, self.hydra_context, self._task_function).sweep(arguments)
        except TrialError as error:
            end_with(error)


class LocalGpusLauncher(Launcher):
    """`hydra/launcher=local_gpus`: see `medqa_sweeps/jobs/launcher.py`. For any sweeper and any task function."""

    def __init__(self, **settings: Any) -> None:
        """The settings are read where the jobs are made: this launcher's own sweeper does not come by here."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config, self.hydra_context, self.task_function = config, hydra_context, task_function

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from medqa_sweeps.compose.ending import end_with
        from medqa_sweeps.errors import TrialError
        from medqa_sweeps.jobs.launcher import launch

        assert self.config is not None and self.hydra_context is not None and self.task_function is not None
        try:
            return launch(self.config, self.hydra_context, self.task_function, job_overrides, initial_job_idx)
        except TrialError as error:
            end_with(error)


class InProcessLauncher(LocalGpusLauncher):
    """`hydra/launcher=in_process`: one job after the other in this process, for debugging."""


class SlurmLauncher(LocalGpusLauncher):
    """`hydra/launcher=slurm`: jobs on the nodes of a Slurm cluster; see `medqa_sweeps/pool/slurm.py`."""


class RayLauncher(LocalGpusLauncher):
    """`hydra/launcher=ray`: jobs on the nodes of a Ray cluster; see `medqa_sweeps/pool/ray_cluster.py`."""


class SamplersAndPruners(SearchPathPlugin):
    """The files behind `hydra/sweeper/sampler=` and `hydra/sweeper/pruner=`."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append(PROVIDER, f"file://{CONF}")


class PrintLeaderboard(Callback):
    """At the end of a sweep: its leaderboard, its page, and an exit code that says whether each trial ended well.

    One that was pruned, stopped on request or repeats another did.
    """

    def __init__(self, page: bool = True) -> None:
        """`page`: whether to write the page with the plots, and name it."""
        self._page = page

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Import what the end needs (SciPy, Plotly: 1 to 5 s) while this process waits for the first trials anyway."""
        if not config.hydra.sweeper.get("plan_only"):
            needed = "medqa_sweeps.analysis.report_folder" if self._page else "medqa_sweeps.analysis.terminal.printing"
            ahead = threading.Timer(_IDLE_AFTER_SECONDS, importlib.import_module, [needed])
            ahead.daemon = True
            ahead.start()

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print the leaderboard and what a confirmation shows, write the page, tell W&B; exit with FAILED if a trial
        ended badly.

        Hydra makes a warning of an exception here, and the exit code would be OK: whatever it is, it is printed.
        """
        if config.hydra.sweeper.get("plan_only"):
            return
        from medqa_sweeps.compose.hydra_node import study_folder
        from medqa_sweeps.errors import TrialError
        from medqa_sweeps.exit_codes import ExitCode

        try:
            ended_well = self._tell(study_folder(config))
        except TrialError as error:
            sys.exit(str(error))
        except Exception:
            traceback.print_exc()
            ended_well = False
        if not ended_well:
            sys.exit(ExitCode.FAILED)

    def _tell(self, folder: Path) -> bool:
        """Whether every trial of the study ended as it should."""
        from medqa_sweeps.analysis.comparing.confirmation_result import read_confirmed
        from medqa_sweeps.analysis.comparing.confirmation_verdict import confirmation_sentences
        from medqa_sweeps.analysis.comparing.leaderboard import leaderboards
        from medqa_sweeps.analysis.reading.studies import read_study
        from medqa_sweeps.analysis.sending.wandb_summary import log_summary
        from medqa_sweeps.analysis.terminal.printing import print_boards
        from medqa_sweeps.command_line import short_path
        from medqa_sweeps.study.confirmation import read_confirmation

        study = read_study(folder)
        boards = leaderboards(study)
        print_boards(boards, short_path(folder))
        if read_confirmation(folder):
            print("", *confirmation_sentences(read_confirmed(folder)), sep="\n")
        if self._page:
            _write_page(boards, folder)
        log_summary(study, boards)
        return not study.ended_badly()


def _write_page(boards: "Sequence[Leaderboard]", folder: Path) -> None:
    """Write the page and name it. The trials have ended: whatever goes wrong with a plot, the exit code is theirs."""
    from medqa_sweeps.command_line import command, short_path

    try:
        from medqa_sweeps.analysis.report_folder import write_report

        print(f"\nPage: {short_path(write_report(boards, short_path(folder)))}")
    except Exception as error:
        print(f"\nThe page was not written: {type(error).__name__}: {error}")
        print(f"To see where it fails: {command('report', folder)}")


def _open(settings: type[AsyncOptunaSettings]) -> DictConfig:
    """The settings, with mappings that take new keys without a `+`: Hydra would close them."""
    node: DictConfig = OmegaConf.structured(settings)
    node.params = {}
    for key in ("params", "when"):
        OmegaConf.set_struct(node[key], False)
    return node


def _register() -> None:
    """Hydra executes this file at each scan for plugins: storing the same again is harmless."""
    # For folders' names: `first_of:${hydra.sweeper.study_name},${now:%Y}` is the first that is not null.
    OmegaConf.register_new_resolver("first_of", lambda *values: next(v for v in values if v is not None), replace=True)
    store = ConfigStore.instance().store
    store(group="hydra/sweeper", name="async_optuna", node=_open(AsyncOptunaSettings), provider="medqa_sweeps")
    store(group="hydra/launcher", name="local_gpus", node=LocalGpusSettings, provider="medqa_sweeps")
    store(group="hydra/launcher", name="in_process", node=InProcessSettings, provider="medqa_sweeps")
    store(group="hydra/launcher", name="slurm", node=SlurmSettings, provider="medqa_sweeps")
    store(group="hydra/launcher", name="ray", node=RaySettings, provider="medqa_sweeps")
    keep_typed_texts()


_register()
