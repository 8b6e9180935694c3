"""Who trains and who chooses: nobody is lost, nobody is on both sides, one vignette is on one side, draws repeat."""

import dataclasses
import itertools
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from medqa_sweeps.config import DataConfig, SplitConfig
from medqa_sweeps.data import Question, question_id, read_questions
from medqa_sweeps.data.duplicates import BOILERPLATE_QUESTIONS, near_duplicates
from medqa_sweeps.data.split import split_questions
from medqa_sweeps.errors import DataError

REAL = Path(__file__).parents[3] / "shared" / "data" / "medqa"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"the real questions are not at {REAL}")
BOILERPLATE = "Which of the following is the most likely diagnosis in this patient?"
OTHER_ENDING = "What should be given first to this child on the ward?"


def vignette(number: int, ending: str = BOILERPLATE) -> str:
    """A text whose words, but for the ending, no other number has."""
    return " ".join(f"w{number}x{place}" for place in range(30)) + ". " + ending


def a_question(text: str) -> Question:
    return Question(question_id(text, ["yes", "no"]), text, ("yes", "no"), 0)


def written(folder: Path, texts: list[str], name: str) -> str:
    record = {"options": {"A": "yes", "B": "no"}, "answer_idx": "A"}
    (folder / name).write_text("".join(json.dumps({"question": text, **record}) + "\n" for text in texts))
    return str(folder / name)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataConfig:
    """80 vignettes to train on, 20 of them with a second question; 20 to validate on, 10 of them copies."""
    folder = tmp_path_factory.mktemp("data")
    train = [vignette(n) for n in range(80)] + [vignette(n, OTHER_ENDING) for n in range(20)]
    validation = [vignette(n, OTHER_ENDING) for n in range(20, 30)] + [vignette(n) for n in range(80, 90)]
    return DataConfig(
        name="d", train=written(folder, train, "t.jsonl"), validation=written(folder, validation, "v.jsonl")
    )


def texts(questions: list[Question]) -> list[str]:
    return [question.question for question in questions]


def vignettes(questions: list[Question]) -> set[str]:
    return {question.question.split()[0] for question in questions}


# Ways to split


def test_official_is_the_files_as_they_are(data: DataConfig) -> None:
    split = split_questions(data, SplitConfig())
    assert texts(split.train) == texts(read_questions(data, "train").questions)
    assert texts(split.validation) == texts(read_questions(data, "validation").questions)
    assert split.flagged == {"in validation, a near-duplicate in training": 10}
    assert not split.cleaned and not split.quarantined


def test_questions_on_both_official_sides_stay_and_are_counted(tmp_path: Path) -> None:
    train = written(tmp_path, [vignette(n) for n in range(5)], "t.jsonl")
    validation = written(tmp_path, [vignette(n) for n in range(3, 7)], "v.jsonl")
    split = split_questions(DataConfig(name="d", train=train, validation=validation), SplitConfig())
    assert (len(split.train), len(split.validation)) == (5, 4)
    assert split.flagged == {"in training and in validation": 2}


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**32),
    ratio=st.floats(0.02, 0.98),
    folds=st.integers(2, 12),
    name=st.sampled_from(["random", "kfold"]),
)
def test_a_division_is_complete_disjoint_and_keeps_vignettes_whole(
    data: DataConfig, seed: int, ratio: float, folds: int, name: str
) -> None:
    split = split_questions(
        data, SplitConfig(name=name, seed=seed, validation_ratio=ratio, folds=folds, fold=seed % folds)
    )
    pool = [*read_questions(data, "train").questions, *read_questions(data, "validation").questions]
    assert Counter(texts(split.train) + texts(split.validation)) == Counter(texts(pool))
    assert not vignettes(split.train) & vignettes(split.validation)
    expected = 120 * ratio if name == "random" else 120 / folds
    assert abs(len(split.validation) - expected) <= 1.5
    places = {text: place for place, text in enumerate(texts(pool))}
    assert sorted(texts(split.train), key=places.__getitem__) == texts(split.train), "the order of the files is lost"


