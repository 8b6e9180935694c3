"""The measures of `ask --evaluate`, on answers whose measures are known."""

from pathlib import Path

import pytest

from medqa_sweeps.ask.drafts import Draft, largest_fall
from medqa_sweeps.ask.evaluation import Evaluation, Share, evaluate
from medqa_sweeps.ask.generated import generated_questions
from medqa_sweeps.ask.known import read_known
from medqa_sweeps.ask.lookup import Searcher
from medqa_sweeps.ask.measures import lines
from medqa_sweeps.errors import DataError
from medqa_sweeps.retrieval.chunks import Passage, passage_id
from medqa_sweeps.retrieval.corpus import Corpus, corpus_of
from medqa_sweeps.retrieval.documents import Place
from medqa_sweeps.statistics import wilson_interval

TEXTS = [
    "Colchicine relieves gout and works best within 24 hours.",
    "Gout: urate crystals. Colchicine is one of several drugs that people with it may be given by a doctor.",
    "Salbutamol relieves asthma within some minutes of its inhalation.",
]
QUESTIONS = """{"question": "colchicine gout", "file": "a.pdf", "page": 1}
{"question": "gout colchicine drugs within relieves", "file": "a.pdf", "page": 2}

{"question": "salbutamol", "contains": "relieves  asthma"}
{"question": "lactose", "file": "a.pdf", "page": 3}
"""


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return corpus_of(
        Passage(passage_id("a", text), "guides/a.pdf", Place("page", number), "a", text)
        for number, text in enumerate(TEXTS, start=1)
    )


@pytest.fixture
def found(corpus: Corpus, tmp_path: Path) -> Evaluation:
    file = tmp_path / "known.jsonl"
    file.write_text(QUESTIONS)
    searcher, known = Searcher(corpus), read_known(file, corpus)
    lookups = [searcher.look_up(one.question, 2) for one in known]
    supported = '"Colchicine relieves gout and works best within 24 hours" [1]. It is "never given" [2].'
    drafts = [
        Draft(supported, True, (), ((3.0, 1.0), (0.5, 0.25))),
        Draft("Nothing. See [9].", True, (), ((1.0, 0.0), (1.0, 0.0))),
        Draft("It is so [1].", False, (), ((0.0,),)),
        None,
    ]
    return evaluate(known, lookups, searcher, drafts, passages=2)


def test_search(found: Evaluation) -> None:
    assert [one.rank for one in found.questions] == [1, 2, 1, None]
    assert (found.hit_first, found.hit_shown) == (Share(2, 4), Share(3, 4))
    assert found.reciprocal_rank.mean == (1 + 1 / 2 + 1) / 4
    assert found.refused == Share(2, 4)  # "lactose" shares no word, "colchicine gout" stands in most passages


def test_drafts(found: Evaluation) -> None:
    assert found.drafts == 3
    assert found.valid_numbers == Share(3, 5)  # two sentences, one without and one with an unknown number, one
    assert found.verbatim_quotes == Share(1, 2) and found.supported == Share(1, 5)


def test_attribution_counts_sentences_with_valid_numbers(found: Evaluation) -> None:
    assert found.attributed == Share(2, 3)  # [2] was cited, and the fall is larger without passage 1
    assert largest_fall([0.5, 2.0, 2.0]) == 2
    assert found.by_chance == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)


def test_off_topic_questions_that_decide_no_threshold_are_asked(found: Evaluation) -> None:
    assert found.off_topic_refused.of == 30 and found.off_topic_refused.count >= 20


def test_each_share_stands_with_its_interval(found: Evaluation) -> None:
    said = "\n".join(lines(found, "tiny", ""))
    low, high = wilson_interval(3, 5)
    assert f"60.0%, 3 of 5 (95% CI {100 * low:.1f} to {100 * high:.1f})" in said
    assert "Drafts of tiny, untuned, for 3 questions" in said
    without = list(lines(found, None, "--no-draft was given."))
    assert without[-1] == "No draft: --no-draft was given." and len(without) == 8


def test_questions_are_made_of_first_sentences_and_mean_every_passage_that_has_them() -> None:
    texts = [*TEXTS, f"{TEXTS[2]} It is an overlap.", "Gout.\nUric acid crystals hurt joints\nbadly. It does."]
    made = corpus_of(Passage(passage_id("a", text), "a.md", Place("line", 1), "a", text) for text in texts)
    known = {one.question: one.passage_ids for one in generated_questions(made)}
    assert known == {
        TEXTS[0]: {passage_id("a", TEXTS[0])},
        TEXTS[1].removeprefix("Gout: urate crystals. "): {passage_id("a", TEXTS[1])},
        TEXTS[2]: {passage_id("a", texts[2]), passage_id("a", texts[3])},
        "Uric acid crystals hurt joints badly.": {passage_id("a", texts[4])},
    }
    assert len(generated_questions(made, most=2)) == 2
    with pytest.raises(DataError, match="Write a file of questions: --evaluate FILE"):
        generated_questions(corpus_of([Passage(passage_id("a", "Gout."), "a.md", Place("line", 1), "a", "Gout.")]))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 1: not JSON"),
        ("[]", "line 1: Allowed is"),
        ('{"question": "gout"}', "line 1: Allowed is"),
        ('{"question": "gout", "page": 1}', "line 1: Allowed is"),
        ('{"question": "gout", "contains": ""}', "line 1: Allowed is"),
        ('{"question": "gout", "file": "a.pdf", "page": true}', "line 1: Allowed is"),
        ('{"question": "gout", "file": "a.pdf", "answer": "x"}', "line 1: Allowed is"),
        ('{"question": "gout", "file": "a.pdf", "page": 4}', "line 1: no passage of the corpus"),
        ('{"question": "gout", "file": "b.pdf"}', "line 1: no passage of the corpus"),
        ('{"question": "the", "file": "a.pdf"}', "line 1: 'the' has no word"),
        ('{"question": "gout", "file": "a.pdf"}\n{"question": " gout", "file": "a.pdf"}', "line 2: an earlier line"),
        ("\n", "has no question"),
    ],
)
def test_a_file_that_cannot_be_measured_on(line: str, reason: str, corpus: Corpus, tmp_path: Path) -> None:
    file = tmp_path / "known.jsonl"
    file.write_text(line)
    with pytest.raises(DataError, match=reason):
        read_known(file, corpus)
