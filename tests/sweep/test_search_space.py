"""Words in, points out, words again: a sweep's search space, and what Optuna is told of it."""

import itertools
import shlex
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import optuna
import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hypothesis import assume, example, given, settings, strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.sweep import space_parsing
from medqa_sweeps.sweep.search_space import SearchSpace
from medqa_sweeps.sweep.space_parsing import parse_search_space
from tests.conftest import ROOT

optuna.logging.set_verbosity(optuna.logging.WARNING)


def space_of(
    *words: str,
    params: Mapping[str, Any] | None = None,
    zipped: Sequence[Sequence[str]] = (),
    when: Mapping[str, Mapping[str, Any]] | None = None,
    loader: ConfigLoader | None = None,
) -> SearchSpace:
    return parse_search_space(words, params or {}, zipped, when or {}, loader)


def distribution_of(word: str) -> BaseDistribution:
    (knob,) = space_of(word).knobs
    return knob.distribution


def read(words: Sequence[str]) -> dict[str, Any]:
    """What Hydra understands: values by key."""
    parsed = OverridesParser.create().parse_overrides(list(words))
    assert not any(override.is_sweep_override() for override in parsed), words
    return {override.get_key_element(): override.value() for override in parsed}


def read_points(space: SearchSpace) -> list[dict[str, Any]]:
    return [read(space.overrides(point)) for point in space.points()]


def check_round_trip(space: SearchSpace) -> None:
    """Each point once; its words are its values for Hydra, and lead back to it."""
    points = list(space.points())
    assert len(points) == space.size
    said = [tuple(space.overrides(point)) for point in points]
    assert len(set(said)) == len(said), "two points are written alike"
    for point, words in zip(points, said, strict=True):
        assert repr(space.point_of(words)) == repr(point)
        assert set(space.values(point)) <= set(read(words))


# Values as they come to people's minds, and how each is typed.

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=12)
numbers = st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False)
scalars = (
    st.booleans() | st.none() | numbers | texts | st.sampled_from(["null", "true", "8", "1e-5", "a, b", "it's", ""])
)


def typed(value: Any) -> str:
    if isinstance(value, str):
        return QuotedString(value, Quote.double).with_quotes()
    return "null" if value is None else str(value)


def choices(values: Sequence[Any]) -> str:
    return ",".join(map(typed, values))


@settings(deadline=None)
@given(st.lists(scalars, min_size=2, max_size=5, unique_by=repr))
@example([True, 1, 1.0, "1", "true"])
@example([None, "null", "None", "", " a"])
@example(["a b", "a,b", "it's", 'say "so"', "back\\slash", "\\'", "${x}", "[1]", "{a:1}", "k=v", "x:y", "~z"])
@example([1e-5, -3, -0.25, 1e22, 123456789.123456])
def test_a_list_is_read_and_written_without_loss(values: list[Any]) -> None:
    space = space_of(f"key={choices(values)}")
    check_round_trip(space)
    assert [repr(point["key"]) for point in read_points(space)] == [repr(value) for value in values]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(scalars, min_size=2, max_size=4, unique_by=repr), min_size=1, max_size=3), st.data())
