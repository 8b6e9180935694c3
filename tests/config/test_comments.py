"""The comments that `--help` shows are there for every key, and the ranges in them are those that are refused."""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import pytest

from medqa_sweeps.compose.comments import comments_of, first_sentence, head_comment, settings_of
from medqa_sweeps.compose.settings import CONF, AsyncOptunaSettings, LocalGpusSettings
from medqa_sweeps.config import TrialConfig
from medqa_sweeps.study.objective import METRICS
from tests.conftest import ROOT

_GROUPS = {field.name: field.type for field in dataclasses.fields(TrialConfig) if field.name != "seed"}
_BY_ANOTHER_KEY = {
    "split.fold": "its range depends on split.folds",
    "data.answer_base": "two values, in a sentence",
    "engine.name": "one value",
    "training.micro_batch_tokens": "auto or a number, in a sentence",
    "evaluation.batch_tokens": "auto or a number, in a sentence",
    "training.gradient_checkpointing": "true, false or auto, in a sentence",
}
_CHOICES = re.compile(r"\w+(?: \| \w+)+")


def _keys() -> Iterator[tuple[str, str]]:
    yield "", "seed"
    for group, kind in _GROUPS.items():
        yield from ((group, field.name) for field in dataclasses.fields(kind))  # type: ignore[arg-type]


def _config() -> TrialConfig:
    config = TrialConfig()
    config.model.name = config.prompt.name = config.lora.name = config.data.name = "x"
    config.model.path, config.data.train, config.prompt.template = "folder", "file", "{passages}{question}{options}"
    config.retrieval.name, config.retrieval.corpus, config.retrieval.embedder = "bm25", "folder", "folder"
    assert not list(config.problems())
    return config


def refuses(group: str, key: str, value: Any) -> bool:
    """Whether a config with this value has a problem that begins with the key and the value."""
    config = _config()
    setattr(getattr(config, group) if group else config, key, value)
    name = f"{group}.{key}" if group else key
    return any(problem.startswith(f"{name}={value}:") for problem in config.problems())


def outside(comment: str) -> Iterator[float]:
    """Numbers just outside of the range that a comment states."""
    for low in re.findall(r"(\d+) or more", comment):
        yield int(low) - 1
    for limit in re.findall(r"(?:above|below) (\d+)", comment):
        yield int(limit)
    for limit in re.findall(r"at most (\d+)", comment):
        yield int(limit) + 1
    for low, high in re.findall(r"from (\d+) to (\d+)", comment):
        yield from (int(low) - 1, int(high) + 1)


def inside(comment: str) -> Iterator[float]:
    """Numbers on the edges that a comment says belong to the range."""
    yield from (int(low) for low in re.findall(r"(\d+) or more", comment))
    yield from (int(limit) for limit in re.findall(r"at most (\d+)", comment))
    yield from (int(one) for pair in re.findall(r"from (\d+) to (\d+)", comment) for one in pair)


def comment_of(group: str, key: str) -> str:
    return comments_of(_GROUPS[group] if group else TrialConfig)[key]  # type: ignore[arg-type]


@pytest.mark.parametrize(("group", "key"), _keys())
def test_the_range_in_a_comment_is_the_one_that_is_refused(group: str, key: str) -> None:
    comment = comment_of(group, key)
    assert comment
    assert [value for value in outside(comment) if not refuses(group, key, value)] == []
    assert [value for value in inside(comment) if refuses(group, key, value)] == []
    choices = _CHOICES.match(comment)
    assert [one for one in choices[0].split(" | ") if refuses(group, key, one)] == [] if choices else True


@pytest.mark.parametrize(("group", "key"), _keys())
def test_what_is_refused_has_a_range_in_its_comment(group: str, key: str) -> None:
    name, comment = f"{group}.{key}", comment_of(group, key)
    config = _config()
    value = getattr(getattr(config, group) if group else config, key)
    if name in _BY_ANOTHER_KEY or isinstance(value, bool | list | dict):
        return
    if refuses(group, key, "nonsense") if isinstance(value, str) else False:
        assert _CHOICES.match(comment), "it names its values: a | b"
    if isinstance(value, int | float) and refuses(group, key, -(10**9)):
        assert list(outside(comment)), "it says from where to where"


def test_the_test_above_reads_ranges() -> None:
    assert list(outside("rank, 1 or more; above 0 and at most 1, from 0 to 5")) == [0, 0, 2, -1, 6]
    assert list(inside("rank, 1 or more; above 0 and at most 1, from 0 to 5")) == [1, 1, 0, 5]


@pytest.mark.parametrize("kind", [AsyncOptunaSettings, LocalGpusSettings])
def test_the_keys_of_sweeper_and_launcher_are_explained(kind: type) -> None:
    settings = list(settings_of(kind, ""))
    assert settings and [one.key for one in settings if not one.comment] == []


def test_every_metric_is_named_beside_its_key() -> None:
    assert set(METRICS) <= set(re.findall(r"\w+", comments_of(AsyncOptunaSettings)["metric"]))


@pytest.mark.parametrize(
    "file", [*sorted((ROOT / "conf").rglob("*.yaml")), *sorted(CONF.rglob("*.yaml"))], ids=lambda file: file.stem
)
def test_every_file_says_in_a_sentence_what_it_is(file: Any) -> None:
    assert re.fullmatch(r"[A-Z].*[.]", first_sentence(head_comment(file)))
