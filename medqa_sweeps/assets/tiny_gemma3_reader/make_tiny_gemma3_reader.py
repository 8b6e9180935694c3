"""Builds the tiny reader beside this file: the tiny base, taught to read passages before the question.

    OMP_NUM_THREADS=1 uv run python -m medqa_sweeps.assets.tiny_gemma3_reader.make_tiny_gemma3_reader

SYNTHETIC. Each lesson draws a fact table of its own over the sample's invented names, so that nothing but the passages
tells the answer. The sample's own facts are never taught: without passages the reader is at chance on them. The tiny
base's lessons are mixed in, or it forgets how to find an option that the vignette names.

What it learns is to choose an option that a passage names. It does not learn to match findings (LOG.md), so passages
about wrong options distract it: on the sample one passage helps, and further ones take some of that back.

At the end it prints its accuracy on the sample's validation questions, with k passages found by BM25, or the correct
condition's passage first.

One seed; the same machine with one thread writes the same bytes.
"""

import random
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from transformers import AutoTokenizer, Gemma3ForCausalLM, PreTrainedTokenizerFast

from medqa_sweeps.assets.sample.make_sample import (
    LETTERS,
    draw_passage,
    draw_passages,
    draw_record,
    draw_splits,
    fact_table,
)
from medqa_sweeps.assets.tiny_gemma3 import make_tiny_gemma3
from medqa_sweeps.assets.tiny_gemma3.make_tiny_gemma3 import ENOUGH, Lessons, new_optimizer, take_step, token_ids
from medqa_sweeps.retrieval.bm25 import Bm25, Bm25Settings
from medqa_sweeps.retrieval.chunks import Chunking
from medqa_sweeps.retrieval.corpus import read_corpus

FOLDER = Path(__file__).parent
SEED = 19
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")

BATCH = 32
STEPS = 500
WARMUP_STEPS = 50
LAST_STEPS = 150  # while the learning rate falls to zero
PEAK_LR = 1e-3
# Shares of the steps by number of passages: until one passage is read well, and after. The lessons without passages are
# the tiny base's own; with half of the first steps theirs, it still could not read a passage after 300 steps.
FIRST_SHARES = {0: 0.1, 1: 0.9}
SHARES = {0: 0.25, 1: 0.3, 2: 0.25, 4: 0.2}


def passage_line(number: int, passage: dict[str, Any]) -> str:
    """A passage as the prompt shows it; `number` is its rank from 1."""
    return f"[{number}] {passage['title']}: {passage['text']}"


