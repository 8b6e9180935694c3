"""Passages of any text: nothing is lost, no limit is exceeded, and ends are where a reader would put them."""

import itertools
import re

import pytest
from hypothesis import given, settings, strategies as st

from medqa_sweeps.retrieval.chunks import Chunking, Passage, passages_of, spans
from medqa_sweeps.retrieval.documents import Document, Place
from medqa_sweeps.retrieval.sentences import last_sentence, sentences

PIECES = st.sampled_from(
    ["word ", "Sentence ends. ", "中文没有空格", "句子。", "\n\n", "\n", "- item\n", " " * 9, "x" * 30, "5.5 "]
)
TEXTS = st.lists(PIECES, max_size=60).map("".join) | st.text(max_size=200)
CHUNKINGS = st.integers(2, 60).flatmap(lambda most: st.builds(Chunking, st.just(most), st.integers(0, most // 2)))


def cut(text: str, chars: int, overlap: int) -> list[str]:
    return [text[start:end] for start, end in spans(text, Chunking(chars, overlap))]


@settings(max_examples=300, deadline=None)
@given(TEXTS, CHUNKINGS)
def test_nothing_is_lost_and_limits_hold(text: str, chunking: Chunking) -> None:
    found = list(spans(text, chunking))
    covered = {at for start, end in found for at in range(start, end)}
    assert all(character.isspace() for at, character in enumerate(text) if at not in covered)
    for start, end in found:
        assert 0 < end - start <= chunking.chunk_chars
        assert not text[start].isspace() and not text[end - 1].isspace()
    for (start, end), (next_start, next_end) in itertools.pairwise(found):
        assert start < next_start and end < next_end, "each passage begins and ends behind the one before"
        assert end - next_start <= chunking.chunk_overlap
        if chunking.chunk_overlap == 0:
            assert next_start >= end


def test_a_passage_ends_with_a_paragraph_else_a_sentence_else_a_word_else_anywhere() -> None:
    assert cut("One two three.\n\nFour five six. Seven.", 24, 0) == ["One two three.", "Four five six. Seven."]
    assert cut("One two three. Four five six. Seven eight nine.", 32, 0) == [
        "One two three. Four five six.",
        "Seven eight nine.",
    ]
    assert cut("one two three four five", 10, 0) == ["one two", "three four", "five"]
    assert cut("x" * 25, 10, 0) == ["x" * 10, "x" * 10, "x" * 5]
    assert cut("病人发热三天。咳嗽伴胸痛。无皮疹。", 14, 0) == ["病人发热三天。咳嗽伴胸痛。", "无皮疹。"]


def test_the_next_passage_repeats_whole_sentences_else_whole_words() -> None:
    assert cut("Aaaa bbbb cccc. Dd ee. Ffff gggg hhhh.", 24, 10) == ["Aaaa bbbb cccc. Dd ee.", "Dd ee. Ffff gggg hhhh."]
    assert cut("one two three four five six", 14, 6) == ["one two three", "three four", "four five six"]
    assert cut("abcdefghij", 6, 2) == ["abcdef", "efghij"]


def test_white_space_longer_than_a_passage_ends_the_overlap() -> None:
    assert cut("ab" + " " * 50 + "cd", 10, 5)[-1] == "cd"
    assert len(cut("word " * 3 + " " * 200 + "end " * 3, 12, 6)) < 6


@pytest.mark.parametrize(("chars", "overlap"), [(1, 0), (10, 6), (10, -1)])
def test_lengths_out_of_range_are_refused(chars: int, overlap: int) -> None:
    with pytest.raises(ValueError, match=f"chunk_chars={chars} must be 2 or more, and chunk_overlap={overlap} from 0"):
        Chunking(chars, overlap)


def passages(document: Document, chars: int = 20) -> list[Passage]:
    return list(passages_of(document, Chunking(chars, 0)))


def test_a_passage_knows_the_line_it_begins_on_and_a_page_or_record_stays_what_it_is() -> None:
    text = "First line.\nSecond line.\n\n\nFifth line here.\nSixth."
    lines = passages(Document("a.md", Place("line", 1), "A", text))
    assert [(one.where, one.text.split("\n")[0]) for one in lines] == [
        ("a.md, line 1", "First line."),
        ("a.md, line 2", "Second line."),
        ("a.md, line 5", "Fifth line here."),
        ("a.md, line 6", "Sixth."),
    ]
    assert {one.where for one in passages(Document("a.pdf", Place("page", 7), "A", text))} == {"a.pdf, page 7"}
    record = Document("a.jsonl", Place("line", 3), "A", text, "own", is_record=True)
    assert {(one.where, one.source_id) for one in passages(record)} == {("a.jsonl, line 3", "own")}


def test_an_id_is_of_title_and_text_alone() -> None:
    here, there = (
        passages(Document(file, Place("line", line), "T", "Same text."))[0] for file, line in (("a", 1), ("b", 9))
    )
    assert here.id == there.id and re.fullmatch("[0-9a-f]{16}", here.id)
    (other,) = passages(Document("a", Place("line", 1), "U", "Same text."))
    assert other.id != here.id


def test_sentences() -> None:
    text = 'Seen by Dr. Smith for S. Typhi. "No fever." Given 0.5 mg b.i.d. for 3 days! Which?\n- one\n- two'
    assert sentences(text) == [
        "Seen by Dr. Smith for S. Typhi.",
        '"No fever."',
        "Given 0.5 mg b.i.d. for 3 days!",
        "Which?",
        "- one",
        "- two",
    ]
    assert last_sentence("A man has fever. Which drug is best? ") == "Which drug is best?"
    assert last_sentence("男，50岁。最可能的诊断是？") == "最可能的诊断是？"
    assert last_sentence(" \n") == ""
