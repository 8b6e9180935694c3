"""The loop over simulated jobs, in virtual time: what is asked, started, told, and in which order."""

import heapq
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given, settings, strategies as st

from medqa_sweeps.errors import ConfigError, FailureKind
from medqa_sweeps.jobs.contract import JobEnded, Reported
from medqa_sweeps.jobs.failures import CircuitBreaker
from medqa_sweeps.sweep.journal import journal_of
from medqa_sweeps.sweep.loop import Budget, Sweep, SweepResult
from medqa_sweeps.sweep.pruning import Pruner
from medqa_sweeps.sweep.space_parsing import parse_search_space
from medqa_sweeps.sweep.study import Study
from medqa_sweeps.trial.folder import StopReason
from medqa_sweeps.trial.records import Outcome
from tests.sweep.simulated import Course, SimulatedJobs

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Notes:
    """A view that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.ends: list[JobEnded] = []

    def started(self, number: int, settings: str) -> None:
        self.said.append(f"started {number} {settings}")

    def earlier(self, ended: JobEnded, settings: str) -> None:
        self.said.append(f"earlier {ended.number} {ended.outcome} {settings}")

    def ended(self, ended: JobEnded, settings: str) -> None:
        self.ends.append(ended)

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def update(self) -> None:
        pass


def make_study(words: Sequence[str], n_trials: int | None = None, into: optuna.Study | None = None) -> Study:
    into = into or optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    return Study(into, parse_search_space(words, {}, [], {}, None), n_trials)


def make_sweep(
    study: Study,
    course: Callable[[int, Sequence[str]], Course],
    slots: int = 2,
    pruner: Pruner | None = None,
    max_failure_rate: float = 1.0,
    budget: Budget = Budget(),  # noqa: B008 (frozen)
    **more: Any,
) -> tuple[Sweep, SimulatedJobs, Notes]:
    jobs, notes = SimulatedJobs(slots, course, **more), Notes()
    breaker = CircuitBreaker(max_failure_rate, study.total)
    return Sweep(study, jobs, pruner, breaker, budget, notes), jobs, notes


GRID = ("a=1,2,3", "b=x,y")


def test_the_next_trial_starts_before_the_last_one_is_written_down() -> None:
    class Order(Notes):
        def ended(self, ended: JobEnded, settings: str) -> None:
            self.said.append(f"ended {ended.number}")

    study, order = make_study(["a=1,2,3"]), Order()
    jobs = SimulatedJobs(1, lambda number, words: Course())
    Sweep(study, jobs, None, CircuitBreaker(1.0, study.total), Budget(), order).run()
    assert [words.split(" a=")[0] for words in order.said] == [
        *("started 0", "started 1", "ended 0", "started 2", "ended 1", "ended 2"),
    ]


def test_a_failure_is_heard_before_anything_else_starts() -> None:
    failing = Course(outcome=Outcome.FAILED)
    sweep, jobs, _ = make_sweep(make_study(["a=1,2,3"]), lambda *_: failing, slots=1, max_failure_rate=0.0)
    assert not sweep.run().complete
    assert len(jobs.started) == 1


def test_a_grid_is_its_product_each_point_once() -> None:
    study = make_study(GRID)
    sweep, jobs, _ = make_sweep(study, lambda number, words: Course(seconds=1 + number % 3))
    assert sweep.run() == SweepResult(complete=True)
    told = study.optuna.get_trials()
    assert sorted((t.params["a"], t.params["b"]) for t in told) == [(a, b) for a in (1, 2, 3) for b in "xy"]
    assert [number for number, _ in jobs.started] == list(range(6))


@given(
    durations=st.lists(st.floats(0.01, 10), min_size=1, max_size=30), slots=st.integers(1, 8), seed=st.integers(0, 99)
)
@settings(max_examples=60, deadline=None)
def test_no_slot_waits_while_there_is_something_to_do(durations: list[float], slots: int, seed: int) -> None:
    """The makespan is the greedy list schedule's, exactly: there is no barrier."""
    study = make_study([f"a={','.join(map(str, range(len(durations))))}"])
    sweep, jobs, _ = make_sweep(study, lambda number, words: Course(seconds=durations[number]), slots)
    sweep.run()
    ends = [0.0] * slots
    for seconds in durations:
        heapq.heapreplace(ends, ends[0] + seconds)
    assert jobs.now == pytest.approx(max(ends))