class ReadingLessons:
    """Vignettes with passages in random order, the correct condition's among them, over a new fact table each time."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(f"reading lessons {seed}")

    def passage_count(self, shares: dict[int, float]) -> int:
        """How many passages a step's lessons have; 0: the lessons are the tiny base's."""
        return self._rng.choices(list(shares), list(shares.values()))[0]

    def draw(self, passages: int) -> dict[str, Any]:
        """A record with at least one passage; half of the others are about wrong options."""
        rng = self._rng
        table, _ = fact_table(rng)
        record = draw_record(rng, table, [], rng.choice(LETTERS), unspecific_share=0)
        wrong = [name for name in record["options"].values() if name != record["answer"]]
        foreign = [name for name in table if name not in record["options"].values()]
        names = [record["answer"], *rng.sample([*wrong, *foreign[: len(wrong)]], passages - 1)]
        rng.shuffle(names)
        lines = [passage_line(at, draw_passage(rng, name, table[name])) for at, name in enumerate(names, start=1)]
        return {**record, "passages": lines}


def teach(model: Gemma3ForCausalLM, tokenizer: PreTrainedTokenizerFast, steps: int) -> None:
    """Full training in float32; all lessons of a step have equally many passages, so that little is padding."""
    old, reading = Lessons(make_tiny_gemma3.SEED), ReadingLessons(SEED)
    optimizer = new_optimizer(model, PEAK_LR)
    model.train()
    right: dict[int, list[float]] = {k: [] for k in SHARES}
    shares = FIRST_SHARES
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = PEAK_LR * min(1.0, (step + 1) / WARMUP_STEPS, (steps - step) / LAST_STEPS)
        passages = reading.passage_count(shares)
        records = [reading.draw(passages) if passages else old.draw() for _ in range(BATCH)]
        _, hits = take_step(model, optimizer, [token_ids(tokenizer, one) for one in records], tokenizer.pad_token_id)
        right[passages].append(hits)
        if mean(right[1][-20:] or [0]) > ENOUGH:
            shares = SHARES
        if (step + 1) % 50 == 0:
            shown = ", ".join(f"{k}: {mean(found[-20:]):.1%}" for k, found in right.items() if found)
            print(f"step {step + 1}: right by passages {shown}", flush=True)


@torch.no_grad()
def share_right(
    model: Gemma3ForCausalLM, tokenizer: PreTrainedTokenizerFast, records: Sequence[dict[str, Any]]
) -> float:
    """Share of records whose correct letter is the likeliest of the letters."""
    letter_ids = tokenizer.convert_tokens_to_ids(list(LETTERS))
    hits = 0
    for start in range(0, len(records), BATCH):
        batch = records[start : start + BATCH]
        rows = [token_ids(tokenizer, record)[:-2] for record in batch]
        width = max(map(len, rows))
        ids_BxT = torch.tensor([[tokenizer.pad_token_id] * (width - len(row)) + row for row in rows])
        mask_BxT = (ids_BxT != tokenizer.pad_token_id).long()
        logits_BxV = model(ids_BxT, attention_mask=mask_BxT, logits_to_keep=1).logits[:, 0]
        best = logits_BxV[:, letter_ids].argmax(-1).tolist()
        hits += sum(LETTERS[at] == record["answer_idx"] for at, record in zip(best, batch, strict=True))
    return hits / len(records)


def with_passages(records: Sequence[dict[str, Any]], k: int, gold_first: bool) -> Iterator[dict[str, Any]]:
    """The records with the k passages of the sample that BM25 finds, best first.

    Args:
        gold_first: whether the correct condition's passage stands first, wherever BM25 finds it.
    """
    corpus = read_corpus(["bundled:sample/passages.jsonl"], Chunking()).corpus
    by_title = {passage["title"]: passage for passage in draw_passages()}
    retriever = Bm25(corpus, Bm25Settings())
    for record in records:
        titles = [corpus.by_id[hit.passage_id].title for hit in retriever.search(record["question"], len(by_title))]
        if gold_first:
            titles = [record["answer"], *(title for title in titles if title != record["answer"])]
        lines = [passage_line(at, by_title[title]) for at, title in enumerate(titles[:k], start=1)]
        yield {**record, "passages": lines}


def main() -> None:
    started = time.monotonic()
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)
    tokenizer = AutoTokenizer.from_pretrained(make_tiny_gemma3.FOLDER)
    model = Gemma3ForCausalLM.from_pretrained(make_tiny_gemma3.FOLDER, dtype=torch.float32)
    teach(model, tokenizer, STEPS)
    model.to(torch.bfloat16).save_pretrained(FOLDER)
    for name in TOKENIZER_FILES:
        shutil.copy(make_tiny_gemma3.FOLDER / name, FOLDER)
    print(f"{STEPS} steps, {time.monotonic() - started:.0f} s")
    model.to(torch.float32).eval()
    validation = draw_splits()["validation"]
    for k in (0, 1, 2, 4, 8):
        found, gold = (
            share_right(model, tokenizer, list(with_passages(validation, k, first))) for first in (False, True)
        )
        print(f"k={k}: {found:.1%} with BM25's passages, {gold:.1%} with the correct one first")


if __name__ == "__main__":
    main()
