"""Passages indexed and questions ranked: time and memory, beside rank_bm25 on a part that it can hold.

    python -m benchmarks.retrieval --questions FILE …      125,000 passages, 11,450 questions: about 5 minutes
    python -m benchmarks.retrieval --passages 2000 --ranked 100 --part 500 --part-ranked 20      a few seconds

The passages are 130 words each, drawn from the words of the questions as often as they stand there, so that a query
meets long lists of passages, as it does in textbooks. The questions are those of the files (JSON lines with
`question`), repeated up to the number asked for, each time with one word less, so that none is ranked twice; without
files, they are of random words. Both say nothing about medicine.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from benchmarks.peers import layered
from benchmarks.record import store

PASSAGE_WORDS = 130
QUESTION_WORDS = 112  # of MedQA-US's development questions, the median
PEER = "rank-bm25==0.2.2"


def main() -> None:
    asked = _parse()
    draw = random.Random(0)
    texts = [json.loads(line)["question"] for file in asked.questions for line in file.read_text().splitlines()]
    source = texts or _random_questions(draw)
    questions = _repeated(source, asked.ranked)
    passages = _passages(draw, source, asked.passages)
    figures: dict[str, Any] = {
        "passages": asked.passages,
        "questions": asked.ranked,
        "distinct_questions_of_files": len(set(texts)),
        "limits": asked.limits,
        "ours": _run(sys.executable, "ours", passages, questions),
        "part": {"passages": asked.part, "questions": asked.part_ranked},
    }
    part = (passages[: asked.part], questions[: asked.part_ranked])
    figures["part"]["ours"] = _run(sys.executable, "ours", *part)
    if python := layered("rank_bm25", [PEER]):
        figures["part"]["rank_bm25"] = _run(str(python), "rank_bm25", *part)
    _print(figures)
    print(f"stored in {store('retrieval', figures, _versions())}")


def _print(figures: dict[str, Any]) -> None:
    ours, part = figures["ours"], figures["part"]
    print(
        f"{figures['passages']:,} passages indexed in {ours['index_seconds']:.1f} s, "
        f"{ours['index_peak_bytes'] / 1e6:,.0f} MB at most; {figures['questions']:,} questions ranked in "
        f"{ours['search_seconds']:.1f} s, both with the file in {ours['rank_seconds']:.1f} s, again in "
        f"{ours['again_seconds']:.2f} s"
    )
    if "rank_bm25" in part:
        ratios = (part["rank_bm25"][what] / part["ours"][what] for what in ("index_seconds", "search_seconds"))
        print(
            f"{part['passages']:,} passages, {part['questions']:,} questions: rank_bm25 takes {next(ratios):.2f} times "
            f"as long to index and {next(ratios):.1f} times as long to search"
        )


def _run(python: str, engine: str, passages: Sequence[str], questions: Sequence[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="retrieval-") as made:
        files = [Path(made) / "passages.json", Path(made) / "questions.json"]
        for file, texts in zip(files, (passages, questions), strict=True):
            file.write_text(json.dumps(texts))
        environment = {**os.environ, "MEDQA_SWEEPS_CACHE": f"{made}/cache"}
        command = [python, "-m", "benchmarks.bm25_case", engine, *map(str, files)]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _random_questions(draw: random.Random) -> list[str]:
    """As often as its rank says, each word, as in a language (Zipf)."""
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 11))) for _ in range(20_000)]
    weights = list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
    return [" ".join(draw.choices(words, cum_weights=weights, k=QUESTION_WORDS)) for _ in range(2_000)]


def _repeated(source: Sequence[str], count: int) -> list[str]:
    return [" ".join(source[number % len(source)].split(" ")[number // len(source) :]) for number in range(count)]


def _passages(draw: random.Random, source: Sequence[str], count: int) -> list[str]:
    words = " ".join(source).split()
    return [" ".join(draw.choices(words, k=PASSAGE_WORDS)) for _ in range(count)]


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {"bm25s": version("bm25s"), "numpy": version("numpy"), "scipy": version("scipy"), "rank-bm25": PEER[11:]}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=Path, nargs="*", default=[], metavar="FILE", help="JSON lines")
    parser.add_argument("--passages", type=int, default=125_000)
    parser.add_argument("--ranked", type=int, default=11_450, help="number of questions")
    parser.add_argument("--part", type=int, default=10_000, help="passages that rank_bm25 gets")
    parser.add_argument("--part-ranked", type=int, default=200, help="questions that rank_bm25 gets")
    limits = "index 30 s and 1 GB, 11,450 questions 180 s"
    parser.add_argument("--limits", default=limits, help="what is asked for, noted beside the figures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
