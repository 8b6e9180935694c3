"""Dense retrieval through the real model2vec in a real child process, against numpy written out here."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from medqa_sweeps.data import Question, question_id
from medqa_sweeps.durable.writable_folders import cache_folder
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.hardware import usable_cores
from medqa_sweeps.retrieval import dense, embedding
from medqa_sweeps.retrieval.dense import DenseSettings
from medqa_sweeps.retrieval.encoders import TextEncoder, locate_encoder
from medqa_sweeps.retrieval.ranking import DEPTH, Ranking, rank
from tests.conftest import ROOT
from tests.retrieval.encoder_folders import LIMIT_TOKENS, static_vectors, tokenizer_of, write_static
from tests.retrieval.passages import corpus_with

TEXTS = [
    f"{finding} is seen in {condition}."
    for finding in ("rash", "fever", "cough", "stridor", "gout")
    for condition in ("asthma", "croup", "measles", "rabies", "scurvy", "tetanus", "typhus", "vertigo")
]
CORPUS = corpus_with(TEXTS)
QUESTIONS = {"q1": "A man has fever and a cough. Is it croup?", "q2": "A rash in measles.", "q3": "§ ¶"}


def settings(passages: Path, queries: Path | None = None, similarity: str = "cosine", **encoding: str) -> DenseSettings:
    first = locate_encoder(str(passages))
    second = locate_encoder(str(queries)) if queries else first
    return DenseSettings(
        TextEncoder(first, "passage", **encoding), TextEncoder(second, "query", **encoding), similarity
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_static(tmp_path_factory.mktemp("encoder") / "static", TEXTS)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_static(tmp_path_factory.mktemp("encoder") / "other", TEXTS, seed=1)


@pytest.fixture(scope="module")
def ranking(folder: Path, other: Path) -> Ranking:
    """Of two encoders, one of the passages and one of the questions."""
    return rank(QUESTIONS, CORPUS, settings(folder, other), "question")


def mean_vectors(texts: list[str], seed: int) -> np.ndarray:
    """What model2vec computes: the mean of the vectors of a text's tokens; zeros if it knows none."""
    tokenizer = tokenizer_of(TEXTS)
    vectors, unknown = static_vectors(tokenizer, seed).astype(np.float64), tokenizer.token_to_id("[UNK]")
    known = [[one for one in tokenizer.encode(text).ids if one != unknown] for text in texts]
    return np.array([vectors[ids].mean(axis=0) if ids else np.zeros(16) for ids in known])


