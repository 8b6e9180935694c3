"""Checks what a sweep could try before anything starts: a sum over the values, not their product.

Each value of each knob is checked once, with the first value of every other; so is each row of a zip, and each value
that depends, where it exists. Of a space of few points each is checked as well. Values are all those of a list; of a
range of more than 50 values, and of a list of more than 1,000, both ends and five between; of an interval its ends.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from omegaconf import DictConfig

from medqa_sweeps.alarms.cautions import Caution, cautions_of, linear_interval
from medqa_sweeps.compose.hydra_node import trial_config
from medqa_sweeps.config import TrialConfig
from medqa_sweeps.errors import ConfigError, TrialError
from medqa_sweeps.safety.suites import refuse_unreadable
from medqa_sweeps.study.objective import Objective, refuse_unmeasured
from medqa_sweeps.sweep.knob import Fixed, Knob, Value
from medqa_sweeps.sweep.search_space import SearchSpace
from medqa_sweeps.trial.plan import plan_new_trial
from medqa_sweeps.wording import counted

FEW_POINTS = 32  # a space of so many is checked point by point
_LONG_RANGE, _LONG_LIST, _BETWEEN = 50, 1000, 5
Check = Callable[[Sequence[str]], Iterable[Caution]]  # of the overrides of one trial. Raises TrialError: it cannot run
Point = dict[str, Value]  # values by knob
Problems = dict[str, str]  # why something cannot run, by its overrides
_EVERYWHERE = ""  # the overrides of what fails at every point


def preflight(space: SearchSpace, check: Check, check_config: Check | None = None) -> list[Caution]:
    """What is surely not meant, of all that was checked.

    Args:
        check_config: a part of `check` that looks at the config alone. It finds what is wrong with the values where
            `check` fails at all of them alike, as it does without the base or the questions.

    Raises:
        ConfigError: listing every value that cannot run; and every point, where points are few.
    """
    checks = _Checks(check)
    problems = _problems(space, checks)
    if _EVERYWHERE in problems and check_config is not None:
        problems = _problems(space, _Checks(check_config)) | problems
    if problems:
        raise ConfigError(_listed(problems))
    return [*checks.cautions, *_of_the_space(space)]


def _problems(space: SearchSpace, checks: "_Checks") -> Problems:
    problems, rest = _of_knobs(checks, space, space.knobs, {}, _EVERYWHERE)
    if _EVERYWHERE not in problems:
        for key, value, inner in space.branches:
            condition = f"{key}={value}"
            if condition not in problems:
                held = _held(space, key, value)
                problems |= _of_knobs(checks, held, inner.knobs, rest | held.point_of([condition]), condition)[0]
        problems |= _of_points(checks, space, problems)
    return problems


def config_check(compose: Callable[[Sequence[str], int], DictConfig], objective: Objective) -> Check:
    """Composes and checks a trial's config, and reads neither base nor questions."""

    def check(overrides: Sequence[str]) -> Iterable[Caution]:
        _checked(compose, overrides, objective)
        return ()

    return check


def _checked(
    compose: Callable[[Sequence[str], int], DictConfig], overrides: Sequence[str], objective: Objective
) -> TrialConfig:
    config = trial_config(compose(overrides, 0))
    refuse_unmeasured(objective, config.evaluation.method, config.safety)
    return config


def trial_check(compose: Callable[[Sequence[str], int], DictConfig], objective: Objective) -> Check:
    """Composes, checks and plans a trial that will be scored by `objective`; what comes back is surely not meant."""

    def check(overrides: Sequence[str]) -> Iterable[Caution]:
        config = _checked(compose, overrides, objective)
        refuse_unreadable(config.safety)
        return cautions_of(plan_new_trial(config))

    return check


@dataclass
class _Checks:
    """What was checked already, and what came of it."""

    check: Check
    cautions: list[Caution] = field(default_factory=list)
    _made: Problems = field(default_factory=dict)

    def why_not(self, overrides: Sequence[str]) -> str:
        """Why a trial cannot run; empty: it can."""
        asked = "\n".join(overrides)
        if asked not in self._made:
            try:
                self.cautions += self.check(overrides)
                self._made[asked] = ""
            except TrialError as error:
                self._made[asked] = str(error)
        return self._made[asked]


def _of_knobs(
    checks: _Checks, space: SearchSpace, knobs: Sequence[Knob], given: Point, everywhere: str
) -> tuple[Problems, Point]:
    """What is wrong with the knobs' values, and a point of values that can run, with what is given.

    Args:
        everywhere: the overrides to name when no value of any knob is to blame.
    """
    problems: Problems = {}
    rest = given | {knob.name: _tried(knob)[0] for knob in knobs}
    while why := checks.why_not(space.overrides(rest)):
        better = _better(checks, space, knobs, rest, why)
        if better is None:  # every value of one knob is wrong, or what is no knob's
            knobs = [knob for knob in knobs if _is_named(_overrides(knob, rest[knob.name]), why)]
            named = {one: _own_lines(one, said) for one, said in _of_values(checks, space, knobs, rest).items()}
            return {**problems, **(named or {everywhere: why})}, rest
        knob, value, blame = better
        problems[_overrides(knob, rest[knob.name])] = blame
        rest[knob.name] = value
    return {**_of_values(checks, space, knobs, rest), **problems}, rest


