"""A draft on a terminal: each sentence with its check, what was cut, and what the checks mean together."""

from io import StringIO

import pytest
from rich.console import Console

from medqa_sweeps.ask.drafts import Draft
from medqa_sweeps.ask.lookup import Searcher
from medqa_sweeps.ask.printing import print_draft
from medqa_sweeps.ask.result import Answer
from tests.retrieval.passages import corpus_with

QUOTE = '"Colchicine relieves an acute attack of gout" [1].'


def printed(text: str, is_finished: bool = True, cut: tuple[int, ...] = ()) -> str:
    lookup = Searcher(corpus_with(["Colchicine relieves an acute attack of gout within a day."])).look_up("gout", 4)
    shown = StringIO()
    print_draft(Answer(lookup, "smollm2", Draft(text, is_finished, cut), None), Console(file=shown, width=200))
    return shown.getvalue()


def test_sentences_that_are_not_supported_are_shown() -> None:
    said = printed(f"{QUOTE} Bleach [bold]cures gout \x1b[31m[1].")
    assert f"    {QUOTE}\n      → quote found in passage 1\n" in said
    assert "    Bleach [bold]cures gout  [31m[1].\n      → not supported by the passages: it quotes nothing" in said
    assert "not that the rest of the sentence is true" in said and "cut at" not in said


@pytest.mark.parametrize(
    ("said", "text", "is_finished", "cut"),
    [
        ("No sentence of this draft is supported: read the passages instead.", "Gout is.", True, ()),
        ("The model wrote nothing.", " ", True, ()),
        ("The draft was cut at 200 tokens.", "Gout is.", False, ()),
        ("The model read passage 2, 3 in part.", "Gout is.", True, (2, 3)),
    ],
)
def test_what_a_draft_lacks_is_said(said: str, text: str, is_finished: bool, cut: tuple[int, ...]) -> None:
    assert said in printed(text, is_finished, cut)
