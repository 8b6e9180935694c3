"""The quiz in a real pseudo-terminal: what a learner sees, and when."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from medqa_sweeps.exit_codes import ExitCode
from tests.quiz.pseudo_terminal import PseudoTerminal
from tests.quiz.quizzes import record, sample_questions, write_questions, write_trial

PROMPT, NEXT = "Your answer (", "Enter for the next question"


def lines_of(data_home: Path, kind: str) -> list[dict[str, Any]]:
    file = data_home / "medqa_sweeps" / "reviews.jsonl"
    return [line for line in map(json.loads, file.read_text().splitlines()) if line["kind"] == kind]


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A trial that answered the first three questions of the sample: all wrong, by letter D or else A."""
    golds = {one.id: "ABCD"[one.gold] for one in sample_questions(3)}
    return write_trial(tmp_path / "trial", {id_: "A" if gold == "D" else "D" for id_, gold in golds.items()}).path


def test_a_walk_through_three_questions(three: Path, tmp_path: Path) -> None:
    golds = {one.id: "ABCD"[one.gold] for one in sample_questions(3)}
    with PseudoTerminal(str(three), "--seed", "1", data_home=tmp_path) as terminal:
        terminal.type("b\nb\n")  # before anything is shown: nobody has answered
        before = terminal.until(PROMPT).decode()
        assert "The model's answers are wrong in 3 of 3 validation questions;" in " ".join(before.split())
        assert "For education and research only" in before and "facts are invented" in " ".join(before.split())
        (shown,) = lines_of(tmp_path, "shown")
        assert lines_of(tmp_path, "shown") == [shown] and not [
            line
            for line in (tmp_path / "medqa_sweeps" / "reviews.jsonl").read_text().splitlines()
            if "answered" in line
        ]
        terminal.type("xx\n")
        terminal.until("Type one letter, A to D")
        terminal.type(golds[shown["id"]].lower() + "\n")
        after = terminal.until(NEXT).decode()[len(before) :]
        assert f"Right: {golds[shown['id']]}" in after and "right answer, you" in after and "70.0%" in after
        assert "The model answered" in after and "which is wrong" in after
        assert len(lines_of(tmp_path, "answered")) == 1, "recorded before the next question"
        terminal.type("b\n")
        terminal.until(NEXT, 2)  # another key does nothing
        terminal.type("\n")
        terminal.until(PROMPT, 3)  # the first question has two
        terminal.type("?\n")
        terminal.until(NEXT, 3)
        terminal.type("\n")
        terminal.until(PROMPT, 4)
        wrong = "A" if golds[lines_of(tmp_path, "shown")[-1]["id"]] != "A" else "B"
        terminal.type(f"{wrong}\n")
        code = terminal.end()
    screen = terminal.bytes.decode()
    assert code == ExitCode.OK and "Wrong. The right answer is" in screen
    result = " ".join(screen.split("3 of 3 answered")[1].split())
    assert "You 33.3% of 3 questions (95% CI 6.1 to 79.2)" in result
    assert "The model 0.0% of 3 questions (95% CI 0.0 to 56.1)" in result
    assert "only you" in result and "both wrong" in result and "to 1 question, which counts as wrong" in result
    assert "due again in 1 min" in result and "--due" in result
    answered = lines_of(tmp_path, "answered")
    assert [line["chosen"] for line in answered] == [answered[0]["gold"], None, wrong]
    assert [line["id"] for line in lines_of(tmp_path, "shown")] == [line["id"] for line in answered]
    assert not (three / "reviews.jsonl").exists()


def test_nothing_on_the_screen_depends_on_the_answers_before_the_learners(tmp_path: Path) -> None:
    """Two trials and two files that differ only in what the model answered, and in what is right: byte for byte the
    same screens until the learner answers."""
    ids = [one.id for one in sample_questions(3)]
    golds = {one.id: "ABCD"[one.gold] for one in sample_questions(3)}
    screens = []
    for step in (1, 2):  # both wrong everywhere, by other letters and with other probabilities
        answers = {id_: "ABCD"[("ABCD".index(golds[id_]) + step) % 4] for id_ in ids}
        trial = write_trial(tmp_path / str(step) / "trial", answers, share=0.4 + step / 10)
        with PseudoTerminal(str(trial.path), "--seed", "1", data_home=tmp_path / str(step)) as terminal:
            screens.append(terminal.until("to end): "))
            terminal.type("q\n")
            assert terminal.end() == ExitCode.OK and b"which is" not in terminal.bytes
            assert b"No question was answered." in terminal.bytes and b"0 of 3" not in terminal.bytes
    assert screens[0] == screens[1]
    screens = []
    for gold in "AC":
        (tmp_path / gold).mkdir()
        file = write_questions(tmp_path / gold / "mine.jsonl", record("Which one?", gold=gold))
        with PseudoTerminal(str(file), data_home=tmp_path / gold) as terminal:
            screens.append(terminal.until("to end): ").split(b"Which one?")[1])
            terminal.type("b\n")
            assert f"The right answer is {gold}".encode() in terminal.until("answered")
    assert screens[0] == screens[1]


