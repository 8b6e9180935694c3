"""A value written as an override comes back from Hydra as the same value, whatever it is."""

import dataclasses
import functools
import math
import operator
import types
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from hydra import compose, initialize
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import QuotedString
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from omegaconf import OmegaConf

from medqa_sweeps.compose.composer import register_schema
from medqa_sweeps.config import TrialConfig
from medqa_sweeps.config.interpolation import literal
from medqa_sweeps.config.overrides import key_of, override, with_typed_texts, written
from medqa_sweeps.errors import ConfigError

AWKWARD = [
    *("", " ", " a ", "\t", "a\nb", "null", "None", "true", "Yes", "8", "-8", "1e-5", "1_000", "0x1F", "inf", "NaN"),
    *("a,b", "[a,b]", "{a:1}", "choice(a,b)", "interval(0,1)", "glob(*)", "a=b", "a:b", "'", '"', "\\", "a\\", "\\'"),
    *("'a'", "\\\\'", "don't", "'\"", "#1", "a #b", "${", "${a", "${a.b}", "\\${a}", "\\\\${a}", "$${a}", "${a}${b}"),
    *(
        "${oc.env:HOME}",
        "${'a'}",
        "\\${'",
        "$",
        "ü/é",
        "日本",
        "%(x)s",
        "~",
        "~a",
        "+a",
        "@x",
        "a b",
        "(",
        "]",
        "}",
        "\x00",
    ),
    *("/tmp/it's [1]=#é, ${x}\\", "a\u2028b", "\x85", "- a", "a: b", "!!x", "&a", "*a", "|", ">", "?", "??", "????"),
]
texts = st.one_of(
    st.sampled_from(AWKWARD),
    st.text(),
    st.text(alphabet="\\'\"${}[](),:=# a1.~+-\t\n", max_size=12),
    st.lists(st.sampled_from(AWKWARD), max_size=4).map("".join),
).filter(lambda text: text != "???")
SCALARS = {type(None): st.none(), bool: st.booleans(), int: st.integers(), float: st.floats()}
scalars = st.one_of(*SCALARS.values(), texts)
no_words = {"null", "true", "false", "inf", "nan"}  # which Hydra reads as what they mean, and a key has no quotes
keys = (
    st.from_regex(r"[A-Za-z_/][A-Za-z0-9_ ,:=()-]{0,8}", fullmatch=True)
    .map(str.strip)
    .filter(lambda key: key.lower() not in no_words)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)


def same(one: Any, other: Any) -> bool:
    """Equal, and of one type: for Python 1, 1.0 and True are equal, and nan is not equal to itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


@pytest.fixture(scope="module", autouse=True)
def composing() -> Iterator[None]:
    register_schema()
    ConfigStore.instance().store(name="anything", node={"value": None})
    with initialize(version_base="1.3", config_path=None):
        yield


def composed(key: str, value: Any) -> Any:
    return OmegaConf.to_container(compose("anything", [override(key, value)]), resolve=True)


@settings(max_examples=30, deadline=None)
@given(values)
def test_any_value_comes_back_from_hydra(value: Any) -> None:
    assert same(composed("value", value), {"value": value})


def assert_is_text(text: str) -> None:
    parsed = OverridesParser.create().parse_override(override("value", text))
    assert not parsed.is_sweep_override()
    assert parsed.value() == literal(text)
    assert OmegaConf.create({"value": parsed.value()}).value == text


def test_awkward_texts_come_back_alone_and_in_containers() -> None:
    for text in AWKWARD:
        assert_is_text(text)
    for value in (AWKWARD, {"key": AWKWARD}, [{f"key{place}": text} for place, text in enumerate(AWKWARD)]):
        assert same(composed("value", value), {"value": value})


@settings(deadline=None)
@given(texts)
def test_the_parser_reads_one_plain_value_with_interpolations_escaped(text: str) -> None:
    assert_is_text(text)


def of_kind(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type of the schema."""
    inner = typing.get_args(kind)
    match typing.get_origin(kind):
        case types.UnionType:
            return st.one_of([of_kind(one) for one in inner])
        case origin if origin is list:
            return st.lists(of_kind(inner[0]), max_size=3)
        case origin if origin is dict:
            return st.dictionaries(keys, of_kind(inner[1]), max_size=2)
    return {**SCALARS, str: texts}[kind]


def kinds(schema: Any = TrialConfig, prefix: str = "") -> dict[str, Any]:
    """The type of every key of the schema, also of a key that OmegaConf must know as Any."""
    hints, found = typing.get_type_hints(schema), {}
    for field in dataclasses.fields(schema):
        kind = field.metadata.get("type", hints[field.name])
        if dataclasses.is_dataclass(kind):
            found |= kinds(kind, f"{prefix}{field.name}.")
        else:
            found[f"{prefix}{field.name}"] = kind
    return found


