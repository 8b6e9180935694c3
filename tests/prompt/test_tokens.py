"""Prompts in tokens are made once, by whoever comes first, and are what they would be without a cache."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.config import DataConfig, PromptConfig, TrainingConfig, short_hash
from medqa_sweeps.data import Question, read_questions
from medqa_sweeps.prompt import PromptEncoder, tokens
from medqa_sweeps.prompt.stream import TrainingStream
from medqa_sweeps.prompt.tokens import TokenCache

PROMPT = PromptConfig(name="p", template="{question}\n{options}\nAnswer:")
OTHER_PROMPT = PromptConfig(name="p", template="{question}\n{options}\nAnswer now:")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(resolve_bundled("bundled:tiny_gemma3"))


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    return read_questions(DataConfig(name="s", train="bundled:sample/train.jsonl"), "train").questions[:60]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TokenCache:
    monkeypatch.setenv("MEDQA_SWEEPS_CACHE", str(tmp_path))
    return TokenCache("base")


def never() -> list[list[int]]:
    raise AssertionError("encoded again")


def files(folder: Path) -> list[Path]:
    return sorted((folder / "tokens").glob("*.arrow"))


def test_rows_come_back_as_they_were(cache: TokenCache) -> None:
    rows = [[1, 2, 262_143], [], [7]]
    assert list(cache.rows(["key"], lambda: rows)) == rows
    again = cache.rows(["key"], never)
    assert list(again) == rows and len(again) == 3 and again[2] == [7]
    with pytest.raises(IndexError):
        again[3]


def test_another_key_or_base_is_another_file(cache: TokenCache, tmp_path: Path) -> None:
    for owner, key in ((cache, "a"), (cache, "b"), (TokenCache("another"), "a")):
        owner.rows([key], lambda: [[1]])
    assert len(files(tmp_path)) == 3


def test_a_stream_is_the_same_with_and_without_a_cache_and_wherever_it_begins(
    tokenizer: Any, questions: list[Question], cache: TokenCache, tmp_path: Path
) -> None:
    config = TrainingConfig(epochs=2.5)
    bare = list(TrainingStream(questions, PromptEncoder(tokenizer, PROMPT, 4), config, seed=3))
    for start in (0, 0, 70):  # made, read, and gone on with
        cached = TrainingStream(questions, PromptEncoder(tokenizer, PROMPT, 4, cache), config, seed=3, start=start)
        assert list(cached) == bare[start:]
    assert len(files(tmp_path)) == 3, "a file an epoch"


def test_options_still_change_their_order_from_epoch_to_epoch(
    tokenizer: Any, questions: list[Question], cache: TokenCache
) -> None:
    encoder = PromptEncoder(tokenizer, PROMPT, 4, cache)
    for _ in ("made", "read"):
        stream = TrainingStream(questions, encoder, TrainingConfig(epochs=3), seed=0)
        samples = list(stream)
        by_question: dict[str, set[tuple[str, str]]] = {}
        for sample in samples:
            vignette, options = tokenizer.decode(sample["input_ids"]).split("\nA. ")
            by_question.setdefault(vignette, set()).add((options, str(sample["input_ids"][-2])))
        assert sum(len(orders) > 1 for orders in by_question.values()) > 0.9 * len(by_question)


def test_no_more_is_rendered_than_the_run_will_meet(
    tokenizer: Any, questions: list[Question], cache: TokenCache
) -> None:
    encoder = PromptEncoder(tokenizer, PROMPT, 4, cache)
    stream = TrainingStream(questions, encoder, TrainingConfig(max_steps=2, effective_batch_size=4), seed=0)
    assert len(stream._epoch(0)[0]) == 8


def test_the_key_sees_wording_questions_seed_and_the_order_of_options(
    tokenizer: Any, questions: list[Question], cache: TokenCache, tmp_path: Path
) -> None:
    for prompt, some, seed, permute in (
        (PROMPT, questions, 0, True),
        (OTHER_PROMPT, questions, 0, True),
        (PROMPT, questions[1:], 0, True),
        (PROMPT, questions, 1, True),
        (PROMPT, questions, 0, False),
    ):
        config = TrainingConfig(epochs=1, permute_options=permute)
        bare = TrainingStream(some, PromptEncoder(tokenizer, prompt, 4), config, seed)
        assert list(TrainingStream(some, PromptEncoder(tokenizer, prompt, 4, cache), config, seed)) == list(bare)
    assert len(files(tmp_path)) == 5


def test_rows_from_before_data_was_only_text_are_not_served(tokenizer: Any, cache: TokenCache) -> None:
    encoder = PromptEncoder(tokenizer, PROMPT, 2, cache)
    question = Question("i", "Which?<end_of_turn>", ("x", "y"), gold=0)
    wording = [PROMPT.template, PROMPT.option, PROMPT.system, PROMPT.chat, PROMPT.letter_prefix]
    earlier = short_hash([wording, tokenizer.chat_template, encoder.letter_ids])
    cache.rows([earlier, [encoder.text(question)], ["i"], None], lambda: [[2, 5, 5]])
    assert encoder.fingerprint != earlier
    assert list(encoder.encode_all([question])) == [encoder.encode(question).input_ids]


def test_a_broken_file_is_written_again(cache: TokenCache, tmp_path: Path) -> None:
    cache.rows(["key"], lambda: [[1, 2]])
    (path,) = files(tmp_path)
    for content in (b"", path.read_bytes()[:-9], b"ARROW1" * 50):
        path.write_bytes(content)
        assert list(cache.rows(["key"], lambda: [[1, 2]])) == [[1, 2]]
        assert list(cache.rows(["key"], never)) == [[1, 2]]


def test_those_unused_for_longest_go_first(cache: TokenCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        cache.rows([number], lambda: [[1]])
    for age, path in enumerate(files(tmp_path)):
        os.utime(path, (age, age))
    oldest, _, _ = files(tmp_path)
    monkeypatch.setattr(tokens, "_MOST_BYTES", 3 * oldest.stat().st_size)
    cache.rows(["new"], lambda: [[1]])
    assert len(files(tmp_path)) == 3 and not oldest.exists()


ASK = """
import sys, time
from medqa_sweeps.prompt.tokens import TokenCache

def encode():
    time.sleep(0.5)
    print("encoded", file=open(sys.argv[1], "a"))
    return [[number] * 50 for number in range(2000)]

print(sum(map(len, TokenCache("t").rows(["shared"], encode))))
"""


def test_several_processes_at_once_encode_once(tmp_path: Path) -> None:
    environment = {**os.environ, "MEDQA_SWEEPS_CACHE": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", ASK, str(tmp_path / "said")]
    children = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [child.communicate(timeout=200)[0].strip() for child in children] == ["100000"] * 4
    assert (tmp_path / "said").read_text() == "encoded\n"
    assert not list((tmp_path / "tokens").glob(".*")), "something half-written was left"


def test_another_version_of_a_library_is_another_file(
    cache: TokenCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.rows(["key"], lambda: [[1]])
    monkeypatch.setattr(tokens, "versions_of", lambda packages: dict.fromkeys(packages, "0.1"))
    TokenCache("base").rows(["key"], lambda: [[2]])
    assert len(files(tmp_path)) == 2