def expected(questions: list[str], passage_seed: int, query_seed: int) -> list[dict[str, float]]:
    """For each question the cosine with every passage, by id."""
    passages, queries = (
        mean_vectors([one.text for one in CORPUS.passages], passage_seed),
        mean_vectors(questions, query_seed),
    )
    lengths = np.outer(np.linalg.norm(queries, axis=1), np.linalg.norm(passages, axis=1))
    cosines = np.divide(queries @ passages.T, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return [dict(zip((one.id for one in CORPUS.passages), row, strict=True)) for row in cosines]


def test_the_nearest_passages_are_those_of_numpy(ranking: Ranking) -> None:
    for name, cosines in zip(QUESTIONS, expected([*QUESTIONS.values()], 0, 1), strict=True):
        hits = ranking.hits[name]
        assert len(hits) == DEPTH < len(CORPUS.passages)
        assert dict(hits) == pytest.approx({hit.passage_id: cosines[hit.passage_id] for hit in hits}, abs=1e-6)
        assert [hit.passage_id for hit in hits] == sorted(cosines, key=lambda one: (-round(cosines[one], 6), one))[
            :DEPTH
        ]
    assert [hit.score for hit in ranking.hits["q3"]] == [0.0] * DEPTH, "a text without a known token is near to none"


def test_k_slices_one_ranking_and_other_questions_embed_themselves_alone(
    ranking: Ranking, folder: Path, other: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert ranking.top("q1", 2) == ranking.top("q1", 8)[:2]
    again = rank(dict(reversed(QUESTIONS.items())), CORPUS, settings(folder, other), "question")
    assert again == ranking and capfd.readouterr().err == ""
    more = rank({**QUESTIONS, "q4": "Vertigo."}, CORPUS, settings(folder, other), "question")
    assert capfd.readouterr().err == f"Embeds     4 questions with {other}\n"
    assert {name: more.hits[name] for name in QUESTIONS} == ranking.hits, "neighbours change no digit"


def test_options_permuted_or_replaced_leave_a_ranking_byte_for_byte(
    ranking: Ranking, folder: Path, other: Path
) -> None:
    options = ("fever", "rash", "cough", "gout")
    questions = [Question(question_id(text, options), text, options, 1) for text in QUESTIONS.values()]
    stored = []
    for change in (options, options[::-1], ("stridor", "x", "y", "z")):
        changed = [replace(one, options=change) for one in questions]
        found = rank({one.id: one.question for one in changed}, CORPUS, settings(folder, other), "question")
        stored.append((cache_folder() / "rankings" / f"{found.fingerprint}.json").read_bytes())
    assert stored[0] == stored[1] == stored[2]


def test_whatever_decides_a_ranking_is_in_its_key(
    folder: Path, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = write_static(tmp_path / "a copy elsewhere", TEXTS)
    first = settings(folder, other).identity()
    assert settings(same, other).identity() == first
    for changed in (
        *(settings(folder, folder), settings(other, other), settings(folder, other, "dot")),
        *(settings(folder, other, prefix="a"), settings(folder, other, pooling="cls")),
    ):
        assert changed.identity() != first
    monkeypatch.setattr("medqa_sweeps.retrieval.encoders.versions_of", lambda names: dict.fromkeys(names, "99"))
    assert settings(folder, other).identity() != first


def test_equal_scores_are_in_the_order_of_passage_ids_also_where_the_list_ends() -> None:
    passages = np.tile(np.array([[1, 0], [0, 2], [3, 3]], np.float32), (50, 1))
    for query, similarity, ordered in (
        ([1, 0], "cosine", [0, 2, 1]),
        ([1, 0], "dot", [2, 0, 1]),
        ([0, 1], "cosine", [1, 2, 0]),
    ):
        whole = [at for kind in ordered for at in range(kind, 150, 3)]
        for most in (1, 7, 49, 51, 150):
            (found,) = dense._nearest(np.array([query], np.float32), passages, most, similarity)
            assert [at for at, _ in found] == whole[:most]


def test_the_order_of_a_sum_and_threads_decide_no_rank() -> None:
    draw = np.random.default_rng(0)
    passages, queries = (draw.standard_normal((count, 384), dtype=np.float32) for count in (700, 40))
    columns = draw.permutation(384)
    one = list(dense._nearest(queries, passages, 32, "cosine"))
    assert list(dense._nearest(queries[:, columns], passages[:, columns], 32, "cosine")) == one


def test_vectors_of_two_widths_are_refused(folder: Path, tmp_path: Path) -> None:
    wide = write_static(tmp_path / "wide", TEXTS, width=24)
    with pytest.raises(ConfigError, match=r"static gives vectors of 16 numbers, .*wide of 24.*trained as a pair"):
        rank(QUESTIONS, CORPUS, settings(folder, wide), "question")


def test_vectors_that_are_no_numbers_are_refused_and_not_kept(tmp_path: Path) -> None:
    broken = settings(write_static(tmp_path / "broken", TEXTS, broken=True))
    before = set((cache_folder() / "embeddings").glob("*.npz"))
    with pytest.raises(ConfigError, match=r"not finite numbers \(NaN\) for 40 of 40 texts.*fetch them again"):
        rank(QUESTIONS, CORPUS, broken, "question")
    assert set((cache_folder() / "embeddings").glob("*.npz")) == before


def test_damaged_vectors_are_computed_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDQA_SWEEPS_CACHE", str(tmp_path))
    vectors, calls = np.ones((2, 3), np.float32), []

    def computed(texts: list[str], encoder: TextEncoder, noun: str) -> embedding.Embeddings:
        calls.append(texts)
        return embedding.Embeddings(vectors, 1)

    monkeypatch.setattr(embedding, "embeddings", computed)
    corpus, encoder = corpus_with({"Gout": "A disease.", "": "Rash"}), settings(folder).passages
    for spoilt in (lambda data: data, lambda data: data[:-9], lambda data: data.replace(vectors.tobytes(), bytes(24))):
        found = embedding.passage_embeddings(corpus, encoder)
        assert found.cut == 1 and (found.vectors_TxD == vectors).all()
        (path,) = (tmp_path / "embeddings").glob("*.npz")
        data = path.read_bytes()
        path.write_bytes(spoilt(data))
    assert len(calls) == 2 and sorted(calls[0]) == ["Gout\nA disease.", "Rash"], "the last damage is not read"


def test_how_far_it_is_is_said_every_few_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:  # type: ignore[no-untyped-def]
    now = [0.0]
    monkeypatch.setattr(embedding, "time", SimpleNamespace(monotonic=lambda: now[0]))
    progress = embedding.ProgressFile(tmp_path / "done")
    told = embedding._Teller("3,000 passages with X", progress)
    for now[0], done in ((1.0, 100), (9.9, 1000), (10.1, 1200), (15.0, 2000), (20.2, 2500)):
        (tmp_path / "done").write_text(f"[{done}, 3000]")
        told()
    said = ["3,000 passages with X", "1,200 of 3,000", "2,500 of 3,000"]
    assert capsys.readouterr().err == "".join(f"Embeds     {line}\n" for line in said)


def test_an_encoder_whose_files_no_library_reads_is_refused_in_a_sentence(tmp_path: Path, folder: Path) -> None:
    damaged = write_static(tmp_path / "damaged", TEXTS)
    (damaged / "tokenizer.json").write_text('{"version": "1.0"}')
    with pytest.raises(ConfigError, match=r"damaged cannot be used: .*Its files are in .*damaged"):
        rank(QUESTIONS, CORPUS, settings(damaged), "question")


@pytest.mark.variant
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_child_outlives_a_parent_that_is_killed_or_interrupted(
    folder: Path, tmp_path: Path, number: signal.Signals
) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom tests.retrieval.test_dense import settings\n"
        "from medqa_sweeps.retrieval.embedding import embeddings\n"
        "embeddings(['fever and rash'] * 1_000_000, settings(Path(sys.argv[1])).passages, 'text')"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], cwd=ROOT, stderr=open(tmp_path / "log", "w")
    )
    children: list[psutil.Process] = []
    for _ in range(600):  # until it has forked, and computes
        children = psutil.Process(parent.pid).children(recursive=True)
        if len(children) > 1 or (children and usable_cores() == 1):
            break
        time.sleep(0.1)
    assert children, (tmp_path / "log").read_text()
    parent.send_signal(number)
    parent.wait(60)
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []


PROGRAM = """
import json, sys
from pathlib import Path
from medqa_sweeps.retrieval.ranking import rank
from tests.retrieval.passages import corpus_with
from tests.retrieval.test_dense import QUESTIONS, settings
passages, queries, encoding, texts = sys.argv[1:]
retriever = settings(Path(passages), Path(queries), **json.loads(encoding))
found = rank(QUESTIONS, corpus_with(json.loads(texts)), retriever, "question")
assert not {"torch", "transformers", "sentence_transformers", "model2vec"} & set(sys.modules)
print(json.dumps([found.fingerprint, found.hits, found.cut]))
"""


def in_a_process(passages: Path, queries: Path, cache: Path, texts: list[str], **given: str) -> list:
    """Fingerprint, hits and what was cut, as a process of its own ranks with a cache of its own."""
    encoding = {"pooling": given.pop("pooling")} if "pooling" in given else {}
    environment = {**os.environ, "MEDQA_SWEEPS_CACHE": str(cache), **given}
    command = [sys.executable, "-c", PROGRAM, str(passages), str(queries), json.dumps(encoding), json.dumps(texts)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def berts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("berts")
    command = [sys.executable, "-m", "tests.retrieval.encoder_folders", str(made), json.dumps(TEXTS)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return made


LONG = "rash and fever " * LIMIT_TOKENS
MANY = [*TEXTS, *(f"{text} {number}" for number in range(2) for text in TEXTS), LONG]


@pytest.fixture(scope="module")
def ranked_by_berts(berts: Path, tmp_path_factory: pytest.TempPathFactory) -> list:
    """Enough texts for several processes, of which the number follows the threads that a slot has: here one."""
    given = {"pooling": "cls", "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
    return in_a_process(berts / "passages", berts / "queries", tmp_path_factory.mktemp("many"), MANY, **given)


@pytest.mark.variant
def test_no_hash_seed_thread_process_order_or_neighbour_changes_a_digit(
    ranked_by_berts: list, berts: Path, tmp_path: Path
) -> None:
    given = {"pooling": "cls", "PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "3"}
    _, fewer, not_cut = in_a_process(berts / "passages", berts / "queries", tmp_path, MANY[-2::-1], **given)
    _, many, cut = ranked_by_berts
    assert (cut["passages"], not_cut["passages"]) == (1, 0), "the long one is counted"
    long = corpus_with([LONG]).passages[0].id
    for name in QUESTIONS:
        kept = [hit for hit in many[name] if hit[0] != long]
        assert len(kept) >= DEPTH - 1 and kept == fewer[name][: len(kept)]


@pytest.mark.variant
def test_two_encoders_of_a_pair_each_do_their_part(ranked_by_berts: list, berts: Path) -> None:
    """Against transformers itself, in another process: the first vector of a text, as MedCPT's authors take it."""
    program = """
import json, sys, torch
from transformers import AutoModel, AutoTokenizer
def vectors(folder, texts):
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    read = (tokenizer(one, return_tensors="pt", truncation=True) for one in texts)
    with torch.no_grad():
        return [model(**one).last_hidden_state[0, 0].tolist() for one in read]
passages, questions = json.load(sys.stdin)
print(json.dumps([vectors(sys.argv[1], passages), vectors(sys.argv[2], questions)]))
"""
    corpus = corpus_with(MANY).passages
    texts = [[one.text for one in corpus], [*QUESTIONS.values()]]
    command = [sys.executable, "-c", program, str(berts / "passages"), str(berts / "queries")]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True)
    passages, questions = (np.array(one) for one in json.loads(done.stdout))
    cosines = questions @ passages.T
    cosines /= np.outer(np.linalg.norm(questions, axis=1), np.linalg.norm(passages, axis=1))
    ids, (_, hits, _) = [one.id for one in corpus], ranked_by_berts
    for name, row in zip(QUESTIONS, cosines, strict=True):
        assert dict(hits[name]) == pytest.approx({one: row[ids.index(one)] for one, _ in hits[name]}, abs=1e-5)
        assert min(score for _, score in hits[name]) >= np.sort(row)[-DEPTH] - 1e-5


@pytest.mark.variant
def test_a_folder_of_sentence_transformers_says_itself_how_it_pools_and_prompts(berts: Path) -> None:
    """Its prompt stands before a question, unless another one is asked for."""
    encoder = locate_encoder(str(berts / "sentences"))
    assert not encoder.is_plain and encoder.similarity == "dot" and "1_Pooling/config.json" in encoder.files
    said = embedding.embeddings(["rash"], TextEncoder(encoder, "query"), "question").vectors_TxD
    typed = embedding.embeddings(
        ["gout rash", "rash"], TextEncoder(encoder, "query", prefix=""), "question"
    ).vectors_TxD
    assert (said[0] == typed[0]).all() and (said[0] != typed[1]).any()