def test_a_finite_space_is_the_product_of_its_lists(lists: list[list[Any]], data: st.DataObject) -> None:
    words = [f"group.key{place}={choices(values)}" for place, values in enumerate(lists)]
    fixed = data.draw(scalars)
    words.insert(data.draw(st.integers(0, len(words))), f"+fixed={typed(fixed)}")
    space = space_of(*words)
    check_round_trip(space)
    found = [{key: repr(value) for key, value in point.items()} for point in read_points(space)]
    keys = [f"group.key{place}" for place in range(len(lists))]
    assert found == [
        {"+fixed": repr(fixed), **{key: repr(value) for key, value in zip(keys, row, strict=True)}}
        for row in itertools.product(*lists)
    ]
    assert [list(point) for point in found] == [[word.partition("=")[0] for word in words]] * len(found), "as typed"


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("key=null,1", [None, 1]),
        ("key=None,1", ["None", 1]),  # Hydra's null is spelt null
        ("key=NULL,True,FALSE", [None, True, False]),
        ("key='a, b',\"c d\",e f", ["a, b", "c d", "e f"]),
        ("key=a\\,b,c", ["a,b", "c"]),
        ("key=1e-5,0.00001,1E-5,2", [1e-5, 2]),
        ("key='a',\"a\",a,b", ["a", "b"]),
        ("key=-3,+4,-1e-5,1_000", [-3, 4, -1e-5, 1000]),
        ("key=[1,2],[3],{a:1}", [[1, 2], [3], {"a": 1}]),
        ("key=int(8.0,16.5)", [8, 16]),
        ("key=float(8,16)", [8.0, 16.0]),
        ("key=bool(0,1)", [False, True]),
        ("key=str(8,16)", ["8", "16"]),
        ("key=sort(16,8,4)", [4, 8, 16]),
        ("key=sort(8,16,4,reverse=true)", [16, 8, 4]),
        ("key=choice(8,16)", [8, 16]),
        ("key=${a.b},c", ["${a.b}", "c"]),
        ("key=,x", None),  # refused by Hydra: nothing before the comma
    ],
)
def test_lists_as_people_write_them(word: str, values: list[Any] | None) -> None:
    if values is None:
        with pytest.raises(ConfigError):
            space_of(word)
        return
    space = space_of(word)
    check_round_trip(space)
    assert [repr(point["key"]) for point in read_points(space)] == [repr(value) for value in values]


def test_what_python_holds_equal_stays_apart_in_optuna() -> None:
    study = optuna.create_study()
    space = space_of("key=true,1,1.0,false,0")
    for point in space.points():
        study.enqueue_trial(point)
        trial = study.ask()
        assert space.overrides(space.suggest(trial)) == space.overrides(point)
        assert space.overrides(study.trials[trial.number].params) == space.overrides(point), "when it is read again"
    assert distribution_of("key=true,false,2") == CategoricalDistribution([True, False, 2]), (
        "as they are where they can"
    )


