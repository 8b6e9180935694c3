"""An answer on a terminal: passages, then the draft, no meaning carried by colour or style."""

import textwrap

from rich.console import Console
from rich.text import Text

from medqa_sweeps.ask.lookup import FoundPassage, Lookup
from medqa_sweeps.ask.prompt import MOST_DRAFT_TOKENS
from medqa_sweeps.ask.result import Answer
from medqa_sweeps.ask.statements import closeness, draft_as_a_whole, fewer_than_asked, verdict

_WIDEST = 100  # characters of a line: longer ones are hard to read


def print_passages(lookup: Lookup, asked: int, console: Console) -> None:
    """Whether the question is close, then the passages that there are."""
    _print(closeness(lookup), console)
    if reason := fewer_than_asked(lookup, asked):
        _print(reason, console)
    for one in lookup.passages:
        console.print()
        console.print(_line(_heading(one), "bold"), soft_wrap=True)
        _print(one.passage.text, console, "    ")


def print_draft(answer: Answer, console: Console) -> None:
    """The draft with the check of each sentence, or why there is none."""
    console.print()
    if answer.draft is None:
        _print(f"No draft: {answer.no_draft}", console)
        return
    console.print(_line(f"Draft by {answer.model}, untuned, from these passages", "bold"), soft_wrap=True)
    for sentence in answer.sentences:
        _print(sentence.text, console, "    ", "" if sentence.is_supported else "strike")
        _print(f"→ {verdict(sentence)}", console, "      ")
    if not answer.draft.is_finished:
        _print(f"The draft was cut at {MOST_DRAFT_TOKENS} tokens.", console)
    if answer.draft.cut_passages:
        _print(f"The model read passage {_listed(answer.draft.cut_passages)} in part.", console)
    _print(draft_as_a_whole(answer.sentences), console)


def _heading(found: FoundPassage) -> str:
    passage = found.passage
    return f"[{found.number}] {passage.where}, score {found.score:.1f}, matched: {', '.join(found.matched)}"


def _print(text: str, console: Console, indent: str = "", style: str = "") -> None:
    width = min(console.width, _WIDEST)
    for paragraph in text.split("\n"):
        lines = textwrap.wrap(_plain(paragraph), width - len(indent), break_on_hyphens=False) or [""]
        for line in lines:
            console.print(Text(indent) + Text(line, style), soft_wrap=True)


def _line(text: str, style: str) -> Text:
    return Text(_plain(text), style)


def _plain(text: str) -> str:
    """Without what would steer a terminal or turn the direction of writing: passages are data."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _listed(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))
