"""From Hydra's overrides to a sweep: search space, study, pruner, jobs, loop.

The implementation behind `hydra/sweeper=async_optuna`; its settings and their meanings are in `compose/settings.py`.
"""

import contextlib
import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import optuna
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, InstantiationException
from hydra.types import HydraContext, TaskFunction
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from optuna.study import StudyDirection
from rich.console import Console

from medqa_sweeps.alarms.cautions import caution_lines
from medqa_sweeps.compose.composer import Composer
from medqa_sweeps.compose.hydra_node import refuse_what_no_trial_obeys, study_folder, trial_config
from medqa_sweeps.compose.refusals import refusal, refuse_overrides, refuse_unknown_of_hydra
from medqa_sweeps.compose.snapshot import FOLDER, ConfSnapshot, composed_again, kept, loader_of, taken
from medqa_sweeps.compose.texts import refuse_numbers_for_texts
from medqa_sweeps.config.interpolation import literal
from medqa_sweeps.durable.disk import refuse_unfit
from medqa_sweeps.errors import ConfigError, TrialError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.jobs.failures import CircuitBreaker
from medqa_sweeps.jobs.launcher import jobs_for, refuse_missing_devices, trains_trials
from medqa_sweeps.study.best import ScoredConfig, on_front, ranked_in
from medqa_sweeps.study.confirmation import read_confirmation
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.study.objective import Objective
from medqa_sweeps.sweep.announce import about_code, about_conf, about_questions, announcement, how_to_go_on, plan_only
from medqa_sweeps.sweep.asked_objective import asked_objective
from medqa_sweeps.sweep.asked_settings import custom_search_space, refuse_no_grid, refuse_settings
from medqa_sweeps.sweep.journal import journal_of, renew_journal, settle_objective, stored_name
from medqa_sweeps.sweep.loop import Budget, Sweep, SweepResult
from medqa_sweeps.sweep.patience import Patience, StorageUnavailable, patient
from medqa_sweeps.sweep.preflight import config_check, preflight, trial_check
from medqa_sweeps.sweep.presence import marked
from medqa_sweeps.sweep.pruning import OptunaPruner, Pruner, make_pruner, with_samples
from medqa_sweeps.sweep.sampling import SeededPerTrial, seed_of, with_seed
from medqa_sweeps.sweep.search_space import SearchSpace
from medqa_sweeps.sweep.space_parsing import parse_search_space
from medqa_sweeps.sweep.steering import Requests
from medqa_sweeps.sweep.storage import Asked, check, connected, keep, load, not_opened, refuse_other_values
from medqa_sweeps.sweep.study import Study
from medqa_sweeps.sweep.study_program import origin_of_this_process
from medqa_sweeps.sweep.table import SweepTable
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.trial.provenance import code_at_start
from medqa_sweeps.wording import listed

Extend = Callable[[optuna.Trial], None]  # suggests more to a trial than the space does