@pytest.mark.parametrize(
    ("word", "given", "point"),
    [
        ("key=true,false", "key=true", {"key": True}),
        ("key=true,false", "key=False", {"key": False}),
        ("key=true,false", "key=1", {}),
        ("key=null,1", "key=Null", {"key": "null"}),
        ("key=1e-5,1e-4", "key=0.0001", {"key": 1e-4}),
        ("key='a b',c", 'key="a b"', {"key": "a b"}),
        ("key='a,b',c", 'key="a,b"', {"key": "'a,b'"}),
        ("key=range(0,1,0.1)", "key=0.3", {"key": 0.3}),
        ("key=range(0,1,0.1)", "key=0.35", {}),
        ("key=range(0,10,2)", "key=4.0", {"key": 4}),
        ("key=range(0,10,2)", "key=3", {}),
        ("key=range(0,10,2)", "key=10", {}),
        ("key=range(0,2)", "key=true", {}),
        ("key=interval(1,2)", "key=2", {"key": 2.0}),
        ("key=interval(1,2)", "key=nan", {}),
        ("key=interval(1,2)", "key=inf", {}),
        ("key=interval(1,2)", "key=a", {}),
        ("key=int(interval(1,5))", "key=3", {"key": 3}),
        ("key=int(interval(1,5))", "key=3.5", {}),
        ("key=8,16", "key=8,16", {}),
        ("key=8,16", "other=8", {}),
    ],
)
def test_the_point_that_words_stand_for(word: str, given: str, point: dict[str, Any]) -> None:
    found = space_of(word).point_of([given])
    assert repr(found) == repr(point)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("key=1,2", CategoricalDistribution([1, 2])),
        ("key=choice(1,2)", CategoricalDistribution([1, 2])),
        ("key=choice(true, false)", CategoricalDistribution([True, False])),
        ("key=choice('hello', 'world')", CategoricalDistribution(["hello", "world"])),
        ("key=range(1,3)", IntDistribution(1, 2)),  # upstream's holds its stop; Hydra's and Python's do not
        ("key=range(3)", IntDistribution(0, 2)),
        ("key=range(1,10,4)", IntDistribution(1, 9, step=4)),
        ("key=range(10,0,-4)", IntDistribution(2, 10, step=4)),
        ("key=int(range(1.5,4.5))", IntDistribution(1, 3)),
        ("key=range(0.5,5.5,step=1)", FloatDistribution(0.5, 4.5, step=1)),
        ("key=range(0,1,0.25)", FloatDistribution(0, 0.75, step=0.25)),
        ("key=range(0,0.3,0.1)", FloatDistribution(0, 0.2, step=0.1)),
        ("key=range(1,0,-0.3)", FloatDistribution(0.1, 1, step=0.3)),
        ("key=range(1e-5,5e-5,1e-5)", FloatDistribution(1e-5, 4e-5, step=1e-5)),
        ("key=interval(1, 5)", FloatDistribution(1, 5)),
        ("key=interval(1e-5, 1e-3)", FloatDistribution(1e-5, 1e-3)),
        ("key=int(interval(1, 5))", IntDistribution(1, 5)),
        ("key=int(interval(1.7, 5.7))", IntDistribution(1, 5)),
        ("key=tag(log, interval(1, 5))", FloatDistribution(1, 5, log=True)),
        ("key=tag(log, int(interval(1, 5)))", IntDistribution(1, 5, log=True)),
        ("key=int(tag(log, interval(1, 5)))", IntDistribution(1, 5, log=True)),
    ],
)
def test_upstreams_distributions(word: str, expected: BaseDistribution) -> None:
    assert distribution_of(word) == expected
    space = space_of(word)
    finite = "interval" not in word
    assert (space.size is not None) is finite
    if finite:
        check_round_trip(space)


@settings(deadline=None)
@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-7, 7).filter(bool))
def test_a_range_is_pythons(start: int, stop: int, step: int) -> None:
    assume(len(range(start, stop, step)) > 0)
    space = space_of(f"key=range({start},{stop},{step})")
    assert [point["key"] for point in space.points()] == list(range(start, stop, step))
    check_round_trip(space)


@settings(deadline=None)
@given(st.integers(-300, 300), st.integers(1, 40), st.integers(-30, 30).filter(bool), st.integers(1, 8))
@example(0, 3, 1, 1)
@example(-10, 40, 1, 1)
def test_a_range_of_floats_does_not_drift(start: int, count: int, step: int, digits: int) -> None:
    """In units of the last digit everything is a whole number."""

    def shown(units: int) -> str:
        return f"{units}e-{digits}"

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Optuna's, where its last point would not be on a step
        space = space_of(f"key=range({shown(start)},{shown(start + count * step)},{shown(step)})")
    assert [point["key"] for point in space.points()] == [float(shown(start + n * step)) for n in range(count)]
    check_round_trip(space)
    (knob,) = space.knobs
    assert all(knob.distribution._contains(value) for value in knob.values()), "Optuna would not take it"


def test_what_optuna_samples_of_a_range_does_not_drift_either() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    space = space_of("key=range(-1,1,0.1)")
    said = set()
    for _ in range(100):
        said.update(space.overrides(space.suggest(study.ask())))
    assert said == {f"key={number / 10}" for number in range(-10, 10)}


def test_huge_ranges_are_counted_not_listed() -> None:
    space = space_of("a=range(0,1000000000000)", "b=range(0,1,1e-12)", "c=1,2")
    assert space.size == 2 * 10**24
    first = list(itertools.islice(space.points(), 3))
    assert first == [{"a": 0, "b": 0.0, "c": 1}, {"a": 0, "b": 0.0, "c": 2}, {"a": 0, "b": 1e-12, "c": 1}]
    assert space.point_of(["a=999999999999", "b=0.5"]) == {"a": 999999999999, "b": 0.5}


