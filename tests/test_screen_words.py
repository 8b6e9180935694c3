"""No screen shows a retired word. The list has what to write instead.

`DONE` lists what people read: every room.
"""

import re
from pathlib import Path

import pytest

from medqa_sweeps.__main__ import parser_of
from medqa_sweeps.commands import SUMMARIES
from medqa_sweeps.compose.launch_help import LaunchHelp
from tests.conftest import ROOT
from tests.screen_texts import comments, literals, texts_of

DONE = ("README.md", "docs", "launch.py", "conf", "hydra_plugins", "medqa_sweeps", "analysis")

_COUNTED = "one|files?|folders?|trials?|questions?|objects?|lines?|values?|nats|options?"
_EACH = "line|slot|option|objective|group|key|optimizer step|step|forward pass|question|command|trial|config|seed|token"
RETIRED = {
    # Not the command of that name, nor what W&B calls so.
    r"(?<![./])(?<!W&B )(?<!medqa.sweeps )\breports?\b(?![/=.]|  | multirun)": "evaluation (of a model), page (ours)",
    r"\b(?:to |that |which )?(?:choose|chooses|chose|chosen) by\b|\bquestions? that cho+se\b": "validation",
    r"\b(?:told|tell|tells|tell them) apart\b": "significant, resolved",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\b(?:go|goes|going|went|gone) on\b": "resume, continue",
    r"\bpictures?\b": "plots",
    r"\b(?:trained|trainable) weights\b": "trainable parameters",
    r"\bof (?:its|one's|their) own\b|\bof (?:ours|theirs|yours)\b": "its own, your own, separate",
    rf"\b(?:{_COUNTED}) an? (?:{_EACH})\b": "per, each",
    r"\b\d+(?:\.\d+)? %": "95%, without a space",
    r"\bgold letters?\b": "correct letter",
    r"\bbeyond chance\b|\bflattered\b": "significant; optimism",
    r"\bmachinery\b|\bstubborn(?:ly)?\b|\baloud\b": "software; a number",
    r"\bdata alarms?\b": "caution",
    r"\bpoints to the best\b|\bgain over own base\b": "difference from the best, gain over the untuned base",
    r"\b95% CI of the test\b": "corrected 95% CI: the test is no test set",
    r"\busual are\b": "common values are",
    r"\bstepped down\b": "step-down",
    r"\bluck of the (?:seed|questions)\b": "the part due to the random seed, to these questions",
    r"\bso many\b|\bso long\b": "a number, or `most`",
}
# By file and retired word, why it stays.
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("medqa_sweeps/data/flags.py", "picture"): "a pattern that finds questions about a picture",
}


def files(room: str) -> list[Path]:
    path = ROOT / room
    found = [path] if path.is_file() else sorted(path.rglob("*.*"))
    assert found, f"{room} is not there any more: name it anew in DONE"
    return [file for file in found if not {"__pycache__", "assets", "_build"} & set(file.parts)]


def retired_in(text: str) -> list[tuple[str, str]]:
    """Retired words in a text, each with what to write instead."""
    return [(found[0], instead) for word, instead in RETIRED.items() for found in re.finditer(word, text, re.I)]


@pytest.mark.parametrize("room", DONE)
def test_no_retired_word_is_left_on_a_screen(room: str) -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}: {word!r}, write {instead}: {' '.join(text.split())[:120]}"
        for file in files(room)
        for line, text in texts_of(file)
        for word, instead in retired_in(text)
        if (str(file.relative_to(ROOT)), word) not in EXCEPTIONS
    ]
    assert not found, "\n".join(found)


def test_no_retired_word_is_left_in_a_help_text() -> None:
    shown = [LaunchHelp(ROOT / "conf", SUMMARIES).text(), *(parser_of(command).format_help() for command in SUMMARIES)]
    assert [found for text in shown for found in retired_in(text)] == []


def test_every_exception_is_still_needed() -> None:
    for (file, word), reason in EXCEPTIONS.items():
        assert reason and any(word in text for _, text in texts_of(ROOT / file)), f"{file} has no {word!r} any more"


@pytest.mark.parametrize(
    "text",
    [
        "evaluated at each report", "400 to choose by", "questions that chose", "what would tell them apart",
        "Mend the path", "Goes on at step 3", "two pictures", "trained weights", "a process of its own",
        "a file of yours", "one a line", "questions an optimizer step", "95 % CI", "the gold letter",
        "data alarm: 297", "points to the best", "the 95% CI of the test excludes 0", "usual are 8, 16", "stepped down",
        "Luck of the seed comes on top",
    ],
)  # fmt: skip
def test_retired_words_are_seen(text: str) -> None:
    assert retired_in(text)


@pytest.mark.parametrize(
    "text",
    ["evaluation.reports=4", "report/ in the study", "Weights & Biases", "of its group", "95%", "validation questions"],
)
def test_others_are_not(text: str) -> None:
    assert not retired_in(text)


def test_what_reaches_people_is_found_and_what_does_not_is_left_out() -> None:
    source = (
        '"""Doc string."""\nkey = "lora.r"\ndef f(x):\n    """Of f."""\n    print(f"{x} of {x} done", "Title")  # no\n'
    )
    assert [text for _, text in literals(source)] == ["… of … done", "Title"]
    assert [text for _, text in comments('class A:\n    """Of A."""\n    r: int = 1  # rank\n')] == ["# rank", "Of A."]
