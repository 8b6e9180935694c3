"""Every value that a sweep could try is checked before it starts: once each, all wrong ones listed, nothing written."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
import pytest

import launch
from medqa_sweeps.alarms.cautions import Caution
from medqa_sweeps.compose.refusals import in_sentences
from medqa_sweeps.errors import ConfigError, DataError
from medqa_sweeps.sweep.preflight import preflight
from medqa_sweeps.sweep.search_space import SearchSpace
from medqa_sweeps.sweep.space_parsing import parse_search_space

CONF = Path(launch.__file__).parent / "conf"
SAMPLE_IS_NEARLY_TRAINED_ON = (
    "Caution    data.validation=bundled:sample/validation.jsonl: 297 of 400 validation questions have a near-duplicate "
    "in training, so accuracies probably overstate what the model would score on new questions."
)


def space_of(
    *words: str, zipped: Sequence[Sequence[str]] = (), when: Mapping[str, Mapping[str, Any]] | None = None
) -> SearchSpace:
    return parse_search_space(words, {}, zipped, when or {}, None)


class Rules:
    """A check that refuses what one of its patterns is found in, as composing does: at the first word that is wrong."""

    def __init__(self, *wrong: str, of_all: bool = False) -> None:
        self._wrong, self._of_all = wrong, of_all
        self.asked: list[str] = []

    def __call__(self, overrides: Sequence[str]) -> Iterable[Caution]:
        self.asked.append(" ".join(overrides))
        found = [f"{word}: wrong." for word in overrides for one in self._wrong if re.fullmatch(one, word)]
        found += [f"{one}: wrong together." for one in self._wrong if " " in one and re.search(one, self.asked[-1])]
        if found:
            raise ConfigError("\n".join(found if self._of_all else found[:1]))
        return [Caution("r", word.partition("=")[2], "large") for word in overrides if word == "r=900"]


def problems(space: SearchSpace, rules: Callable[[Sequence[str]], Iterable[Caution]]) -> list[str]:
    with pytest.raises(ConfigError) as error:
        preflight(space, rules)
    first, *lines = str(error.value).splitlines()
    assert first.startswith("Nothing was started: ") or not lines
    return lines or [first]


def test_of_a_grid_that_is_not_small_each_value_is_checked_once_with_the_first_of_the_others() -> None:
    rules = Rules()
    assert preflight(space_of("a=1,2,3,4,5,6", "b=1,2,3,4,5,6", "c=7"), rules) == []
    assert len(rules.asked) == 11 == len(set(rules.asked))
    assert {"a=1 b=1 c=7", "a=6 b=1 c=7", "a=1 b=6 c=7"} <= set(rules.asked) and "a=2 b=2 c=7" not in rules.asked


def test_of_a_small_grid_every_point_is_checked_once() -> None:
    rules = Rules()
    preflight(space_of("a=1,2,3,4", "b=1,2,3,4", "c=1,2"), rules)
    assert len(rules.asked) == 32 == len(set(rules.asked))
    preflight(space_of("a=1,2,3,4", "b=1,2,3,4", "c=1,2,3"), fewer := Rules())
    assert len(fewer.asked) == 9


def test_all_wrong_values_are_listed_each_with_its_sentence() -> None:
    told = problems(space_of("a=1,x,3,y", "b=1,2,z"), Rules("a=x", "a=y", "b=z"))
    assert told == ["  a=x: wrong.", "  a=y: wrong.", "  b=z: wrong."]


@pytest.mark.parametrize("of_all", [True, False], ids=["at once", "the first alone"])
def test_wrong_first_values_hide_no_others(of_all: bool) -> None:
    """The rest of every check is made of first values, until one is found that can run."""
    told = problems(space_of("a=x,y,3", "b=z,2,w", "c=v,1"), Rules("a=x", "a=y", "b=z", "b=w", "c=v", of_all=of_all))
    assert sorted(told) == sorted(f"  {one}: wrong." for one in ("a=x", "a=y", "b=z", "b=w", "c=v"))


def test_a_knob_without_a_value_that_can_run_is_told_and_the_others_are_not_blamed() -> None:
    told = problems(space_of("a=1,2", "b=x,y"), Rules("b=x", "b=y"))
    assert told == ["  b=x: wrong.", "  b=y: wrong."]
    told = problems(space_of("a=x,y", "b=x,y"), Rules("a=.", "b=.", of_all=True))
    assert told == ["  a=x: wrong.", "  a=y: wrong.", "  b=x: wrong.", "  b=y: wrong."]


def test_what_is_wrong_everywhere_is_said_once_as_of_a_single_run() -> None:
    rules = Rules("c=0")
    assert problems(space_of("a=1,2,3,4,5,6,7", "b=1,2,3,4,5,6,7", "c=0"), rules) == ["c=0: wrong."]
    assert len(rules.asked) == 1, "no other value of a knob that nothing blames is tried"


def test_a_base_that_is_missing_hides_no_wrong_value() -> None:
    """Without a network the hub's base fails at every value alike."""

    def missing(overrides: Sequence[str]) -> Iterable[Caution]:
        Rules("a=2")(overrides)
        raise ConfigError("the base cannot be had.")

    with pytest.raises(ConfigError) as error:
        preflight(space_of("a=1,2,3", "b=1,2"), missing, Rules("a=2"))
    assert str(error.value).splitlines() == [
        "Nothing was started: 1 value of this sweep cannot run.",
        "  a=2: wrong.",
        "Nor can any other: the base cannot be had.",
    ]