@pytest.mark.parametrize("word", ["key=shuffle(a,b,c,d,e,f)", "key=shuffle(range(0,6))", "key=shuffle(choice(a,b,c))"])
def test_a_shuffled_list_has_one_order(word: str) -> None:
    orders = [[point["key"] for point in space_of(word).points()] for _ in range(5)]
    assert all(order == orders[0] for order in orders)
    assert orders[0] != sorted(orders[0]) and isinstance(distribution_of(word), CategoricalDistribution)
    check_round_trip(space_of(word))


def test_the_command_line_wins_over_params() -> None:
    space = space_of("a=1,2", "c=7", params={"a": "interval(0,1)", "b": "x,y", "c": "8,16"})
    assert space.distributions == {"a": CategoricalDistribution([1, 2]), "b": CategoricalDistribution(["x", "y"])}
    assert space.fixed == ["c=7"] and space.keys == {"a", "b"}
    assert space_of("a=1", "a=2,3").size == 2, "and what comes later over what came before"
    when = {"a=1": {"c": "8,16", "d": "8,16"}}
    assert space_of("c=7", params={"a": "1,2"}, when=when).keys == {"a", "d"}, "over what depends, too"


def test_params_may_be_values_instead_of_words() -> None:
    params = {"a": None, "b": True, "c": 1e-5, "d": [8, "x y"], "e": {"f": None}, "g": "8,16", "h": ""}
    space = space_of(params=params)
    expected = {"a": None, "b": True, "c": 1e-5, "d": [8, "x y"], "e": {"f": None}, "h": ""}
    assert [read(space.overrides(point)) for point in space.points()] == [expected | {"g": 8}, expected | {"g": 16}]


def test_what_has_one_value_goes_to_every_trial() -> None:
    space = space_of("~z", "+w=1", "++v='a b'", "r=8,16", "~y=3", "model@other=x")
    assert space.fixed == ["~z", "+w=1", "++v=a b", "~y=3", "model@other=x"] and space.keys == {"r"}
    assert [space.overrides(point) for point in space.points()] == [
        ["~z", "+w=1", "++v=a b", f"r={r}", "~y=3", "model@other=x"] for r in (8, 16)
    ]
    assert space_of("+w=1,2").overrides({"+w": 2}) == ["+w=2"]


def test_a_space_without_knobs_is_one_point() -> None:
    assert (space_of().size, list(space_of("a=1").points()), space_of("a=1").describe()) == (1, [{}], [])


# Lists that move together


def test_zipped_lists_move_together() -> None:
    space = space_of("x=a,b", "r=8,8,16", "alpha=16,32,64", "y=1", zipped=[["r", "alpha"]])
    (x, together) = space.knobs
    assert (together.keys, together.distribution) == (
        ("r", "alpha"),
        CategoricalDistribution(["8, 16", "8, 32", "16, 64"]),
    )
    assert space.size == 6 and x.size == 2 and space.keys == {"x", "r", "alpha"}
    rows = [(8, 16), (8, 32), (16, 64)]
    assert read_points(space) == [{"x": x, "r": r, "alpha": alpha, "y": 1} for x in "ab" for r, alpha in rows]
    check_round_trip(space)
    assert space.point_of(["r=8", "alpha=32"]) == {"r,alpha": "8, 32"}
    assert space.point_of(["r=8", "alpha=64"]) == space.point_of(["r=8"]) == {}
    assert space.values({"x": "a", "r,alpha": "8, 32"}) == {"x": "a", "r": 8, "alpha": 32}


