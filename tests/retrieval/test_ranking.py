"""One ranking for all trials: computed once, sliced by k, and blind to options."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from medqa_sweeps.data import Question, question_id
from medqa_sweeps.durable.writable_folders import cache_folder
from medqa_sweeps.retrieval import bm25 as module
from medqa_sweeps.retrieval.bm25 import Bm25Settings
from medqa_sweeps.retrieval.ranking import DEPTH, Ranking, rank
from tests.conftest import ROOT
from tests.retrieval.passages import corpus_with, texts_of

TEXTS = [
    f"{finding} is seen in {condition}."
    for finding in ("rash", "fever", "cough", "stridor", "gout")
    for condition in "uvwxyz"
]
CORPUS = corpus_with([*TEXTS, *(f"rash number {number}" for number in range(40))])
QUESTIONS = {"q1": "A man has fever and a cough. What is it in w?", "q2": "A rash.", "q3": "Which of these?"}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDQA_SWEEPS_CACHE", str(tmp_path / "cache"))


def ranked(**changes: object) -> Ranking:
    given: dict = {"questions": QUESTIONS, "corpus": CORPUS, "retriever": Bm25Settings(), "part": "question", **changes}
    return rank(**given)


def stored() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (cache_folder() / "rankings").glob("*.json")}


def test_k_slices_one_ranking() -> None:
    ranking = ranked()
    assert len(ranking.hits["q2"]) == DEPTH and ranking.hits["q3"] == ()
    assert ranking.top("q1", 2) == ranking.top("q1", 8)[:2] == ranking.hits["q1"][:2]
    assert ranking.top("q1", 0) == () and len(ranking.top("q1", DEPTH)) < DEPTH
    for k in (-1, DEPTH + 1):
        with pytest.raises(ValueError, match=f"k={k}: must be 0 to 32"):
            ranking.top("q1", k)
    with pytest.raises(KeyError):
        ranking.top("q4", 1)


def test_it_is_computed_once_and_read_back_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ranked()
    monkeypatch.setattr(module, "Bm25", lambda *_: pytest.fail("another index was built"))
    assert ranked(questions=dict(reversed(QUESTIONS.items()))) == first
    assert ranked(corpus=corpus_with([*(one.text for one in CORPUS.passages)])) == first
    assert len(stored()) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"questions": {**QUESTIONS, "q2": "A rash!"}},
        {"questions": {"q0": QUESTIONS["q1"], "q2": QUESTIONS["q2"], "q3": QUESTIONS["q3"]}},
        {"corpus": CORPUS.without([CORPUS.passages[0].id])},
        {"retriever": Bm25Settings(k1=1.3)},
        {"retriever": Bm25Settings(b=0.7)},
        {"retriever": Bm25Settings(stem=True)},
        {"part": "last_sentence"},
    ],
)
def test_whatever_decides_a_ranking_is_in_its_key(changes: dict[str, object]) -> None:
    assert ranked(**changes).fingerprint != ranked().fingerprint
    assert len(stored()) == 2


def test_another_version_of_a_library_ranks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ranked().fingerprint
    monkeypatch.setattr("medqa_sweeps.retrieval.bm25.versions_of", lambda names: dict.fromkeys(names, "99"))
    assert ranked().fingerprint != before


def test_options_permuted_or_replaced_leave_a_ranking_byte_for_byte() -> None:
    """Its type takes texts by id: with an id of their text alone, no option could ever reach it."""
    options = ("fever", "rash", "cough", "gout")
    questions = [Question(question_id(text, options), text, options, 1) for text in QUESTIONS.values()]
    found = []
    for change in (options, options[::-1], ("stridor", "x", "y", "z")):
        changed = [replace(question, options=change) for question in questions]
        ranked(questions={question.id: question.question for question in changed})
        found.append(stored())
    assert found[0] == found[1] == found[2]


def test_the_last_sentence_alone_can_be_searched_for() -> None:
    asked = {"q": "A man has a rash. Is stridor seen?"}
    whole, last = ranked(questions=asked), ranked(questions=asked, part="last_sentence")
    texts = texts_of(CORPUS, [hit.passage_id for hit in last.hits["q"]])
    assert texts and all("stridor" in text or "seen" in text for text in texts)
    assert len(whole.hits["q"]) == DEPTH > len(texts)


def test_two_processes_at_once_build_one_index(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, time\nfrom medqa_sweeps.retrieval import bm25, ranking\n"
        "from medqa_sweeps.retrieval.bm25 import Bm25, Bm25Settings\nfrom tests.retrieval.passages import corpus_with\n"
        "def slow(*given):\n"
        "    open(sys.argv[1], 'a').write('built\\n'); time.sleep(1); return Bm25(*given)\n"
        "bm25.Bm25 = slow\n"
        "print(ranking.rank({'q': 'fever'}, corpus_with(['fever', 'rash']), Bm25Settings(), 'question').hits['q'])"
    )
    log = tmp_path / "built"
    both = [
        subprocess.Popen([sys.executable, "-c", program, str(log)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    printed = [process.communicate()[0] for process in both]
    assert printed[0] == printed[1] != "" and log.read_text() == "built\n"


def test_a_damaged_file_is_computed_again() -> None:
    before = ranked()
    (path,) = (cache_folder() / "rankings").glob("*.json")
    path.write_text('{"passages": [')
    assert ranked() == before and ranked() == before
