"""The synthetic sample is what its generator writes, is fair, and has the difficulty that its README states."""

import json
from collections import Counter
from itertools import combinations, permutations
from typing import Any

import pytest

from medqa_sweeps.assets.sample import make_sample
from medqa_sweeps.assets.sample.make_sample import LETTERS, Condition, Question


@pytest.fixture(scope="module")
def splits() -> dict[str, list[Question]]:
    return make_sample.draw_splits()


@pytest.fixture(scope="module")
def shipped() -> dict[str, list[dict[str, Any]]]:
    files = {split: make_sample.FOLDER / f"{split}.jsonl" for split in make_sample.SPLIT_SIZES}
    return {split: [json.loads(line) for line in file.read_text("utf-8").splitlines()] for split, file in files.items()}


def test_the_generator_writes_the_shipped_files_byte_for_byte(splits: dict[str, list[Question]]) -> None:
    for split, questions in splits.items():
        shipped = (make_sample.FOLDER / f"{split}.jsonl").read_bytes()
        assert make_sample.as_jsonl(questions).encode() == shipped, (
            f"{split}.jsonl is not what make_sample.py writes. Scores on the sample are comparable only while it "
            "stands still. If it was meant: run make_sample.py, measure the quickstart, say so in CHANGELOG.md."
        )


def test_sizes(shipped: dict[str, list[dict[str, Any]]]) -> None:
    assert {split: len(records) for split, records in shipped.items()} == make_sample.SPLIT_SIZES


def test_no_question_occurs_twice_within_or_between_splits(shipped: dict[str, list[dict[str, Any]]]) -> None:
    texts = [record["question"] for records in shipped.values() for record in records]
    assert len(set(texts)) == len(texts)


def test_records_are_medqa_records_and_say_that_they_are_synthetic(shipped: dict[str, list[dict[str, Any]]]) -> None:
    for record in (record for records in shipped.values() for record in records):
        assert list(record["options"]) == list(LETTERS)
        assert len(set(record["options"].values())) == len(LETTERS)
        assert record["answer"] == record["options"][record["answer_idx"]]
        assert record["meta_info"] in ("step1", "step2&3")
        assert record["synthetic"] is True


def test_letters_and_steps_are_balanced(shipped: dict[str, list[dict[str, Any]]]) -> None:
    for records in shipped.values():
        letters = Counter(record["answer_idx"] for record in records)
        assert set(letters.values()) == {len(records) // len(LETTERS)}
        steps = Counter(record["meta_info"] for record in records)
        assert 0.4 < steps["step1"] / len(records) < 0.6


def test_no_drug_or_condition_is_right_more_often_than_it_is_offered(splits: dict[str, list[Question]]) -> None:
    """Answering from the options alone must not beat chance by more than noise (it would, were distractors chosen)."""
    offered, right = Counter[str](), Counter[str]()
    for question in splits["train"]:
        offered.update(question.record["options"].values())
        right[question.record["answer"]] += 1
    rate = {text: right[text] / offered[text] for text in offered}
    guesses = [max(question.record["options"].values(), key=rate.__getitem__) for question in splits["validation"]]
    hits = sum(guess == q.record["answer"] for guess, q in zip(guesses, splits["validation"], strict=True))
    assert 0.17 < hits / len(guesses) < 0.33  # chance is 0.25, its standard error 0.022


def test_likelihoods_of_a_condition_sum_to_one_over_all_vignettes() -> None:
    system = make_sample.fact_table(make_sample.TABLE_SEED)[0]
    vignettes = permutations(system.findings, make_sample.FINDINGS_SHOWN)
    total = sum(make_sample.likelihood(findings, system.conditions[0]) for findings in vignettes)
    assert total == pytest.approx(1.0)


def test_best_answer_of_a_vignette_worked_by_hand() -> None:
    one, none = Condition("one", "drug", frozenset("a")), Condition("none", "drug", frozenset("xyzw"))
    question = Question({}, ("a", "b", "c"), (none, one, none, none))
    letter, chance = make_sample.best_answer(question)
    assert letter == "B"
    assert chance > 0.25


def test_the_ceiling_leaves_room_and_is_the_one_in_the_readme(splits: dict[str, list[Question]]) -> None:
    readme = (make_sample.FOLDER / "README.md").read_text("utf-8")
    for split, questions in splits.items():
        expected, here = make_sample.ceiling(questions)
        assert 0.75 < here < 0.95
        assert here == pytest.approx(expected, abs=0.05)  # three standard errors of 400 questions
        (row,) = (line for line in readme.splitlines() if line.startswith(f"| `{split}.jsonl`"))
        assert row.endswith(f"| {here:.1%} |")


def test_another_seed_is_another_table_over_the_same_names() -> None:
    ours, other = (make_sample.fact_table(seed) for seed in (make_sample.TABLE_SEED, make_sample.TABLE_SEED + 1))
    assert ours != other
    names = [{condition.name for system in table for condition in system.conditions} for table in (ours, other)]
    assert names[0] == names[1]


def test_systems_share_nothing_and_conditions_of_one_system_overlap() -> None:
    table = make_sample.fact_table(make_sample.TABLE_SEED)
    for left, right in combinations(table, 2):
        assert not set(left.findings) & set(right.findings)
    pairs = [pair for system in table for pair in combinations(system.conditions, 2)]
    assert any(left.typical & right.typical for left, right in pairs)