def test_rows_keep_the_order_and_the_texts_of_their_lists() -> None:
    space = space_of("a=range(3,0,-1)", "b='1, 2','2, 1',3", "c=true,1,null", zipped=[["a", "b", "c"]])
    assert [tuple(point.values()) for point in read_points(space)] == [(3, "1, 2", True), (2, "2, 1", 1), (1, 3, None)]
    check_round_trip(space)
    assert space_of("a=1,2,1", "b=1,2,1", zipped=[["a", "b"]]).size == 2, "a row typed twice is one point"
    check_round_trip(space_of("a=true,1,1.0", "b=x,x,x", zipped=[["a", "b"]]))
    two = space_of("a=1,2", "b=1,2", "c=1,2", "d=1,2", zipped=[["a", "c"], ["b", "d"]])
    assert two.size == 4 and list(two.overrides(next(two.points()))) == ["a=1", "c=1", "b=1", "d=1"]


@pytest.mark.parametrize(
    ("words", "group", "said"),
    [
        (["a=1,2,3", "b=1,2"], ["a", "b"], ["a has 3 values", "b has 2 values", "of one length"]),
        (["a=1,2", "b=interval(0,1)"], ["a", "b"], ["b has no end of values"]),
        (["a=1,2", "b=1"], ["a", "b"], ["b has no list", "give it one"]),
        (["a=1,2"], ["a", "nowhere"], ["nowhere has no list", "give it one"]),
        (["a=1,2"], ["a"], ["['a']", "two or more"]),
        (["a=1,2", "b=1,2"], ["a", "b", "a"], ["['a', 'b', 'a']", "each once"]),
        (["a=1,2", "b=1,2"], "ab", ["'ab'", "[[lora.r,lora.alpha]]"]),
    ],
)
def test_what_cannot_move_together(words: list[str], group: Sequence[str], said: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        space_of(*words, zipped=[group])
    assert all(part in str(caught.value) for part in ["hydra.sweeper.zip", *said]), caught.value


def test_a_key_moves_in_one_group() -> None:
    with pytest.raises(ConfigError, match="b has no list of values here"):
        space_of("a=1,2", "b=1,2", "c=1,2", zipped=[["a", "b"], ["b", "c"]])


# Spaces that depend


def test_the_module_shows_words_that_hydra_reads() -> None:
    lines = [line for line in (space_parsing.__doc__ or "").splitlines() if line.startswith("    ")]
    shown = [word for word in shlex.split("\n".join(lines)) if "=" in word]
    for word in shown:
        assert "hydra." in word or "glob" in word or len(space_of(word).knobs) == 1
    options = read([word for word in shown if "hydra." in word])
    assert options["hydra.sweeper.zip"] == [["lora.r", "lora.alpha"]]
    when = options["hydra.sweeper.when"]
    assert space_of("lora=dora,rslora", when=when).keys == {"lora", "optimizer.lr"}


WHEN = {
    "lora=dora": {"lr": "1e-5,1e-4", "warm": True},
    "lora=rslora": {"lr": "1e-4,1e-3,1e-2", "beta": "x,y"},
    "norm=True": {"eps": "1e-8,1e-6"},
}


def branched(*words: str) -> SearchSpace:
    return space_of(*(words or ["lora=dora,rslora,plain", "norm=true,false"]), when=WHEN)


def test_a_branch_exists_where_its_condition_holds() -> None:
    space = branched()
    assert space.size == (2 + 6 + 1) * (2 + 1) == len(list(space.points()))
    check_round_trip(space)
    points = read_points(space)
    assert all(("beta" in point) == (point["lora"] == "rslora") for point in points)
    assert all(("warm" in point) == (point["lora"] == "dora") for point in points)
    assert all(("eps" in point) == point["norm"] for point in points)
    assert {point["lr"] for point in points if point["lora"] == "dora"} == {1e-5, 1e-4}
    assert space.keys == {"lora", "norm", "lr", "beta", "eps"}
    assert branched("lora=dora", "norm=false").size == 2, "a condition on what is fixed"
    assert branched("lora=plain", "norm=TRUE").size == 2


def test_conditions_are_compared_by_value() -> None:
    space = space_of(
        "lr=0.00001,1e-3", "s='a, b',c", "n=null,1", when={"lr=1e-05": {"a": "1,2"}, "s='a, b'": {"b": "1,2"}}
    )
    assert space.size == (2 + 1) * (2 + 1) * 2
    assert space_of("n=null,1", when={"n=Null": {"a": "1,2"}}).size == 3
    assert space_of("f=range(0,1,0.1)", when={"f=0.3": {"a": "1,2"}}).size == 11


def test_optuna_samples_branches_and_takes_their_points() -> None:
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=5))
    space = branched()
    for turn, point in enumerate(itertools.chain(space.points(), [None] * 20)):
        if point is not None:
            study.enqueue_trial(point)
        trial = study.ask()
        found = space.suggest(trial)
        assert point is None or found == point
        assert found == trial.params and set(found) <= set(space.distributions)
        assert space.point_of(space.overrides(found)) == found
        study.tell(trial, float(turn))
    assert len(study.get_trials(states=[TrialState.COMPLETE])) == space.size + 20  # type: ignore[operator]


