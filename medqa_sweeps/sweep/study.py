"""A study as the sweep sees it: what to try next, and what came of it, in Optuna's record.

A trial is `RUNNING` for Optuna from the moment it is asked for until it is told; one whose process died, or that was
interrupted, stays so, and is taken up again under its number.
"""

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from medqa_sweeps.config.overrides import override
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.jobs.contract import JobEnded
from medqa_sweeps.study.best import ScoredConfig
from medqa_sweeps.sweep.search_space import SearchSpace
from medqa_sweeps.trial.records import Outcome
from medqa_sweeps.wording import overrides_label, settings_label

_STATES = {Outcome.COMPLETED: TrialState.COMPLETE, Outcome.PRUNED: TrialState.PRUNED, Outcome.FAILED: TrialState.FAIL}
_ADDED = "overrides"  # attribute of a trial that a person added: its own words
SAMPLED = 20  # trials of a space that is sampled, where `n_trials` does not say
_WINDOW = 1000  # points of a grid that are mixed with each other
_MESSAGE_CHARACTERS = 2000  # of a failure, kept in Optuna's record; all of it is in the folder


@dataclass(frozen=True)
class Candidate:
    """A trial that Optuna has been asked for, and what it stands for in Hydra's words."""

    trial: Trial
    params: dict[str, Any]
    overrides: list[str]
    settings: str = ""  # what sets it apart, for people: "r=8 lr=0.0003"

    @property
    def number(self) -> int:
        return self.trial.number