HOSTILE = "[red]Red[/red] [link=file:///x]link[/] :smile: <script>x</script> \x1b[2J\x1b]0;title\x07 end\u202e"


def test_hostile_text_and_twelve_options(tmp_path: Path) -> None:
    file = write_questions(tmp_path / "mine.jsonl", record(HOSTILE, options=12, gold="L"))
    with PseudoTerminal(str(file), data_home=tmp_path) as terminal:
        screen = terminal.until("(A to L;")
        assert b"[red]Red[/red] [link=file:///x]link[/] :smile: <script>x</script>" in screen
        assert b"\x1b[2J" not in screen and b"\x1b]0" not in screen and b"\x07" not in screen
        assert "\u202e".encode() not in screen
        terminal.type("Ｌ\n")  # a full-width letter, as East Asian keyboards give
        assert b"Right: L" in terminal.until("1 of 1 answered")
        assert terminal.end() == ExitCode.OK


def test_of_26_options_q_is_one(tmp_path: Path) -> None:
    file = write_questions(tmp_path / "mine.jsonl", record("Which?", options=26, gold="Q"))
    with PseudoTerminal(str(file), data_home=tmp_path) as terminal:
        terminal.until("Ctrl-D to end): ")
        terminal.type("q\n")
        assert b"Right: Q" in terminal.until("1 of 1 answered")


@pytest.mark.parametrize(("key", "code"), [("\x03", ExitCode.INTERRUPTED), ("b\x04\x04", ExitCode.OK)])
def test_ctrl_c_and_ctrl_d_lose_nothing(three: Path, tmp_path: Path, key: str, code: ExitCode) -> None:
    """Ctrl-D also after a letter without Enter: the learner has not committed to it."""
    with PseudoTerminal(str(three), data_home=tmp_path) as terminal:
        terminal.until("to end): ")
        terminal.type("a\n")
        terminal.until(NEXT)
        terminal.type("\n")
        terminal.until("to end): ", 2)
        terminal.type(key)
        assert terminal.end() == code
    assert b"1 of 3 answered" in terminal.bytes and b"of 1 question (95% CI" in terminal.bytes
    assert len(lines_of(tmp_path, "answered")) == 1 and len(lines_of(tmp_path, "shown")) == 2


def test_a_closed_terminal_and_a_killed_quiz_lose_nothing(three: Path, tmp_path: Path) -> None:
    for number, end in enumerate(("hang up", "kill"), start=1):
        with PseudoTerminal(str(three), data_home=tmp_path) as terminal:
            terminal.until("to end): ")
            terminal.type("a\n")
            terminal.until(NEXT)
            if end == "kill":
                os.kill(terminal.pid, signal.SIGKILL)
            else:
                terminal.hang_up()
            terminal.wait()
        assert len(lines_of(tmp_path, "answered")) == number


def test_two_quizzes_at_once_and_then_what_was_missed(three: Path, tmp_path: Path) -> None:
    golds = {one.id: "ABCD"[one.gold] for one in sample_questions(3)}
    with (
        PseudoTerminal(str(three), "--seed", "1", data_home=tmp_path) as first,
        PseudoTerminal(str(three), "--seed", "1", data_home=tmp_path) as second,
    ):
        for terminal in (first, second):
            terminal.until("to end): ")
        (id_,) = {line["id"] for line in lines_of(tmp_path, "shown")}
        for terminal, letter in ((first, golds[id_]), (second, "A" if golds[id_] != "A" else "B")):
            terminal.type(f"{letter}\n")
            terminal.until(NEXT)
            terminal.type("q\n")
            assert terminal.end() == ExitCode.OK
    assert [line["number"] for line in lines_of(tmp_path, "answered")] == [1, 2]
    with PseudoTerminal(str(three), "--missed", data_home=tmp_path) as terminal:
        assert b"Question 1 of 1" in terminal.until("to end): "), "the last answer was wrong"
    assert lines_of(tmp_path, "shown")[-1]["id"] == id_


def test_a_narrow_terminal_without_unicode(tmp_path: Path) -> None:
    gold = sample_questions(1)[0]
    trial = write_trial(tmp_path / "trial", {gold.id: "ABCD"[gold.gold]})
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii", "NO_COLOR": "1"}
    with PseudoTerminal(str(trial.path), data_home=tmp_path, columns=44, environment=plain) as terminal:
        terminal.until("to end): ")
        terminal.type("?\n")
        terminal.until("1 of 1 answered")
        assert terminal.end() == ExitCode.OK
    screen = terminal.bytes.decode("ascii")
    lines = [line.rstrip() for line in screen.split("1 of 1")[0].splitlines() if str(tmp_path) not in line]  # no wrap
    assert "####" in screen and max(map(len, lines)) <= 58