def test_only_some_knobs_can_be_asked_for() -> None:
    study = optuna.create_study()
    space = branched()
    only = space.point_of(["lora=dora", "lr=1e-4", "other=1"])
    assert len(only) == 2
    study.enqueue_trial(only)
    assert space.suggest(study.ask(), only=only) == only


def test_an_interval_in_a_branch_that_can_open_is_sampled() -> None:
    when = {"lora=dora": {"lr": "interval(1e-5,1e-4)"}, "lora=rslora": {"lr": "tag(log,interval(1e-4,1e-3))"}}
    assert space_of("lora=dora,plain", when=when).size is None
    assert space_of("lora=plain,all", when=when).size == 2
    space = space_of("lora=dora,rslora", when=when)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        values = space.values(space.suggest(study.ask()))
        low, high = {"dora": (1e-5, 1e-4), "rslora": (1e-4, 1e-3)}[values["lora"]]  # type: ignore[index]
        assert low <= values["lr"] <= high  # type: ignore[operator]


def test_lists_move_together_in_a_branch() -> None:
    when = {
        "lora=dora": {"r": "8,16", "alpha": "16,32"},
        "lora=plain": {"r": "4,2,1", "alpha": "8,4,2"},
        "lora=all": {"r": "1,2"},
    }
    space = space_of("lora=dora,plain,all", "a=1,2", "b=1,2", zipped=[["r", "alpha"], ["a", "b"]], when=when)
    assert space.size == (2 + 3 + 2) * 2
    check_round_trip(space)
    rows = {(point["lora"], point.get("r"), point.get("alpha")) for point in read_points(space)}
    assert rows == {
        *zip(["dora"] * 2, (8, 16), (16, 32), strict=True),
        *zip(["plain"] * 3, (4, 2, 1), (8, 4, 2), strict=True),
        ("all", 1, None),
        ("all", 2, None),
    }


