"""The Pareto front, against Optuna's."""

import optuna
from hypothesis import given, settings, strategies as st

from medqa_sweeps.study.objective import Direction
from medqa_sweeps.study.pareto import pareto_front

MAXIMIZE, MINIMIZE = Direction.MAXIMIZE, Direction.MINIMIZE


def test_what_nothing_beats_in_everything_is_on_the_front() -> None:
    accuracy_and_error = [(0.6, 0.3), (0.5, 0.1), (0.5, 0.2), (0.4, 0.1), (0.6, 0.3)]
    front = pareto_front(accuracy_and_error, [MAXIMIZE, MINIMIZE])
    assert front.tolist() == [True, True, False, False, True], "equal results are on it together"


def test_the_direction_decides() -> None:
    assert pareto_front([(1.0, 1.0), (2.0, 2.0)], [MINIMIZE, MINIMIZE]).tolist() == [True, False]
    assert pareto_front([(1.0, 1.0), (2.0, 2.0)], [MAXIMIZE, MAXIMIZE]).tolist() == [False, True]
    assert pareto_front([(1.0, 1.0), (2.0, 2.0)], [MAXIMIZE, MINIMIZE]).tolist() == [True, True]


def test_of_nothing_nothing_is_on_the_front() -> None:
    assert pareto_front([], [MAXIMIZE, MINIMIZE]).tolist() == []


@given(
    directions=st.lists(st.sampled_from(Direction), min_size=1, max_size=4),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_it_is_optuna_s(directions: list[Direction], data: st.DataObject) -> None:
    row = st.tuples(*[st.integers(0, 4).map(float)] * len(directions))  # few values, so that many are equal
    values = data.draw(st.lists(row, min_size=1, max_size=12))
    study = optuna.create_study(directions=directions)
    study.add_trials(optuna.trial.create_trial(values=list(one)) for one in values)
    theirs = {trial.number for trial in study.get_trials() if trial in _best(study, len(directions), values)}
    ours = {number for number, is_on in enumerate(pareto_front(values, directions)) if is_on}
    assert ours == theirs


def _best(study: optuna.Study, objectives: int, values: list[tuple[float, ...]]) -> list[optuna.trial.FrozenTrial]:
    """Optuna's front; of a single objective, where it has none, the trials that are as good as the best."""
    if objectives > 1:
        return study.best_trials
    return [trial for trial in study.get_trials() if trial.value == study.best_value]
