"""The shipped sample is what its generator writes, hard but not impossible, and says that it is synthetic."""

import json
from collections import Counter

import pytest

from medqa_sweeps.assets.sample.make_sample import CEILING, FOLDER, LETTERS, as_jsonl, draw_splits

SPLITS = draw_splits()
TEACH = (
    "The sample is not what make_sample.py writes. Scores on it are comparable only while it stands still. If it was "
    "meant: run make_sample.py, measure the quickstart, say so in CHANGELOG.md."
)


@pytest.mark.parametrize("split", SPLITS)
def test_the_generator_writes_the_shipped_file_byte_for_byte(split: str) -> None:
    assert (FOLDER / f"{split}.jsonl").read_text(encoding="utf-8") == as_jsonl(SPLITS[split]), TEACH


def test_no_question_occurs_in_two_splits_or_twice() -> None:
    texts = [record["question"] for records in SPLITS.values() for record in records]
    assert len(texts) == len(set(texts)) == 2800


@pytest.mark.parametrize("split", SPLITS)
def test_letters_are_even_options_differ_and_every_record_says_synthetic(split: str) -> None:
    records = [json.loads(line) for line in (FOLDER / f"{split}.jsonl").read_text().splitlines()]
    assert set(Counter(record["answer_idx"] for record in records).values()) == {len(records) // len(LETTERS)}
    assert all(len(set(record["options"].values())) == 4 and record["synthetic"] is True for record in records)
    assert all(record["answer"] == record["options"][record["answer_idx"]] for record in records)
    assert {record["meta_info"] for record in records} == {"step1", "step2&3"}


def test_nobody_can_reach_95_percent_and_the_readme_says_what_can_be_reached() -> None:
    assert 0.8 < CEILING < 0.95
    assert f"{CEILING:.1%}" in (FOLDER / "README.md").read_text()


def test_another_seed_gives_other_facts() -> None:
    assert as_jsonl(draw_splits(table_seed=21)["test"]) != as_jsonl(SPLITS["test"])