@pytest.mark.parametrize(
    ("words", "when", "said"),
    [
        (["lora=a,b"], {"optimizer=a": {"lr": "1,2"}}, ["'optimizer=a'", "KEY=VALUE", "lora"]),
        ([], {"optimizer=a": {"lr": "1,2"}}, ["'optimizer=a'", "KEY=VALUE", "none yet"]),
        (["lora=a,b"], {"lora=a,b": {"lr": "1,2"}}, ["'lora=a,b'", "KEY=VALUE"]),
        (["lora=a,b"], {"lora": {"lr": "1,2"}}, ["'lora'", "https://hydra.cc"]),
        (["lora=a,b"], {"lora=a": "lr=1,2"}, ["'lora=a'", "'lr=1,2'", "its own keys and values"]),
        (["lora=a,b"], {"lora=a": {"lr": "range(0,1,0)"}}, ["lr=range(0,1,0)"]),
    ],
)
def test_what_is_no_condition(words: list[str], when: Any, said: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        space_of(*words, when=when)
    assert all(part in str(caught.value) for part in said), caught.value


def test_a_key_is_searched_once_at_each_point() -> None:
    with pytest.raises(ConfigError, match=r"lr is searched where lora=a, and everywhere; take it out"):
        space_of(params={"lora": "a,b", "lr": "1,2"}, when={"lora=a": {"lr": "3,4"}})
    with pytest.raises(ConfigError, match=r"lr is searched where norm=1, and where lora=a, which can hold too"):
        space_of("lora=a,b", "norm=1,2", when={"lora=a": {"lr": "3,4"}, "norm=1": {"lr": "3,4"}})
    with pytest.raises(ConfigError, match="which can hold too"):
        space_of("x=1e-5,1", when={"x=1e-5": {"lr": "3,4"}, "x=0.00001": {"lr": "3,4"}})
    space = space_of(params={"lora": "a,b", "lr": 1}, when={"lora=a": {"lr": "3,4"}})
    assert [point["lr"] for point in read_points(space)] == [3, 4, 1], "a value that a branch replaces"


def test_a_space_describes_itself() -> None:
    assert branched().describe() == [
        "lora: dora, rslora, plain",
        "norm: true, false",
        "where lora=dora, lr: 1e-05, 0.0001",
        "where lora=dora, warm=true",
        "where lora=rslora, lr: 0.0001, 0.001, 0.01",
        "where lora=rslora, beta: x, y",
        "where norm=true, eps: 1e-08, 1e-06",
    ]
    words = ["a=range(0,9,2)", "b=tag(log,interval(1e-5,1))", "c=tag(log,int(interval(1,5)))", "d=range(0,1,0.25)"]
    assert space_of(*words, "e=range(0,3)", "f=interval(0,1)").describe() == [
        "a: whole numbers from 0 to 8 in steps of 2",
        "b: 1e-05 to 1.0, sampled, logarithmic",
        "c: whole numbers from 1 to 5, sampled, logarithmic",
        "d: 0.0 to 0.75 in steps of 0.25",
        "e: whole numbers from 0 to 2",
        "f: 0.0 to 1.0, sampled",
    ]
    assert space_of("r=8,16", "alpha=1,2", zipped=[["r", "alpha"]]).describe() == ["r with alpha: 8, 1; 16, 2"]
    many = ",".join(map(str, range(2000)))
    assert space_of(f"a={many}").describe()[0].endswith("10, 11, … (2,000 values)")


DIFFERENT = [
    space_of("a=1,2"),
    space_of("a=1,2", "b=1"),
    space_of("a=1,2", "b=2"),
    space_of("a='1, 2',3"),
    space_of("a=1,2,3"),
    space_of("a=range(1,3)"),
    space_of("a=int(interval(1,2))"),
    space_of("a=interval(1,2)"),
    space_of("a=interval(1,2.0000001)"),
    space_of("a=tag(log,interval(1,2))"),
    space_of("a=range(1,2.5,0.5)"),
    space_of("a=1,2", when={"a=1": {"c": "1,2"}}),
    space_of("a=1,2", when={"a=2": {"c": "1,2"}}),
    space_of("a=1,2", "c=1,2", zipped=[["a", "c"]]),
    space_of("a=1,2", "c=1,2"),
]


def test_records_are_equal_where_spaces_are() -> None:
    records = [space.to_record() for space in DIFFERENT]
    assert all(one != other for one, other in itertools.combinations(records, 2))
    assert (
        space_of("a='x',\"y z\"", "b=1e-5", "c=True").to_record()
        == space_of("a=x,y z", "b=0.00001", "c=true").to_record()
    )


# Names of configs


@pytest.fixture
def loader() -> Iterator[ConfigLoader]:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        yield hydra.config_loader


def test_glob_finds_configs(loader: ConfigLoader) -> None:
    space = space_of("model=glob(gemma3*)", loader=loader)
    found = sorted(path.stem for path in (ROOT / "conf" / "model").glob("gemma3*.yaml"))
    assert len(found) > 1 and space.distributions == {"model": CategoricalDistribution(found)}
    check_round_trip(space)
    fewer = space_of("model=glob([gemma3*,qwen*],exclude=*1b*)", loader=loader)
    assert fewer.size and [point["model"] for point in fewer.points()] == [
        *(name for name in found if "1b" not in name),
        *(path.stem for path in (ROOT / "conf" / "model").glob("qwen*.yaml")),
    ]
    inside = space_of("lora=all_linear,dora", when={"lora=dora": {"model": "glob(gemma3*)"}}, loader=loader)
    assert inside.size == 1 + len(found)


def test_glob_that_finds_nothing_says_what_there_is(loader: ConfigLoader) -> None:
    with pytest.raises(ConfigError, match=r"model=glob\(gema\*\): nothing matches; the options are .*gemma3_1b"):
        space_of("model=glob(gema*)", loader=loader)
    with pytest.raises(ConfigError, match="no config group"):
        space_of("seed=glob(*)", loader=loader)
    with pytest.raises(ConfigError, match="name the options"):
        space_of("model=glob(gemma3*)")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("key=range(0,10,0)", ["step that is not 0"]),
        ("key=int(range(0,5,0.5))", ["step that is not 0"]),
        ("key=range(0,inf)", ["finite start and stop"]),
        ("key=range(5,5)", ["0 values", "stop is excluded"]),
        ("key=range(5,1)", ["0 values", "step must lead towards it"]),
        ("key=range(1,2,-0.5)", ["0 values", "step must lead towards it"]),
        ("key=shuffle(range(5,5))", ["0 values"]),
        ("key=range(0,1e30)", ["values", "1 or more"]),
        ("key=interval(5,1)", ["up to another"]),
        ("key=interval(0,inf)", ["finite"]),
        ("key=interval(nan,1)", ["finite"]),
        ("key=tag(log,interval(0,1))", ["above 0, not at 0.0", "leave tag(log, …) out"]),
        ("key=tag(log,int(interval(0.5,4)))", ["above 0, not at 0;", "raise it"]),
        ("key=int(interval(a,b))", ["str", "https://hydra.cc"]),
        ("key=str(interval(1,2))", ["cannot be cast to str", "https://hydra.cc"]),
        ("key=choice()", ["empty choice", "https://hydra.cc"]),
        ("key=a=b", ["'='", "https://hydra.cc"]),
        ("key=(", ["https://hydra.cc"]),
        ("key='open", ["https://hydra.cc"]),
        ("key", ["https://hydra.cc"]),
        ("", ["https://hydra.cc"]),
        ("key=choice(1,choice(2,3))", ["within a value"]),
        ("key=[range(0,3)]", ["within a value"]),
        ("key={a:[glob(x*)]}", ["within a value"]),
    ],
)
def test_errors_name_the_word_what_is_allowed_and_what_to_do(word: str, said: list[str]) -> None:
    for words in ([word], ["fine=1,2", word]):
        with pytest.raises(ConfigError) as caught:
            space_of(*words)
        assert all(part in str(caught.value) for part in [word or "''", *said]), caught.value
    assert "\n" not in str(caught.value) and str(caught.value).count("fine") == 0


@settings(max_examples=300, deadline=None)
@given(st.text("ab0159.,-+~=()[]{}'\"\\$: e_", max_size=20) | texts)
def test_any_text_is_read_or_refused(text: str) -> None:
    """No other exception than ConfigError, and what is read is written so that it is read again."""
    try:
        space = space_of(f"key={text}")
    except ConfigError:
        return
    if space.size is not None and space.size < 100:
        check_round_trip(space)