@settings(max_examples=3, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck))
@given(st.fixed_dictionaries({key: of_kind(kind) for key, kind in kinds().items()}))
def test_every_key_of_the_schema_takes_any_value_of_its_type(config: dict[str, Any]) -> None:
    found: Any = OmegaConf.to_container(
        compose("schema", [override(key, value) for key, value in config.items()]), resolve=True
    )
    for key, value in config.items():
        assert same(functools.reduce(operator.getitem, key.split("."), found), value), key


@pytest.mark.parametrize("written_twice", ["${a.b}", "a ${b} 'c'", "\\${a}", "it's", "a,b", ""])
def test_words_keep_interpolations_as_they_were_typed(written_twice: str) -> None:
    assert OverridesParser.create().parse_override(f"key={written(written_twice)}").value() == written_twice


def test_what_no_override_can_hold_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"prompt.system: the text '\?\?\?' is how OmegaConf marks a missing value"):
        override("prompt.system", "???")
    with pytest.raises(ConfigError, match=r"lora.r: \{1\} is of the type set"):
        override("lora.r", {1})
    with pytest.raises(ConfigError, match=r"\"it's\" cannot be a key in an override"):
        override("tracking.notes", {"it's": "a"})


def test_the_key_of_a_word() -> None:
    assert [key_of(word) for word in ("a.b=c=d", "++a.b=1", "~a.b", "a/b=c")] == ["a.b", "a.b", "a.b", "a/b"]


NUMBERLIKE = [
    *("1_1_1", "1_1", "11", "1_0", "2_0", "1e3", "1E3", ".5", "5.", "1.50", "-0", "+5", "007", "0x1F", "0o17", "1:30"),
    *("inf", "-inf", "NaN", "nan", "true", "True", "FALSE", "on", "off", "yes", "No", "2024-01-01", "1e", "_1", "1__1"),
]
numberlike = st.one_of(
    st.sampled_from(NUMBERLIKE), st.text(alphabet="0123456789_.eE+-", min_size=1), st.floats().map(str)
).filter(lambda text: not text.startswith(("~", "+")) or text[1:2].isdigit())


def read_by_schema(word: str) -> Any:
    """What a trial's config holds after an override, whose key is one of the schema's."""
    schema = OmegaConf.structured(TrialConfig)
    read = with_typed_texts(OverridesParser.create().parse_override(word), schema)
    OmegaConf.update(schema, read.key_or_group, read.value())
    return OmegaConf.select(schema, read.key_or_group)


@settings(deadline=None)
@given(numberlike)
def test_a_key_of_text_holds_the_text_that_was_typed(text: str) -> None:
    assert read_by_schema(f"tracking.group={text}") == text
    assert read_by_schema(f"tracking.tags=[{text}, {text} ]") == [text, text]
    assert read_by_schema(f"tracking.notes={{a: {text},b:x}}") == {"a": text, "b": "x"}
    assert read_by_schema(f"++tracking.notes.id={text}") == text
    assert read_by_schema(f"tracking={{tags: [{text}], notes: {{b: {text}}}}}").notes == {"b": text}


@pytest.mark.variant
@settings(deadline=None)
@given(st.lists(numberlike, min_size=2, max_size=4))
def test_each_value_of_a_swept_list_is_the_text_that_was_typed(typed: list[str]) -> None:
    schema = OmegaConf.structured(TrialConfig)
    for word in (f"data.train={','.join(typed)}", f"data.train=choice({','.join(typed)})"):
        read = with_typed_texts(OverridesParser.create().parse_override(word), schema)
        found: Any = read.value()
        elements = [one.text if isinstance(one, QuotedString) else str(one) for one in found.list]
        assert elements == typed
    listed = [f"data.train=[{','.join(typed)}]", f"data.columns.options=[{','.join(typed)}]"]
    assert [list(map(str, read_by_schema(word))) for word in listed] == [typed, typed]
    whole = read_by_schema(f"data={{name: x, train: [{typed[0]}], columns: {{options: {typed[1]}, id: {typed[1]}}}}}")
    data: Any = OmegaConf.to_object(whole)
    assert (data.train, data.columns.options, data.columns.id) == ([typed[0]], typed[1], typed[1])


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("training.epochs=1_0", 10.0),
        ("seed=1_0", 10),
        ("data.answer_base=null", None),
        ("tracking.group=null", None),
        ("tracking.group=Null", None),
        ("tracking.group='1_1'", "1_1"),
        ("tracking.group=1_1 1", "1_1 1"),
        ("tracking.group=${tracking.project}", "medqa-sweeps"),
        ("tracking.group=str(1_1)", "1_1"),
        ("data.synthetic=true", True),
        ("lora.target_modules=sort(b,a,reverse=true)", None),
    ],
)
def test_null_numbers_and_interpolations_are_read_as_ever(word: str, value: Any) -> None:
    if value is None and "sort" in word:
        schema = OmegaConf.structured(TrialConfig)
        assert with_typed_texts(OverridesParser.create().parse_override(word), schema).input_line == word
    else:
        assert read_by_schema(word) == value