def test_folds_partition_the_pool(data: DataConfig) -> None:
    folds = [split_questions(data, SplitConfig(name="kfold", folds=7, fold=fold)).validation for fold in range(7)]
    assert sorted(text for fold in folds for text in texts(fold)) == sorted(
        texts(read_questions(data, "train").questions + read_questions(data, "validation").questions)
    )
    assert {len(fold) for fold in folds} <= {17, 18}


def test_without_validation_questions_the_training_questions_are_divided(data: DataConfig) -> None:
    split = split_questions(
        dataclasses.replace(data, validation=None), SplitConfig(name="random", validation_ratio=0.25)
    )
    assert (len(split.train), len(split.validation)) == (75, 25)
    with pytest.raises(DataError, match="split=random or split=kfold"):
        split_questions(dataclasses.replace(data, validation=None), SplitConfig())


def test_the_test_questions_are_not_pooled(data: DataConfig, tmp_path: Path) -> None:
    locked = dataclasses.replace(data, test=written(tmp_path, [vignette(500)], "test.jsonl"))
    split = split_questions(locked, SplitConfig(name="random"))
    assert vignette(500) not in texts(split.train + split.validation)
    assert split == split_questions(data, SplitConfig(name="random"))


# Draws


@pytest.mark.parametrize("name", ["random", "kfold"])
def test_the_seed_decides(data: DataConfig, name: str) -> None:
    splits = [split_questions(data, SplitConfig(name=name, seed=seed)) for seed in (0, 0, 1, 2)]
    assert splits[0] == splits[1]
    assert len({split.fingerprint for split in splits}) == 3
    assert len({frozenset(texts(split.validation)) for split in splits}) == 3


def test_the_order_of_the_files_does_not_decide_the_sides(data: DataConfig, tmp_path: Path) -> None:
    backwards = written(tmp_path, texts(read_questions(data, "train").questions)[::-1], "b.jsonl")
    for name in ("random", "kfold"):
        one = split_questions(data, SplitConfig(name=name))
        other = split_questions(dataclasses.replace(data, train=backwards), SplitConfig(name=name))
        assert set(texts(one.validation)) == set(texts(other.validation)), name


def test_every_process_draws_the_same(data: DataConfig) -> None:
    program = (
        "from medqa_sweeps.config import *; from medqa_sweeps.data.split import *\n"
        f"data = DataConfig(name='d', train={data.train!r}, validation={data.validation!r})\n"
        "for name in ('random', 'kfold'):\n"
        "    print(split_questions(data, SplitConfig(name=name, train_fraction=0.5, max_validation=9)).fingerprint)"
    )
    root = str(Path(__file__).parents[2])
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": root},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert outputs.pop().split() == ["5069cbf11869", "a629c6ed61c6"], "splits have changed: earlier studies are lost"


def test_a_smaller_training_fraction_is_part_of_a_larger(data: DataConfig) -> None:
    sizes, before = [], set[str]()
    for fraction in (0.1, 0.5, 0.77, 1.0):
        split = split_questions(data, SplitConfig(train_fraction=fraction))
        assert before <= set(texts(split.train)) and len(split.validation) == 20
        before = set(texts(split.train))
        sizes.append(len(split.train))
    assert sizes == [10, 50, 77, 100]
    other = split_questions(data, SplitConfig(train_fraction=0.5, seed=1))
    assert set(texts(other.train)) != set(texts(split_questions(data, SplitConfig(train_fraction=0.5)).train))


def test_max_validation_is_a_limit(data: DataConfig) -> None:
    few = split_questions(data, SplitConfig(max_validation=7))
    all_of_them = split_questions(data, SplitConfig(max_validation=7000))
    assert (len(few.validation), len(all_of_them.validation)) == (7, 20)
    assert texts(few.validation) == [text for text in texts(all_of_them.validation) if text in texts(few.validation)]


def test_the_fingerprint_tells_the_sides_apart(data: DataConfig) -> None:
    swapped = dataclasses.replace(data, train=data.validation, validation=data.train)
    assert split_questions(data, SplitConfig()).fingerprint != split_questions(swapped, SplitConfig()).fingerprint