def _of_values(checks: _Checks, space: SearchSpace, knobs: Sequence[Knob], rest: Point) -> Problems:
    """What is wrong with each value of the knobs, at a point that has `rest` for the others."""
    points = [(_overrides(knob, value), rest | {knob.name: value}) for knob in knobs for value in _tried(knob)]
    return {overrides: why for overrides, point in points if (why := checks.why_not(space.overrides(point)))}


def _better(
    checks: _Checks, space: SearchSpace, knobs: Sequence[Knob], rest: Point, why: str
) -> tuple[Knob, Value, str] | None:
    """A knob whose value is to blame for `why`, a better value of it, and the lines of `why` that go with that.

    With the best nothing is wrong any more; where several knobs are to blame, it is not itself what is wrong.
    """
    second = None
    for knob in knobs:
        if not _is_named(_overrides(knob, rest[knob.name]), why, by_key=True):
            continue
        for value in _tried(knob):
            then = checks.why_not(space.overrides(rest | {knob.name: value}))
            blame = "\n".join(line for line in why.splitlines() if line not in then.splitlines())
            if not then:
                return knob, value, blame
            if second is None and blame and not _is_named(_overrides(knob, value), then):
                second = knob, value, blame
    return second


def _is_named(overrides: str, why: str, by_key: bool = False) -> bool:
    """Whether one of the overrides stands in the sentence, or its key or its value alone does."""
    parts = [(override, *override.split("=", 1)) for override in overrides.split()]
    return any(part in why for whole, *halves in parts for part in (whole, *(halves if by_key else ())))


def _own_lines(overrides: str, why: str) -> str:
    """Those that name a key of the overrides; all, if none does."""
    keys = [override.partition("=")[0] for override in overrides.split()]
    return "\n".join(line for line in why.splitlines() if any(key in line for key in keys)) or why


def _of_points(checks: _Checks, space: SearchSpace, problems: Problems) -> Problems:
    """What is wrong with points whose values each can run, where points are few."""
    knobs = [*space.knobs, *(knob for _, _, inner in space.branches for knob in inner.knobs)]
    found: Problems = {}
    for point in space.points() if space.size is not None and space.size <= FEW_POINTS else ():
        values = [_overrides(knob, point[knob.name]) for knob in knobs if knob.name in point]
        if not problems.keys() & set(values) and (why := checks.why_not(space.overrides(point))):
            found[" ".join(values)] = why
    return found


def _tried(knob: Knob) -> list[Value]:
    """The values of a knob that are checked."""
    if knob.interval is not None:
        return list(dict.fromkeys(knob.interval[:2]))
    is_list = knob.together or isinstance(knob.typed, tuple)
    if knob.size is None or knob.size <= (_LONG_LIST if is_list else _LONG_RANGE):
        return list(knob.values())
    values = list(knob.values()) if is_list else knob.typed
    indices = {round(index * (knob.size - 1) / (_BETWEEN + 1)) for index in range(_BETWEEN + 2)}
    return [values[index] for index in sorted(indices)]


def _held(space: SearchSpace, key: str, value: str) -> SearchSpace:
    """The space where a key has a value for sure, also one that none of its knobs has."""
    if space.point_of([f"{key}={value}"]):
        return space
    here = Fixed(key, value, f"{key}={value}")
    return replace(space, parts=tuple(here if key in _keys(part) else part for part in space.parts))


def _keys(part: Fixed | Knob) -> tuple[str, ...]:
    return (part.key,) if isinstance(part, Fixed) else part.keys


def _overrides(knob: Knob, value: Value) -> str:
    """In Hydra's words; of a knob that depends, where it exists."""
    where = f"{knob.where}, " if knob.where else ""
    return where + " ".join(SearchSpace((knob,)).overrides({knob.name: value}))


def _of_the_space(space: SearchSpace) -> Iterator[Caution]:
    """What is surely not meant by a space itself."""
    for part in (space, *(inner for _, _, inner in space.branches)):
        for knob in part.knobs:
            if knob.interval is not None and not knob.interval[2]:
                yield from linear_interval(knob.keys[0], *knob.interval[:2])
    for key, value, _ in space.branches:
        if not space.can_hold(key, value):
            yield Caution(
                "hydra.sweeper.when", f"{key}={value}", "never holds here, so what depends on it is not tried"
            )


def _listed(problems: Problems) -> str:
    everywhere = problems.get(_EVERYWHERE, "")
    values = {overrides: why for overrides, why in problems.items() if overrides != _EVERYWHERE}
    if not values:
        return everywhere
    lines = [f"Nothing was started: {counted(len(values), 'value')} of this sweep cannot run."]
    for overrides, why in values.items():
        named = why if overrides in why else f"{overrides}: {why}"
        lines.append("  " + named.replace("\n", "\n    "))
    return "\n".join([*lines, *([f"Nor can any other: {everywhere}"] if everywhere else [])])