@dataclass(frozen=True)
class AsyncOptuna:
    """One sweep as Hydra asks for it.

    Args:
        settings: of `hydra/sweeper=async_optuna`.
        config: what Hydra composed without the swept values, its own node included.
        conf: the files that it was composed of, of a study that goes on; None: those of now.
    """

    settings: DictConfig
    config: DictConfig
    context: HydraContext
    task_function: TaskFunction
    conf: ConfSnapshot | None = None

    def sweep(self, arguments: Sequence[str]) -> None:
        """Run the study to its end, or to where it is stopped.

        Raises:
            ConfigError: if it cannot be run as asked, or is not the study that the folder holds.
            Exception: a job's own, if more failed than may.
            SystemExit: INTERRUPTED if it was, FAILED if it stopped otherwise before it was complete.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        code_at_start()  # before hours in which somebody may edit it
        refuse_settings(self.settings)
        folder = StudyDir(study_folder(self.config))
        self._as_it_began(folder)._sweep(arguments, folder)

    def _as_it_began(self, folder: StudyDir) -> "AsyncOptuna":
        """This sweep, composed of the files as they were when the study of the folder began.

        Raises:
            ConfigError: if its words do not fit them.
        """
        begun = folder.definition_file.exists() and not self.settings.allow_changes
        if not begun or (conf := kept(folder.path)) is None:
            return self
        try:
            config = composed_again(folder.path, self.config)
        except HydraException as error:
            raise ConfigError(
                f"{refusal(error) or error} This study is composed of the files in {folder.path / FOLDER}, as they "
                "were when it began; choose another hydra.sweep.dir for those of now."
            ) from error
        config.hydra.sweep.dir = self.config.hydra.sweep.dir
        HydraConfig.instance().set_config(config)
        settings: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
        return replace(
            self,
            settings=OmegaConf.create(settings, flags={"allow_objects": True}),
            config=config,
            context=HydraContext(loader_of(folder.path), self.context.callbacks),
            conf=conf,
        )

    def _sweep(self, arguments: Sequence[str], folder: StudyDir) -> None:
        console = Console(highlight=False)
        self._patience.say = lambda sentence: _print(console, [sentence])
        conf = self.conf or taken(self.config.hydra.runtime.config_sources)
        extend = self._extend()
        space = self._space(arguments)
        refuse_no_grid(self.config, space)
        pruner = self._pruner(folder)
        self._sampler()  # one that cannot be made is refused before anything is written
        if not self.settings.plan_only:  # at once: the cautions read all questions
            refuse_missing_devices(self.config.hydra.launcher, folder.path)
            if TrialDir(folder.path).config_file.exists():
                raise ConfigError(f"{folder.path} holds a single run. Choose another hydra.sweep.dir.")
        _print(console, self._cautions(space, folder))
        _print(console, about_conf(conf, folder, begins=self.conf is None))
        if trains_trials(self.config):
            _print(console, [*about_code(folder), *about_questions(self.config, folder)])
        if self.settings.plan_only:
            _print(console, plan_only(self.config, space, folder))
            return
        with folder.claimed(), self._study(space, folder, pruner, extend, conf, console) as (study, beat):
            OmegaConf.save(self.config, folder.composed_file)
            swept = self._run(space, study, folder, pruner, console, beat)
            with contextlib.nullcontext() if swept.complete else contextlib.suppress(StorageUnavailable, OSError):
                results = OmegaConf.create(literal(study.results(self._best(folder))))
                OmegaConf.save(results, folder.results_file)
        if swept.error is not None:
            raise swept.error
        if not swept.complete:
            _print(console, how_to_go_on(swept, folder))
            sys.exit(ExitCode.INTERRUPTED if swept.interrupted else ExitCode.FAILED)

    def _run(
        self,
        space: SearchSpace,
        study: Study,
        folder: StudyDir,
        pruner: Pruner | None,
        console: Console,
        beat: Callable[[Sweep], None],
    ) -> SweepResult:
        requests = Requests(folder)
        added = len(requests.waiting(study))
        table = SweepTable(console, study.planned + added, self._objective)

        def steer(sweep: Sweep) -> None:
            requests.obey(sweep)
            table.total = study.planned
            beat(sweep)

        jobs_of_this_launcher = jobs_for(
            self.config,
            HydraContext(loader_of(folder.path), self.context.callbacks),
            self.task_function,
            folder=folder.path,
            trials=study.total,
            at_once=self.settings.n_jobs,
            look=table.look,
            say=table.say,
            objective=self._objective,
        )
        with jobs_of_this_launcher as jobs, table:
            _print(console, announcement(self.config, space, study, folder, jobs.describe(), added))
            sweep = Sweep(
                study,
                jobs,
                pruner,
                CircuitBreaker(self.settings.max_failure_rate, study.total),
                Budget(self.settings.timeout, self.settings.max_device_hours),
                table,
                steer,
                self._patience,
            )
            return sweep.run()

    def _best(self, folder: StudyDir) -> list[ScoredConfig]:
        """The best config, or of several objectives those on the front; none of a program without trials."""
        configs = ranked_in(folder.path) if trains_trials(self.config) else []
        return on_front(configs, self._objective) if self._objective.is_pareto else configs[:1]

    def _cautions(self, space: SearchSpace, folder: StudyDir) -> list[str]:
        """What is surely not meant, a line each; of trials that are composed here, not of saved ones.

        Raises:
            ConfigError: listing every value that cannot run.
        """
        if not trains_trials(self.config) or read_confirmation(folder.path):
            return []
        refuse_unknown_of_hydra(self.config.hydra)
        refuse_what_no_trial_obeys(self.config.hydra, begun=self.conf is not None)
        refuse_overrides(space.fixed)
        refuse_numbers_for_texts(self.config)
        composer = Composer(self.context.config_loader, self.config)
        checks = (make(composer.compose, self._objective) for make in (trial_check, config_check))
        return caution_lines(preflight(space, *checks))

    def _space(self, arguments: Sequence[str]) -> SearchSpace:
        params, zipped, when = (_plain(self.settings[key]) for key in ("params", "zip", "when"))
        loader = self.context.config_loader
        return parse_search_space(arguments, params or {}, zipped or [], when or {}, loader, self.config)

    def _extend(self) -> Extend | None:
        """What suggests more to a trial than the space does."""
        path = self.settings.custom_search_space
        return partial(custom_search_space(path), self.config) if path else None

    @contextlib.contextmanager
    def _study(
        self,
        space: SearchSpace,
        folder: StudyDir,
        pruner: Pruner | None,
        extend: Extend | None,
        conf: ConfSnapshot,
        console: Console,
    ) -> Iterator[tuple[Study, Callable[[Sweep], None]]]:
        """The study, checked against its folder and its storage; and what keeps other sweeps out of the storage.

        Raises:
            ConfigError: if it is not the one asked for, or another process sweeps it.
        """
        refuse_unfit(folder.path)
        asked = self._asked(space, folder)
        study = self._opened(asked, space)
        mark: Any = contextlib.nullcontext(lambda sweep: None)
        if asked.is_shared:
            mark = marked(study, folder.path, lambda line: _print(console, [line]))
        with mark as beat:
            _print(console, check(asked, study, self.settings.allow_changes))
            refuse_other_values(study, space)
            searched = self._searched(study, space, folder, pruner, extend)
            self._keep(conf, folder)
            folder.define(asked.name, asked.definition, self._origin(searched))
            keep(asked, study)
            yield searched, beat

    def _keep(self, conf: ConfSnapshot, folder: StudyDir) -> None:
        """Keep the files of a study that begins.

        Raises:
            ConfigError: if one was edited since it was checked.
        """
        if self.conf is not None:
            return
        if edited := conf.changed(taken(self.config.hydra.runtime.config_sources)):
            raise ConfigError(
                f"{listed(edited)} changed while the values of this sweep were checked. "
                "Nothing was run; start it again."
            )
        conf.write(folder.path)

    def _asked(self, space: SearchSpace, folder: StudyDir) -> Asked:
        """What must agree with the storage; with the folder it does.

        Raises:
            ConfigError: if the folder holds another study.
        """
        definition = self._definition(space)
        folder.refuse_another_objective(definition)
        if not self.settings.allow_changes:
            folder.refuse_changes(definition)
        name = stored_name(folder) or self.settings.study_name or folder.path.name
        return Asked(name, folder, definition, bool(self.settings.storage), trains_trials(self.config))

    def _opened(self, asked: Asked, space: SearchSpace) -> optuna.Study:
        """Optuna's study of this name, made if there is none, with the objective that was asked for."""
        folder = asked.folder
        if self.settings.allow_changes and not asked.is_shared and folder.changes(asked.definition):
            renew_journal(folder, asked.name, space)
        storage = self._shared_storage() if asked.is_shared else journal_of(folder)
        self._patience.where = asked.where
        begun = asked.holds_trials and not read_confirmation(folder.path)
        numbers = list(folder.trials()) if begun else []
        storage = patient(storage, self._patience)
        study = load(asked, storage, numbers) or optuna.create_study(
            storage=storage,
            study_name=asked.name,
            directions=[StudyDirection[direction.name] for direction in self._objective.directions],
            load_if_exists=True,  # another process may make it at the same moment
        )
        settle_objective(study, self._objective)
        return study

    def _shared_storage(self) -> optuna.storages.BaseStorage:
        """
        Raises:
            ConfigError: if the storage that was asked for cannot be opened.
        """
        try:
            return connected(_instantiated(self.settings.storage))
        except InstantiationException as error:
            raise not_opened(error) from error

    def _searched(
        self, study: optuna.Study, space: SearchSpace, folder: StudyDir, pruner: Pruner | None, extend: Extend | None
    ) -> Study:
        if isinstance(pruner, OptunaPruner):
            study.pruner = pruner.pruner
        seed = seed_of(study, OmegaConf.select(self.settings, "sampler.seed"))
        study.sampler = SeededPerTrial(self._sampler(seed), seed)
        confirmation = read_confirmation(folder.path)
        labels = confirmation.labels() if confirmation else None
        return Study(study, space, self.settings.n_trials, extend, mixed=pruner is not None, labels=labels)

    def _pruner(self, folder: StudyDir) -> Pruner | None:
        asked = self.settings.pruner
        if isinstance(asked, DictConfig) and asked and trains_trials(self.config):
            with contextlib.suppress(TrialError):  # no plan without the swept values: Optuna will guess
                asked = OmegaConf.create(with_samples(_plain(asked), plan_trial(trial_config(self.config))))
        try:
            return make_pruner(_instantiated(asked), folder.path, self._objective)
        except InstantiationException as error:
            raise ConfigError(f"hydra.sweeper.pruner cannot be made: {error.__cause__ or error}") from error

    def _sampler(self, seed: int | None = None) -> optuna.samplers.BaseSampler:
        """The sampler that was asked for; Optuna's default where none was.

        Args:
            seed: where the sampler's own is null.

        Raises:
            ConfigError: if it cannot be made, or does not go with the objective.
        """
        asked = self.settings.sampler
        if seed is not None and isinstance(asked, DictConfig):
            asked = OmegaConf.create(with_seed(_plain(asked), seed))
        try:
            sampler: optuna.samplers.BaseSampler = _instantiated(asked) or optuna.samplers.TPESampler(seed=seed)
        except InstantiationException as error:
            raise ConfigError(f"hydra.sweeper.sampler cannot be made: {error.__cause__ or error}") from error
        if isinstance(sampler, optuna.samplers.CmaEsSampler) and self._objective.is_pareto:
            raise ConfigError(
                "hydra/sweeper/sampler=cmaes searches for the best of one objective, and this study has "
                f"{len(self._objective.directions)}. Choose tpe, nsgaii, gp, qmc or random."
            )
        return sampler

    @functools.cached_property
    def _patience(self) -> Patience:
        return Patience()

    @functools.cached_property
    def _objective(self) -> Objective:
        return asked_objective(self.config, self.settings)

    def _definition(self, space: SearchSpace) -> dict[str, Any]:
        """What must be the same when the study goes on."""
        config = OmegaConf.to_container(self.config, resolve=False)
        assert isinstance(config, dict)
        return {
            "space": space.to_record(),
            **self._objective.to_record(),
            "config": {key: value for key, value in config.items() if key != "hydra"},
        }

    def _origin(self, study: Study) -> dict[str, Any]:
        """What may change: how many trials there will be, and how to start this program again."""
        return {"trials": study.total, **origin_of_this_process()}


def _instantiated(node: Any) -> Any:
    """What a node with a `_target_` stands for, its nulls left to the target's own defaults; anything else is itself,
    an empty node None."""
    if not isinstance(node, DictConfig):
        return node
    given = {key: value for key, value in _plain(node).items() if value is not None}
    return instantiate(given) if given else None


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


def _print(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
