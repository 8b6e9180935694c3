"""BM25 against its formula, and an order that nothing but scores and passage ids decides."""

import json
import math
import os
import random
import subprocess
import sys

import pytest

from medqa_sweeps.retrieval.bm25 import Bm25, Bm25Settings
from medqa_sweeps.retrieval.tokenize import terms
from tests.conftest import ROOT
from tests.retrieval.passages import corpus_with, texts_of

TEXTS = [
    "Gout: urate crystals in the joint, treated with colchicine.",
    "Pseudogout: calcium crystals. Crystals again, crystals.",
    "Croup gives stridor and a barking cough.",
    "Asthma gives wheeze. Salbutamol 5 mg is given. Salbutamol helps in asthma, and asthma is common.",
    "痛风患者应避免饮酒，并使用秋水仙碱治疗。",
    "哮喘患者应使用沙丁胺醇。",
]
CORPUS = corpus_with(TEXTS)


def search(query: str, most: int = 32, settings: Bm25Settings = Bm25Settings()) -> list[str]:  # noqa: B008
    return texts_of(CORPUS, [hit.passage_id for hit in Bm25(CORPUS, settings).search(query, most)])


@pytest.mark.parametrize(("k1", "b"), [(1.2, 0.75), (0.9, 0.4), (2.0, 1.0), (1.2, 0.0), (0.0, 0.5)])
@pytest.mark.parametrize(
    "query", ["crystals in gout", "asthma asthma 5 mg", "秋水仙碱治疗痛风", "salbutamol croup crystals"]
)
def test_scores_are_those_of_the_formula(query: str, k1: float, b: float) -> None:
    passages = {one.id: terms(f"{one.title}\n{one.text}") for one in CORPUS.passages}
    mean = sum(map(len, passages.values())) / len(passages)

    def score(words: list[str]) -> float:
        total = 0.0
        for term in terms(query):
            containing = sum(term in other for other in passages.values())
            if not (count := words.count(term)):
                continue
            idf = math.log(1 + (len(passages) - containing + 0.5) / (containing + 0.5))
            total += idf * count / (count + k1 * (1 - b + b * len(words) / mean))
        return total

    expected = {name: value for name, words in passages.items() if (value := score(words)) > 0}
    found = Bm25(CORPUS, Bm25Settings(k1, b)).search(query, 32)
    assert {hit.passage_id: hit.score for hit in found} == pytest.approx(expected, rel=1e-5)
    assert [hit.passage_id for hit in found] == sorted(expected, key=lambda name: (-round(expected[name], 5), name))


def test_a_question_in_chinese_finds_its_passage() -> None:
    assert search("痛风发作可用秋水仙碱吗？", 1) == [TEXTS[4]]
    assert search("沙丁胺醇")[0] == TEXTS[5]


def test_a_passage_without_a_term_of_the_query_is_not_found() -> None:
    assert search("stridor") == [TEXTS[2]], "fewer than asked for"
    for nothing in ("", "the of and", "zebra", "?"):
        assert search(nothing) == []


def test_the_title_is_searched_too() -> None:
    corpus = corpus_with({"Gout": "A disease of joints.", "Croup": "A disease of children."})
    (hit,) = Bm25(corpus, Bm25Settings()).search("gout", 5)
    assert corpus.by_id[hit.passage_id].title == "Gout"


def test_equal_scores_are_in_the_order_of_passage_ids_also_where_the_list_ends() -> None:
    corpus = corpus_with([f"crystals {'crystals ' * (number % 2)}{number}" for number in range(1000, 1400)])
    found = [hit.passage_id for hit in Bm25(corpus, Bm25Settings()).search("crystals", 400)]
    twice = [one.id for one in corpus.passages if one.text.count("crystals") == 2]
    assert found == [*twice, *(one.id for one in corpus.passages if one.id not in twice)] and len(twice) == 200
    for most in (1, 7, 39, 201, 399):
        assert [hit.passage_id for hit in Bm25(corpus, Bm25Settings()).search("crystals", most)] == found[:most]


def test_a_corpus_without_any_term_finds_nothing() -> None:
    assert Bm25(corpus_with(["the of", "?!"]), Bm25Settings()).search("gout", 3) == []


def test_stems_count_if_asked() -> None:
    assert search("crystal") == [] and len(search("crystal", settings=Bm25Settings(stem=True))) == 2


def test_no_hash_seed_thread_or_order_changes_a_byte() -> None:
    program = (
        "import json, sys\nfrom medqa_sweeps.retrieval.bm25 import Bm25, Bm25Settings\n"
        "from tests.retrieval.passages import corpus_with\n"
        "index = Bm25(corpus_with(json.loads(sys.argv[1])), Bm25Settings())\n"
        "print(json.dumps([index.search(query, 8) for query in json.loads(sys.argv[2])]))"
    )
    draw = random.Random(0)
    words = " ".join(TEXTS).split()
    texts = [" ".join(draw.choices(words, k=12)) for _ in range(60)]
    queries = [" ".join(draw.choices(words, k=20)) for _ in range(20)]
    found = set()
    for seed, threads in (("0", "1"), ("1", "2"), ("4711", "4")):
        draw.shuffle(texts)
        environment = {**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads}
        command = [sys.executable, "-c", program, json.dumps(texts), json.dumps(queries)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout)
    assert len(found) == 1 and len(found.pop()) > 1000
