"""From Hydra's words to a sweep: search space, study, slots, loop, and what is said before and after.

The implementation behind `hydra/sweeper=async_optuna`; its settings and their meanings are in `settings.py`.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import optuna
from hydra.types import HydraContext, TaskFunction
from hydra.utils import get_method, instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf
from rich.console import Console

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.sweep.failures import CircuitBreaker
from medqa_sweeps.sweep.jobs import Jobs
from medqa_sweeps.sweep.launcher import jobs_for, trains_trials
from medqa_sweeps.sweep.loop import Budget, Sweep, Swept
from medqa_sweeps.sweep.pruning import OptunaPruner, Pruner, make_pruner
from medqa_sweeps.sweep.search_space import SearchSpace, parse_search_space
from medqa_sweeps.sweep.steering import Requests
from medqa_sweeps.sweep.study import SAMPLED, Study, StudyDir
from medqa_sweeps.sweep.table import SweepTable

INTERRUPTED = 130  # the exit code that a shell gives a program stopped by Ctrl-C
_SHOWN_POINTS = 20


@dataclass(frozen=True)
class AsyncOptuna:
    """One sweep as Hydra asks for it.

    Args:
        settings: of `hydra/sweeper=async_optuna`.
        config: what Hydra composed without the swept values, its own node included.
    """

    settings: DictConfig
    config: DictConfig
    context: HydraContext
    task_function: TaskFunction

    def sweep(self, arguments: Sequence[str]) -> None:
        """Run the study to its end, or to where it is stopped.

        Raises:
            ConfigError: if it cannot be run as asked, or is not the study that the folder holds.
            Exception: a job's own, if more failed than may.
            SystemExit: 130 if it was interrupted, 1 if it stopped otherwise before it was complete.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        console = Console(highlight=False)
        space = self._space(arguments)
        folder = StudyDir(Path(self.config.hydra.sweep.dir).absolute())
        if self.settings.plan_only:
            _print(console, self._plan(space, folder))
            return
        with folder.claimed():
            folder.define(self._definition(space, arguments), self.settings.allow_changes)
            OmegaConf.save(self.config, folder.path / "multirun.yaml")
            pruner = make_pruner(self._instantiated(self.settings.pruner), folder.path)
            study = self._study(space, folder, pruner)
            swept = self._run(space, study, folder, pruner, console)
            OmegaConf.save(OmegaConf.create(study.results()), folder.path / "optimization_results.yaml")
        if swept.error is not None:
            raise swept.error
        if not swept.complete:
            _print(console, _how_to_go_on(swept, folder))
            sys.exit(INTERRUPTED if swept.interrupted else 1)

    def _run(
        self, space: SearchSpace, study: Study, folder: StudyDir, pruner: Pruner | None, console: Console
    ) -> Swept:
        trials = trains_trials(self.config)
        maximize = self._directions == ["maximize"]
        table = SweepTable(console, study.total, maximize, "{:.1%}".format if trials else str)
        with self._jobs(study.total, folder, table) as jobs, table:
            _print(console, self._announcement(space, study, jobs, folder))
            sweep = Sweep(
                study,
                jobs,
                pruner,
                CircuitBreaker(self.settings.max_failure_rate, study.total),
                Budget(self.settings.timeout, self.settings.max_device_hours),
                table,
                Requests(folder).obey,
            )
            return sweep.run()

    def _jobs(self, trials: int, folder: StudyDir, table: SweepTable) -> AbstractContextManager[Jobs]:
        return jobs_for(
            self.config,
            self.context,
            self.task_function,
            folder=folder.path,
            trials=trials,
            at_once=self.settings.n_jobs,
            look=table.look,
            say=table.say,
        )

    def _space(self, arguments: Sequence[str]) -> SearchSpace:
        plain = {key: _plain(self.settings[key]) for key in ("params", "zip", "when")}
        return parse_search_space(
            arguments, plain["params"] or {}, plain["zip"] or [], plain["when"] or {}, self.context.config_loader
        )

    def _study(self, space: SearchSpace, folder: StudyDir, pruner: Pruner | None) -> Study:
        storage = _storage(self.settings.storage) or folder.journal()
        name = self.settings.study_name or folder.path.name
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            directions=self._directions,
            sampler=self._instantiated(self.settings.sampler),
            pruner=pruner.pruner if isinstance(pruner, OptunaPruner) else None,
            load_if_exists=True,
        )
        extend: Callable[[optuna.Trial], None] | None = None
        if self.settings.custom_search_space:
            extend = partial(get_method(self.settings.custom_search_space), self.config)
        return Study(study, space, self.settings.n_trials, extend)

    @property
    def _directions(self) -> list[Literal["minimize", "maximize"]]:
        asked = self.settings.direction
        named = [getattr(one, "name", one) for one in (asked if isinstance(asked, ListConfig) else [asked])]
        if not named or not set(named) <= {"minimize", "maximize"}:
            raise ConfigError(
                f"hydra.sweeper.direction={asked}: minimize, maximize, or a list of these, one an objective."
            )
        if len(named) > 1 and trains_trials(self.config):
            raise ConfigError(f"hydra.sweeper.direction={asked}: a trial has one objective, its validation accuracy.")
        return named

    def _definition(self, space: SearchSpace, arguments: Sequence[str]) -> dict[str, Any]:
        """What must be the same when the study goes on."""
        config = OmegaConf.to_container(self.config, resolve=False)
        assert isinstance(config, dict)
        return {
            "space": space.to_record(),
            "direction": self._directions,
            "config": {key: value for key, value in config.items() if key != "hydra"},
        }

    def _plan(self, space: SearchSpace, folder: StudyDir) -> Iterator[str]:
        """What a sweep would do: its trials, each with what Hydra would compose differently for it."""
        yield from self._what(space, folder)
        if space.size is None:
            yield f"Points     sampled by {_last_word(self.settings.sampler)}, so they are not known yet"
            return
        for number, point in enumerate(islice(space.points(), _SHOWN_POINTS)):
            yield f"  {number:>4}  {' '.join(space.overrides(point))}"
        if space.size > _SHOWN_POINTS:
            yield f"  and {space.size - _SHOWN_POINTS:,} more"
        yield "Nothing was run (hydra.sweeper.plan_only=true)."

    def _what(self, space: SearchSpace, folder: StudyDir) -> Iterator[str]:
        for line in space.describe():
            yield f"Search     {line}"
        wanted, size = self.settings.n_trials, space.size
        if size is not None and (wanted is None or wanted >= size):
            yield f"Trials     {size:,}, each point once"
        else:
            yield f"Trials     {wanted or SAMPLED:,}, sampled by {_last_word(self.settings.sampler)}"
        pruner = _last_word(self.settings.pruner)
        if pruner:
            yield f"Pruning    {pruner}"
        free = shutil.disk_usage(next(path for path in (folder.path, *folder.path.parents) if path.exists())).free
        yield f"Writes     {_shown(folder.path)}; {free / 2**30:,.0f} GiB are free there"

    def _announcement(self, space: SearchSpace, study: Study, jobs: Jobs, folder: StudyDir) -> Iterator[str]:
        yield from self._what(space, folder)
        told = len(study.told())
        if told or study.begun:
            yield f"Goes on    {told:,} of {study.total:,} trials have ended; {study.begun - told:,} were under way"
        yield from jobs.describe()
        yield "For education and research only; never for clinical decisions."

    def _instantiated(self, node: Any, **more: Any) -> Any:
        """What a node with a `_target_` stands for; its nulls are left to the target's own defaults."""
        if not isinstance(node, DictConfig) or not node:
            return None if isinstance(node, DictConfig) else node
        given = {key: value for key, value in _plain(node).items() if value is not None}
        return instantiate({**given, **more})


def _how_to_go_on(swept: Swept, folder: StudyDir) -> Iterator[str]:
    yield f"Not complete: {swept.why}."
    yield f"`uv run python -m medqa_sweeps resume {shlex.quote(_shown(folder.path))}` goes on where it stopped."


def _storage(asked: Any) -> Any:
    """An Optuna storage or its URL; None where none is asked for."""
    return instantiate(asked) if isinstance(asked, DictConfig) else asked


def _last_word(node: Any) -> str:
    """`TPESampler` of a node; empty for none."""
    return str(node.get("_target_", "")).rpartition(".")[2] if isinstance(node, DictConfig) else ""


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


def _print(console: Console, lines: Iterator[str]) -> None:
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _shown(path: Path) -> str:
    """Relative to here when that is shorter."""
    return min(str(path), os.path.relpath(path), key=len)