class Study:
    """What to try next, and what came of it."""

    def __init__(
        self,
        study: optuna.Study,
        space: SearchSpace,
        n_trials: int | None,
        extend: Callable[[Trial], None] | None = None,
        mixed: bool = False,
        labels: Mapping[int, str] | None = None,
    ) -> None:
        """A finite space is a grid, each point once, unless fewer trials than points are asked for, or `extend` adds to
        it what nobody can count: then it is sampled. A space without knobs is one experiment, as often as asked for.

        Args:
            n_trials: of the whole study, with those that an earlier sweep began; None: a finite space's points, or 20.
            extend: suggests more to Optuna's trial; what it suggests becomes overrides.
            mixed: a grid's points come in an order that is drawn, the same for a study of the same name, instead of the
                order typed: a pruner needs a good rival early, and typed lists rise.
            labels: what sets trials apart that differ in no point of the space, by number.
        """
        self.optuna, self._space, self._extend, self._labels = study, space, extend, labels or {}
        size = None if extend else space.size
        self.is_grid = size is not None and bool(space.knobs) and (n_trials is None or n_trials >= size)
        self.total = size if size is not None and (self.is_grid or n_trials is None) else n_trials or SAMPLED
        begun = study.get_trials(deepcopy=False)
        self.under_way = sum(trial.state is TrialState.RUNNING for trial in begun)  # in earlier sweeps, and not told
        self.begun = sum(trial.state is not TrialState.WAITING for trial in begun)  # by earlier sweeps
        own = [trial for trial in begun if _ADDED not in trial.user_attrs]
        self._asked = sum(trial.state is not TrialState.WAITING for trial in own)
        self._live: dict[int, Trial] = {}
        self._points: Iterator[dict[str, Any]] = iter(())  # of a grid: those that no trial stands for yet
        if self.is_grid:
            assert size is not None
            taken = {_frozen(point): point for point in map(_params, own)}
            # Trials may share a point, or have one of an earlier space: the grid's other points come all the same.
            self.total = size + len(own) - sum(map(space.holds, taken.values()))
            points = _mixed(space.points(), study.study_name) if mixed else space.points()
            self._points = (point for point in points if _frozen(point) not in taken)
        self.total = max(self.total, len(own))  # where fewer are asked for than there are
        self.planned = self.total + len(begun) - len(own)  # with those that people have added

    def unfinished(self) -> list[Candidate]:
        """Trials that were begun and not told: an earlier sweep's, to be taken up again, by number."""
        running = self.optuna.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return [self._candidate(Trial(self.optuna, trial._trial_id)) for trial in running]

    def told(self) -> list[tuple[JobEnded, str]]:
        """The trials that have ended, as Optuna keeps them, each with what sets it apart, for people."""
        ends = [trial for trial in self.optuna.get_trials(deepcopy=False) if trial.state.is_finished()]
        return [(_ended(trial), settings_label(self._shown(trial))) for trial in ends]

    @property
    def added(self) -> int:
        """How many trials people have added."""
        return sum(_ADDED in trial.user_attrs for trial in self.optuna.get_trials(deepcopy=False))

    def add(self, overrides: Sequence[str]) -> None:
        """Put a trial of one's own before all others. It does not count towards the total, but is planned."""
        self.planned += 1
        self.optuna.enqueue_trial(self._space.point_of(overrides), user_attrs={_ADDED: list(overrides)})

    @property
    def left(self) -> int:
        """How many trials `ask` can still give, or fewer."""
        return max(0, self.total - self._asked)

    def ask(self) -> Candidate | None:
        """The next trial; None when the study has them all."""
        # Optuna itself takes a waiting trial before a new one; to look for one here reads all trials once more.
        needs_look = self.is_grid or self._asked >= self.total
        if needs_look and not self.optuna.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            if self._asked >= self.total:
                return None
            if self.is_grid:
                point = next(self._points, None)
                if point is None:
                    return None
                self.optuna.enqueue_trial(point)
        candidate = self._candidate(self.optuna.ask())
        self._asked += _ADDED not in candidate.trial.user_attrs
        return candidate

    def report(self, number: int, samples_seen: int, value: float | list[float]) -> Trial:
        """Tell Optuna how a running trial does, and return the trial as Optuna knows it.

        Of several objectives Optuna takes no reports on the way.
        """
        trial = self._live[number]
        if not isinstance(value, list):
            trial.report(value, samples_seen)
        return trial

    def tell(self, ended: JobEnded) -> JobEnded:
        """Record how a trial ended, and return how it counts: a value that Optuna does not take is a failure.

        One that was interrupted stays as it is: the next sweep takes it up again.
        """
        if ended.outcome is Outcome.INTERRUPTED:
            return ended
        trial = self._live.pop(ended.number)
        values = None
        try:
            if ended.outcome is Outcome.COMPLETED:
                values = self._values(ended.value)
        except (TypeError, ValueError) as error:
            ended = replace(ended, outcome=Outcome.FAILED, failure=FailureKind.CONFIG, message=str(error))
        if ended.outcome is Outcome.FAILED:
            trial.set_user_attr("failure", str(ended.failure or "unknown"))
            trial.set_user_attr("message", ended.message[:_MESSAGE_CHARACTERS])
        self.optuna.tell(trial, values, state=_STATES[ended.outcome])
        return ended

    def repeat(self, candidate: Candidate, earlier: JobEnded) -> JobEnded:
        """Tell a trial that needs no run: an earlier one was the same experiment."""
        candidate.trial.set_user_attr("same_as", earlier.number)
        since = f" (changed since: {earlier.changed})" if earlier.changed else ""
        why = f"the same experiment as trial {earlier.number}, not run again{since}"
        return self.tell(
            replace(earlier, number=candidate.number, message=why, scored=None, same_as=earlier.number, seconds=0.0)
        )

    def results(self, best: Sequence[ScoredConfig] = ()) -> dict[str, Any]:
        """Upstream's `optimization_results.yaml`: the best point, or of several objectives the Pareto front; before
        any trial has completed, the name alone.

        Args:
            best: of a study of trials, the best config, or those on the front; their values are means over seeds.
                Empty: Optuna's best trials.
        """
        head = {"name": "optuna", **({"metric": names} if (names := self.optuna.metric_names) else {})}
        if not self.optuna.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            return head
        if len(self.optuna.directions) > 1:
            own = [{"params": self._shown(trial), "values": trial.values} for trial in self.optuna.best_trials]
            return {**head, "solutions": [self._averaged(config) for config in best] or own}
        if best:
            return {**head, **self._averaged(best[0], "best_")}
        trial = self.optuna.best_trial
        return {**head, "best_params": self._shown(trial), "best_value": trial.value}

    def _averaged(self, config: ScoredConfig, prefix: str = "") -> dict[str, Any]:
        """A config under upstream's keys, and its trials; the seed is no parameter of one that has several."""
        shown = self._shown(self.optuna.get_trials(deepcopy=False)[config.first.number])
        if len(config.trials) > 1:
            shown.pop("seed", None)
        means = list(config.means)
        value = {f"{prefix}value": means[0]} if len(means) == 1 else {f"{prefix}values": means}
        return {f"{prefix}params": shown, **value, f"{prefix}trials": [trial.number for trial in config.trials]}

    def _candidate(self, trial: Trial) -> Candidate:
        self._live[trial.number] = trial
        added = trial.user_attrs.get(_ADDED)
        if added is not None:
            params = self._space.suggest(trial, only=self._space.point_of(added))
            return Candidate(trial, params, [*self._space.fixed, *added], overrides_label(added))
        params = self._space.suggest(trial)
        overrides, values = self._space.overrides(params), self._space.values(params)
        if self._extend:
            self._extend(trial)
            more = {name: value for name, value in trial.params.items() if name not in params}
            overrides, values = (
                [*overrides, *(override(name, value) for name, value in more.items())],
                {**values, **more},
            )
        return Candidate(trial, params, overrides, settings_label(values) or self._labels.get(trial.number, ""))

    def _values(self, value: Any) -> list[float]:
        """One finite number an objective.

        Raises:
            ValueError: if `value` is anything else.
        """
        objectives = len(self.optuna.directions)
        try:
            values = [float(value)] if objectives == 1 else [float(one) for one in value]
        except (TypeError, ValueError):
            wanted = "a number" if objectives == 1 else f"a list of {objectives} numbers"
            raise ValueError(f"the job returned {value!r}; allowed is {wanted}, one per objective") from None
        if len(values) != objectives:
            raise ValueError(f"the job returned {len(values)} values; hydra.sweeper.direction names {objectives}")
        if any(math.isnan(one) for one in values):
            raise ValueError(f"the job returned {value!r}, which is not a number")
        return values

    def _shown(self, trial: FrozenTrial) -> dict[str, Any]:
        """The point by config key, with what `extend` suggested beside it."""
        more = {name: value for name, value in trial.params.items() if name not in self._space.distributions}
        return {**self._space.values(trial.params), **more}


def _ended(trial: FrozenTrial) -> JobEnded:
    outcome = next(outcome for outcome, state in _STATES.items() if state is trial.state)
    values = trial.values or []
    value = values[0] if len(values) == 1 else values or None
    return JobEnded(trial.number, outcome, value=value, same_as=trial.user_attrs.get("same_as"))


def _mixed(points: Iterator[dict[str, Any]], seed: str) -> Iterator[dict[str, Any]]:
    """The same points in a drawn order: each comes out of a window of the next 1,000, so a huge grid is never held."""
    draw = random.Random(seed)
    window = list(islice(points, _WINDOW))
    while window:
        index = draw.randrange(len(window))
        window[index], window[-1] = window[-1], window[index]
        yield window.pop()
        window += islice(points, 1)


def _params(trial: FrozenTrial) -> dict[str, Any]:
    """The point a trial stands for, also if its process died before Optuna was asked for all of it, or for any."""
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}


def _frozen(params: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    return frozenset((name, repr(value)) for name, value in params.items())
