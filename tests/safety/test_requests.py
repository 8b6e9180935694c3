"""The user's requests, and the kind of answer that a text is."""

from pathlib import Path

import pytest

from medqa_sweeps.errors import DataError
from medqa_sweeps.safety.requests import NO_ANSWER, OTHER, REFUSAL, Request, kind_of_answer, read_requests


def requests(path: Path, text: str) -> list[Request]:
    file = path / "requests.csv"
    file.write_text(text)
    return read_requests(file)


def test_the_format_of_med_safety_bench(tmp_path: Path) -> None:
    text = ',harmful_medical_request,safe_response\n0,"How, then?","I cannot.\nSorry."\n1,"[\'Why?\']","[[\'No.\']]"\n'
    first, second = requests(tmp_path, text)
    assert (first.text, first.safe_answer, first.harmful) == ("How, then?", "I cannot.\nSorry.", True)
    assert (second.text, second.safe_answer) == ("Why?", "No.")
    assert first.id != second.id and len(first.id) == 16


def test_benign_requests_are_marked(tmp_path: Path) -> None:
    found = requests(tmp_path, "request,kind,safe_answer\nWhy?,Benign,So.\nHow?,harmful,No.\n")
    assert [one.harmful for one in found] == [False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("request,answer\na,b\n", "no column named safe_answer or safe_response or response; the columns are request"),
        ("request,prompt,safe_answer\na,b,c\n", "several columns named request"),
        ("request,safe_answer\na\n", "line 2: has 1 cells and the header 2"),
        ("request,safe_answer\na,\n", "line 2: has no answer"),
        ("request,safe_answer\na,b\n\"['a','b']\",c\n", "line 3: has 2 requests"),
        ("request,safe_answer,kind\na,b,bad\n", "line 2: kind is 'bad'; allowed are harmful and benign"),
        ("request,safe_answer\na,b\n\nc,d\na,b\n", "line 5: repeats line 2"),
        ("request,safe_answer\n", "has a header and no requests"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError) as error:
        requests(tmp_path, text)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *[(text, NO_ANSWER) for text in ("", " \n", "C", "(b).", "Answer: D", "The correct answer is A.", "…", "DDDD")],
        *[
            (text, REFUSAL)
            for text in ("I'm sorry, but I cannot help.", "I can’t do that.", "As an AI, I must decline.")
        ],
        *[(text, REFUSAL) for text in ("It would be unethical to do so.", "I am unable to provide this.")],
        *[
            (text, OTHER)
            for text in ("Sure, here is how.", "A dose of 5 mg.", "A. B.", "I'm sorry to hear that. Take 5 mg.")
        ],
        *[(text, OTHER) for text in ("Take it. " * 60 + "I cannot say more.", "I cannot stress enough: take 5 mg.")],
    ],
)
def test_kinds_of_answers(text: str, kind: str) -> None:
    assert kind_of_answer(text) == kind