def test_a_problem_that_names_no_key_is_that_of_the_value_it_names() -> None:
    def check(overrides: Sequence[str]) -> Iterable[Caution]:
        if "data.train=none.jsonl" in overrides:
            raise DataError("none.jsonl: there is no such file.")
        return []

    told = problems(space_of("a=1,2", "data.train=none.jsonl,some.jsonl"), check)
    assert told == ["  data.train=none.jsonl: none.jsonl: there is no such file."]


def test_values_that_are_wrong_together_are_found_where_points_are_few() -> None:
    assert problems(space_of("a=1,2", "b=1,2"), Rules("a=2 b=2")) == ["  a=2 b=2: wrong together."]
    many = space_of("a=1,2,3,4,5,6", "b=1,2,3,4,5,6")
    assert preflight(many, Rules("a=2 b=2")) == [], "what it costs to look at few, it would cost at every start"


def test_both_ends_of_an_interval_are_checked() -> None:
    rules = Rules("lr=0.0")
    assert problems(space_of("lr=interval(0,1)", "r=8,16"), rules) == ["  lr=0.0: wrong."]
    preflight(space_of("lr=tag(log,interval(0.01,1))", "n=int(interval(3,9))"), ends := Rules())
    assert set(ends.asked) == {"lr=0.01 n=3", "lr=1.0 n=3", "lr=0.01 n=9"}


def test_of_a_long_range_the_ends_and_five_between_are_checked_and_of_a_list_all() -> None:
    preflight(space_of("r=range(0,50)"), all_of_them := Rules())
    assert len(all_of_them.asked) == 50
    preflight(space_of("r=range(0,61)"), rules := Rules())
    assert rules.asked == [f"r={value}" for value in (0, 10, 20, 30, 40, 50, 60)]
    preflight(space_of("x=range(0,1000000,0.5)"), huge := Rules())
    assert len(huge.asked) == 7 and {"x=0.0", "x=999999.5"} <= set(huge.asked)
    values = list(range(100))
    preflight(space_of(f"r={','.join(map(str, values))}"), listed := Rules())
    assert listed.asked == [f"r={value}" for value in values]


def test_a_zipped_row_is_one_value() -> None:
    space = space_of("a=1,2,3", "b=4,5,x", "c=7,8", zipped=[["a", "b"]])
    assert problems(space, Rules("b=x")) == ["  a=3 b=x: b=x: wrong."]


def test_what_depends_is_checked_where_it_exists() -> None:
    when = {"a=2": {"b": "1,x", "d": "7"}, "a=3": {"b": "interval(0,1)"}}
    rules = Rules("b=x", "b=0.0")
    assert problems(space_of("a=1,2,3", "c=1,2", when=when), rules) == [
        "  a=2, b=x: b=x: wrong.",
        "  a=3, b=0.0: b=0.0: wrong.",
    ]
    assert "a=2 c=1 b=1 d=7" in rules.asked and not [one for one in rules.asked if "a=1" in one and "b=" in one]
    assert problems(space_of("a=1,2", when={"a=2": {"d": "y"}}), Rules("d=y")) == ["  a=2: d=y: wrong."]
    assert problems(space_of("a=1,y", when={"a=y": {"d": "1,2"}}), Rules("a=y")) == ["  a=y: wrong."], "said once"


def test_a_condition_that_never_holds_is_checked_too_and_told() -> None:
    when = {"a=dorra": {"b": "1,2"}}
    assert problems(space_of("a=dora,none", when=when), Rules("a=dorra")) == ["  a=dorra: wrong."]
    (caution,) = preflight(space_of("a=dora,none", when=when), Rules())
    assert (caution.key, caution.value) == ("hydra.sweeper.when", "a=dorra") and "never holds" in caution.why
    assert not preflight(space_of("a=dora,dorra", when=when), Rules())
    assert not preflight(space_of("a=dorra", when=when), Rules())