def test_a_plan_is_never_for_fewer_trials_than_there_are() -> None:
    study = make_study(["a=interval(0,1)"], 5)
    make_sweep(study, lambda *_: Course())[0].run()
    again = make_study(["a=interval(0,1)"], 2, into=study.optuna)
    assert (again.begun, again.under_way, again.planned) == (5, 0, 5)
    again.add(["a=0.5"])
    assert (again.planned, again.total) == (6, 5)
    once_more = make_study(["a=interval(0,1)"], 2, into=study.optuna)
    assert (once_more.begun, once_more.under_way, once_more.planned) == (5, 0, 6), "what was added waits"


def test_the_next_trial_is_composed_before_a_slot_is_free() -> None:
    sweep, jobs, _ = make_sweep(make_study(["a=range(0,10)"]), lambda number, words: Course())
    seen: list[tuple[int, int]] = []
    poll = jobs.poll

    def look(timeout: float) -> list[Reported | JobEnded]:
        seen.append((len(jobs.prepared), len(jobs.started)))
        return poll(timeout)

    jobs.poll = look  # type: ignore[method-assign]
    sweep.run()
    assert all(prepared > started for prepared, started in seen if started < 10)


def test_a_grid_point_whose_process_died_between_two_of_its_values_is_one_trial() -> None:
    inner = optuna.create_study(direction="maximize")
    study = make_study(GRID, into=inner)
    inner.enqueue_trial(next(iter(study._space.points())))
    inner.ask().suggest_categorical("a", study._space.distributions["a"].choices)  # and the sweep was killed
    sweep, jobs, _ = make_sweep(make_study(GRID, into=inner), lambda number, words: Course())
    assert sweep.run().complete
    told = [tuple(trial.params.values()) for trial in inner.get_trials()]
    assert len(told) == 6 == len(set(told)) and len(jobs.started) == 6


def test_a_sampled_study_ends_at_its_total_also_when_it_goes_on() -> None:
    inner = optuna.create_study(direction="maximize")
    sweep, _, _ = make_sweep(make_study(["a=interval(0.0,1.0)"], 5, inner), lambda number, words: Course())
    sweep.run()
    again, jobs, _ = make_sweep(make_study(["a=interval(0.0,1.0)"], 7, inner), lambda number, words: Course())
    again.run()
    assert [number for number, _ in jobs.started] == [5, 6] and len(inner.trials) == 7


def test_a_failed_trial_does_not_stop_the_others() -> None:
    def course(number: int, words: Sequence[str]) -> Course:
        return Course(outcome=Outcome.FAILED, message="bad luck") if number == 1 else Course()

    study = make_study(GRID)
    sweep, _, notes = make_sweep(study, course)
    assert sweep.run().complete
    states = [trial.state.name for trial in study.optuna.get_trials()]
    assert states.count("FAIL") == 1 and states.count("COMPLETE") == 5
    assert study.optuna.get_trials()[1].user_attrs["message"] == "bad luck"
    assert [ended.number for ended in notes.ends if ended.outcome is Outcome.FAILED] == [1]


def test_too_many_failures_stop_the_sweep_with_the_last_ones_reason() -> None:
    study = make_study(["a=range(0,100)"])
    sweep, jobs, _ = make_sweep(
        study, lambda number, words: Course(outcome=Outcome.FAILED, message=f"reason {number}"), max_failure_rate=0.05
    )
    swept = sweep.run()
    assert not swept.complete and "more than hydra.sweeper.max_failure_rate=0.05" in swept.why
    assert len(jobs.started) <= 5 + 1 + 2, "five may fail; what runs beside the sixth is let go"


def test_the_same_certain_error_three_times_stops_the_sweep() -> None:
    def course(number: int, words: Sequence[str]) -> Course:
        return Course(refused=ConfigError(f"lora.r={number}: not like this"))

    sweep, _, notes = make_sweep(make_study(["a=range(0,100)"]), course)
    swept = sweep.run()
    assert "3 trials failed for the same reason" in swept.why and len(notes.ends) == 3
    assert isinstance(swept.error, ConfigError)


def test_a_trial_that_is_refused_costs_no_slot() -> None:
    def course(number: int, words: Sequence[str]) -> Course:
        return Course(refused=ConfigError("no")) if number == 2 else Course()

    study = make_study(GRID)
    sweep, jobs, _ = make_sweep(study, course)
    assert sweep.run().complete and 2 not in dict(jobs.started)
    assert study.optuna.get_trials()[2].state is optuna.trial.TrialState.FAIL