@pytest.mark.parametrize(
    ("split", "reason"),
    [
        (
            SplitConfig(name="random", validation_ratio=0.1),
            r"leaves 4 training and 0 validation questions.*Raise split.validation",
        ),
        (SplitConfig(name="random", validation_ratio=0.9), r"leaves 0 training and 4"),
        (SplitConfig(name="kfold", folds=5, fold=4), r"and 0 validation questions.*Lower split.folds \(5\)"),
        (
            SplitConfig(name="random", validation_ratio=0.5, train_fraction=0.1),
            r"of 2 and 2 before split.train_fraction=0.1",
        ),
    ],
)
def test_an_empty_side_is_refused(tmp_path: Path, split: SplitConfig, reason: str) -> None:
    data = DataConfig(name="d", train=written(tmp_path, [vignette(n) for n in range(4)], "t.jsonl"))
    with pytest.raises(DataError, match=reason):
        split_questions(data, split)


# Near-duplicates


def groups_of(*question_texts: str) -> list[list[int]]:
    return near_duplicates([a_question(text) for text in question_texts])


def test_one_vignette_with_another_question_or_small_edits_is_one_group() -> None:
    edited = vignette(1).replace("w1x7", "another").upper()
    assert groups_of(vignette(1), vignette(2), vignette(1, OTHER_ENDING), edited) == [[0, 2, 3], [1]]


def test_likeness_is_passed_on() -> None:
    words = [f"word{n}" for n in range(60)]
    overlapping = [" ".join(words[start : start + 30]) for start in (0, 13, 26)]
    for order in itertools.permutations(overlapping):
        assert groups_of(*order) == [[0, 1, 2]]
    assert groups_of(overlapping[0], overlapping[2]) == [[0], [1]]


def test_boilerplate_links_nobody() -> None:
    count = BOILERPLATE_QUESTIONS + 1
    assert len(groups_of(*(f"{name} : {BOILERPLATE}" for name in map(str, range(count))))) == count
    assert len(groups_of(*([BOILERPLATE] * 2))) == 1


def test_the_same_question_any_number_of_times_is_one_group() -> None:
    assert len(groups_of(*([vignette(1)] * (2 * BOILERPLATE_QUESTIONS)))) == 1


def test_each_chinese_character_is_a_word() -> None:
    stem = "男性，65岁。下楼时不慎摔伤右髋部，查体右下肢短缩，外旋50°畸形，右髋肿胀不明显，但有叩痛。"
    assert groups_of(stem + "该患者最易发生的并发症是", stem + "为证实诊断首先需要的检查是", "关于错觉的定义") == [
        [0, 1],
        [2],
    ]


def test_nothing_and_odd_texts() -> None:
    assert groups_of() == []
    assert groups_of("!", "?", "one") == [[0, 1], [2]]


def test_the_synthetic_sample_does_not_melt_together() -> None:
    sample = DataConfig(name="s", train="bundled:sample/train.jsonl", validation="bundled:sample/validation.jsonl")
    questions = [*read_questions(sample, "train").questions, *read_questions(sample, "validation").questions]
    groups = near_duplicates(questions)
    # Its vignettes come from twelve conditions and four wordings, so some are near-duplicates; none is a crowd.
    assert max(map(len, groups)) <= 30
    assert len(groups) > 0.4 * len(questions)


@needs_real
def test_real_vignettes_are_found_and_boilerplate_is_not() -> None:
    config = DataConfig(
        name="us", train=str(REAL / "us_4_options_train_part.jsonl"), validation=str(REAL / "us_4_options_dev.jsonl")
    )
    questions = [*read_questions(config, "train").questions, *read_questions(config, "validation").questions]
    groups = near_duplicates(questions)
    pairs = [[questions[place].question[:35] for place in group] for group in groups if len(group) > 1]
    assert Counter(map(len, groups)) == {1: 3248, 2: 8}
    assert ["A 31-year-old physician notices tha"] * 2 in pairs
    assert ["A 55-year-old African American man "] * 2 in pairs


@needs_real
def test_real_chinese_vignettes_are_found() -> None:
    groups = near_duplicates(
        read_questions(DataConfig(name="cn", train=str(REAL / "mainland_dev.jsonl")), "train").questions
    )
    assert sum(len(group) for group in groups) == 3425
    assert max(map(len, groups)) <= 6 and len(groups) < 3300