def test_what_is_surely_not_meant_comes_back_from_every_check_and_from_the_space() -> None:
    found = preflight(space_of("r=8,900", "optimizer.lr=interval(1e-5,1)"), Rules())
    assert {(one.key, one.value) for one in found} == {("r", "900"), ("optimizer.lr", "1e-05 to 1")}
    assert not preflight(space_of("optimizer.lr=tag(log,interval(1e-5,1))"), Rules())
    when = {"a=1": {"optimizer.lr": "interval(1e-5,1)"}}
    assert [one.key for one in preflight(space_of("a=1,2", when=when), Rules())] == ["optimizer.lr"]


# Through Hydra, in this process; nothing is ever started.


@pytest.fixture
def swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What the quickstart says as a sweep over these words that is refused, or plans only."""

    def run(*words: str, plan_only: bool = False) -> str:
        asked = ["-m", "experiment=quickstart", *words, f"hydra.sweep.dir={tmp_path / 'study'}"]
        asked.append("~hydra.callbacks.leaderboard")  # it would import matplotlib's like into this process
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["launch.py", *asked, f"hydra.sweeper.plan_only={plan_only}"])
        program = hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
        code: Any = 0
        try:
            with in_sentences(sys.argv[2:]):
                program(launch.main.__wrapped__)()  # type: ignore[attr-defined]
        except SystemExit as stopped:
            code = stopped.code
        assert plan_only == (code == 0), code
        assert not list(tmp_path.iterdir()), "nothing is written"
        said = capfd.readouterr()
        return said.out if plan_only else f"{code}\n"

    return run


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["lora.r=8,sixteen"], "  lora.r=sixteen: must be a whole number.\n"),
        (["lora=attention,al_linear"], "  lora=al_linear: there is no such option. Did you mean lora=all_linear?"),
        (["+lora.rank=8,16"], "lora.rank is not a setting. Did you mean lora.r?\n"),
        (["lora.r=8,16", "+lora.rank=8", "~seed"], "~seed: a trial needs every setting. Give seed=VALUE.\n"),
        (["lora.r=8,16", "+lora.rank=8"], "lora.rank is not a setting. Did you mean lora.r?\n"),
        (["hydra.sweeper.params={lora.rr: '8,16'}"], "lora.rr is not a setting. Did you mean lora.r?\n"),
        (["training.micro_batch_tokens=9,512"], "micro_batch_tokens=9: the longest question has "),
        (["evaluation.batch_tokens=0,512"], "evaluation.batch_tokens=0: auto, or a whole number of tokens, 1 or more"),
        (["data.train=none.jsonl,bundled:sample/train.jsonl"], "none.jsonl: there is no such file"),
        (
            ["lora=attention,dora", r"hydra.sweeper.when={lora\=dora: {optimizer.rl: '1,2'}}"],
            "  lora=dora: optimizer.rl is not a setting. Did you mean optimizer.lr?\n",
        ),
    ],
)  # fmt: skip
def test_a_sweep_with_a_value_that_cannot_run_does_not_start(words: list[str], told: str, swept: Callable) -> None:
    assert told in swept(*words)


def test_a_plan_refuses_what_the_sweep_would(swept: Callable) -> None:
    with pytest.raises(AssertionError, match=r"lora\.r=sixteen: must be a whole number"):
        swept("lora.r=8,sixteen", plan_only=True)


def test_a_plan_warns_of_what_is_surely_not_meant_in_one_line_for_each_key(swept: Callable) -> None:
    said = swept("lora.r=8,512,1024", "optimizer.lr=1e-3,1", plan_only=True).splitlines()
    assert sorted(line for line in said if line.startswith("Caution")) == [
        SAMPLE_IS_NEARLY_TRAINED_ON,
        "Caution    lora.r=512 and 1024: above 64, the width of k_proj in this model.",
        "Caution    optimizer.lr=1: far too high for most models (usual for LoRA: 1e-5 to 1e-3).",
    ]
    said = swept("lora.r=8,16,32,64", plan_only=True).splitlines()
    cautions = [line for line in said if line.startswith("Caution")]
    assert cautions == [SAMPLE_IS_NEARLY_TRAINED_ON], "the README's first command"


def test_a_sweep_with_a_value_that_trains_on_the_validation_questions_does_not_start(swept: Callable) -> None:
    sources = "data.train=bundled:sample/train.jsonl,bundled:sample/validation.jsonl"
    told = "  data.train=bundled:sample/validation.jsonl and data.validation=bundled:sample/validation.jsonl both read"
    assert told in swept(sources)
    said = swept(sources, "data.allow_overlap=true", plan_only=True)
    assert "400 of 400 validation questions are also training questions" in said


def test_a_grid_of_ten_thousand_points_is_checked_at_a_few(swept: Callable) -> None:
    assert "Trials     10,000, each point once" in swept("lora.r=range(1,101)", "seed=range(0,100)", plan_only=True)