def test_equal_experiments_run_once() -> None:
    """Same signature: told with the first one's value, whether that has ended or still runs."""
    study = make_study(["a=1,2,3,4"])
    sweep, jobs, notes = make_sweep(
        study, lambda number, words: Course(value=number / 10, signature="odd" if number % 2 else f"own {number}")
    )
    assert sweep.run().complete
    assert [number for number, _ in jobs.started] == [0, 1, 2]
    last = study.optuna.get_trials()[3]
    assert last.value == 0.1 and last.user_attrs["same_as"] == 1
    assert "the same experiment as trial 1" in next(ended.message for ended in notes.ends if ended.number == 3)


def test_a_repeat_of_an_earlier_sweeps_trial_says_what_has_changed_since() -> None:
    study = make_study(["a=1,2"])
    sweep, jobs, notes = make_sweep(study, lambda number, words: Course(signature="one"))
    study.tell(JobEnded(study.ask().number, Outcome.COMPLETED, value=0.5))  # type: ignore[union-attr]
    jobs.earlier[0] = JobEnded(0, Outcome.COMPLETED, value=0.5, signature="one", changed="package torch: 2 then, 3 now")
    assert sweep.run().complete and jobs.started == []
    (repeat,) = [ended for ended in notes.ends if ended.number == 1]
    assert (
        repeat.message == "the same experiment as trial 0, not run again (changed since: package torch: 2 then, 3 now)"
    )


def test_the_twin_of_a_running_trial_waits_for_it_and_runs_if_it_fails() -> None:
    def course(number: int, words: Sequence[str]) -> Course:
        return (
            Course(outcome=Outcome.FAILED, signature="one", message="bad luck")
            if number == 0
            else Course(signature="one")
        )

    study = make_study(["a=1,2"])
    sweep, jobs, _ = make_sweep(study, course)
    sweep.run()
    assert jobs.started == [(0, 0.0), (1, 1.0)]
    assert study.optuna.get_trials()[1].state is optuna.trial.TrialState.COMPLETE


class CutBelow(Pruner):
    def after(self, trial: optuna.Trial, report: Reported) -> str | None:
        return f"{report.value} is too little" if report.value < 0.3 else None


def test_a_hopeless_trial_is_stopped_with_its_reason_and_its_slot_refilled_at_once() -> None:
    def course(number: int, words: Sequence[str]) -> Course:
        return Course(seconds=10, value=number / 10, reports=[(0.5, number / 10)])

    study = make_study(["a=range(0,4)"])
    sweep, jobs, _ = make_sweep(study, course, slots=1, pruner=CutBelow())
    assert sweep.run().complete
    assert jobs.stops == [(n, StopReason.PRUNED, f"{n / 10} is too little") for n in (0, 1, 2)]
    assert dict(jobs.started) == {0: 0.0, 1: 5.0, 2: 10.0, 3: 15.0}
    told = study.optuna.get_trials()
    assert [trial.state.name for trial in told] == ["PRUNED", "PRUNED", "PRUNED", "COMPLETE"]
    assert told[0].intermediate_values == {500: 0.0}


def test_what_was_interrupted_is_taken_up_first_and_under_its_number() -> None:
    inner = optuna.create_study(direction="maximize")
    sweep, _, _ = make_sweep(
        make_study(GRID, into=inner),
        lambda number, words: Course(
            outcome=Outcome.INTERRUPTED if number == 1 else Outcome.COMPLETED, seconds=1 + number
        ),
        slots=2,
    )
    swept = sweep.run()
    assert not swept.complete
    again, jobs, _ = make_sweep(make_study(GRID, into=inner), lambda number, words: Course())
    assert again.run().complete
    assert jobs.started[0][0] == 1
    points = [(t.params["a"], t.params["b"]) for t in inner.get_trials()]
    assert len(points) == len(set(points)) == 6


def test_a_sweep_that_goes_on_shows_what_there_is() -> None:
    inner = optuna.create_study(direction="maximize")
    make_sweep(make_study(["a=1,2"], into=inner), lambda number, words: Course(value=0.25))[0].run()
    sweep, _, notes = make_sweep(make_study(["a=1,2"], into=inner), lambda number, words: Course())
    assert sweep.run().complete
    assert notes.said == ["earlier 0 completed a=1", "earlier 1 completed a=2"] and not notes.ends


