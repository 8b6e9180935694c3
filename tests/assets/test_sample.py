"""The shipped sample is what its generator writes, hard but not impossible, and says that it is synthetic."""

import json
import random
from collections import Counter

import pytest

from medqa_sweeps.assets.sample.make_sample import (
    CEILING,
    CONDITIONS,
    FINDINGS_SHOWN,
    FOLDER,
    FOREIGN_CONDITIONS,
    LETTERS,
    SYNTHETIC_TEXT,
    TABLE_SEED,
    as_jsonl,
    draw_passages,
    draw_splits,
    fact_table,
)
from medqa_sweeps.data.duplicates import question_hash
from medqa_sweeps.retrieval.bm25 import Bm25, Bm25Settings
from medqa_sweeps.retrieval.chunks import Chunking
from medqa_sweeps.retrieval.corpus import Corpus, read_corpus
from medqa_sweeps.retrieval.leaks import find_leaks

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


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return read_corpus(["bundled:sample/passages.jsonl"], Chunking()).corpus


def test_the_generator_writes_the_shipped_passages_byte_for_byte() -> None:
    assert (FOLDER / "passages.jsonl").read_text(encoding="utf-8") == as_jsonl(draw_passages()), TEACH
    assert as_jsonl(draw_passages(table_seed=21)) != as_jsonl(draw_passages())


def test_each_condition_and_each_foreign_one_has_a_passage_that_says_synthetic(corpus: Corpus) -> None:
    records = [json.loads(line) for line in (FOLDER / "passages.jsonl").read_text().splitlines()]
    titles, conditions = {one["title"] for one in records}, {one["answer"] for one in SPLITS["train"]}
    assert len(titles) == len(records) == len(corpus.passages) == CONDITIONS + FOREIGN_CONDITIONS
    assert len(conditions & titles) == CONDITIONS
    assert all(one["text"].startswith(SYNTHETIC_TEXT) and one["synthetic"] is True for one in records)


def test_bm25_ranks_the_correct_condition_first_wherever_the_vignette_tells_it(corpus: Corpus) -> None:
    """The other vignettes show findings that no condition has, and so no passage names."""
    retriever, (table, _) = Bm25(corpus, Bm25Settings()), fact_table(random.Random(f"sample {TABLE_SEED}"))
    right = told = 0
    for record in SPLITS["validation"]:
        told += sum(finding in record["question"] for finding in table[record["answer"]]) >= FINDINGS_SHOWN
        right += corpus.by_id[retriever.search(record["question"], 1)[0].passage_id].title == record["answer"]
    assert right == told == 367


@pytest.mark.parametrize("split", SPLITS)
def test_no_passage_contains_a_question_or_states_a_letter(corpus: Corpus, split: str) -> None:
    hashes = [question_hash(record["question"], list(record["options"].values())) for record in SPLITS[split]]
    assert not find_leaks(corpus, hashes).passages()