def test_a_result_that_was_not_told_yet_is_told_and_not_run_again() -> None:
    """The parent died between a trial's result and its own record of it."""
    inner = optuna.create_study(direction="maximize")
    study = make_study(GRID, into=inner)
    study.ask()
    again = make_study(GRID, into=inner)
    earlier = {0: JobEnded(0, Outcome.COMPLETED, 0.9, signature="s")}
    sweep, jobs, _ = make_sweep(again, lambda number, words: Course(), earlier=earlier)
    assert sweep.run().complete
    assert 0 not in dict(jobs.started) and inner.get_trials()[0].value == 0.9


def test_a_value_that_is_no_number_fails_its_trial_and_nothing_else() -> None:
    def course(number: int, words: Sequence[str]) -> Course:
        return Course(value=float("nan") if number == 0 else 0.5)

    study = make_study(GRID)
    sweep, _, _ = make_sweep(study, course, max_failure_rate=0.0)
    assert sweep.run().complete
    assert study.optuna.get_trials()[0].state is optuna.trial.TrialState.FAIL


def test_budgets_start_nothing_new_and_let_what_runs_end() -> None:
    study = make_study(["a=range(0,100)"])
    budget = Budget(device_hours=2.5)
    sweep, jobs, _ = make_sweep(study, lambda number, words: Course(seconds=3600), slots=1, budget=budget)
    swept = sweep.run()
    assert len(jobs.started) == 3 and "hydra.sweeper.max_device_hours=2.5" in swept.why
    assert all(trial.state is not optuna.trial.TrialState.RUNNING for trial in study.optuna.get_trials()[:3])


def test_an_added_trial_comes_next_and_does_not_count() -> None:
    study = make_study(["a=1,2,3"])
    study.add(["a=7", "+other=1"])
    words: dict[int, Sequence[str]] = {}

    def course(number: int, overrides: Sequence[str]) -> Course:
        words[number] = overrides
        return Course()

    sweep, _, _ = make_sweep(study, course, slots=1)
    assert sweep.run().complete
    assert words[0] == ["a=7", "+other=1"] and len(words) == 4


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_any_mixture_of_ends_loses_and_doubles_nothing(seed: int) -> None:
    """Random durations, failures, repeats and interruptions: after enough resumes every point was told exactly once."""
    chance = random.Random(seed)
    inner = optuna.create_study(direction="maximize")
    completed: list[int] = []
    for _ in range(50):
        study = make_study(["a=range(0,12)"], into=inner)

        def course(number: int, words: Sequence[str]) -> Course:
            fate = chance.choices(list(Outcome), weights=[6, 1, 1, 1])[0]
            return Course(seconds=chance.random(), outcome=fate, signature=f"s{number % 9}")

        sweep, _, notes = make_sweep(study, course, slots=3)
        swept = sweep.run()
        completed += [ended.number for ended in notes.ends if ended.outcome is not Outcome.INTERRUPTED]
        if swept.complete:
            break
    assert swept.complete
    assert sorted(completed) == list(range(12))
    assert sorted(trial.params["a"] for trial in inner.get_trials()) == list(range(12))


def test_failure_kinds_reach_the_record() -> None:
    study = make_study(["a=1"])
    sweep, jobs, _ = make_sweep(study, lambda number, words: Course())
    jobs.poll = lambda timeout: [  # type: ignore[method-assign]
        JobEnded(0, Outcome.FAILED, failure=FailureKind.DIVERGED, message="loss is nan")
        for _ in [jobs._running.clear()]
    ]
    sweep.run()
    assert study.optuna.get_trials()[0].user_attrs["failure"] == "diverged"


def test_the_journal_of_a_real_folder_takes_it_all(tmp_path: Path) -> None:
    from medqa_sweeps.study.folder import StudyDir

    folder = StudyDir(tmp_path)
    for _ in range(2):
        inner = optuna.create_study(
            storage=journal_of(folder), study_name="s", direction="maximize", load_if_exists=True
        )
        sweep, _, _ = make_sweep(make_study(GRID, into=inner), lambda number, words: Course())
        assert sweep.run().complete
        assert len(inner.get_trials()) == 6
