"""The page in a real browser: nothing of an answer before the learner's, and it reads well on every screen."""

import base64
import json
import random
import re
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from medqa_sweeps.quiz.exercise import Exercise
from medqa_sweeps.quiz.page import encoded, page_html
from medqa_sweeps.quiz.sentences import score_of, standing
from tests.analysis.page.browser import CHROMIUM, Browser
from tests.quiz.quizzes import exercise, exercise_set

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH: apt-get install chromium")
SCREENS = [(1280, False), (1280, True), (390, False), (390, True)]
ATTACK = "<script>window.attacked = true</script></script><img src=x onerror='window.attacked = true'> " + "x" * 300
# Of each text that is shown, the lowest contrast with its ground (WCAG's ratio), and where it is.
CONTRAST = """
(() => {
  const parts = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const linear = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => [r, g, b].map(v => linear(v / 255))
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = e => { for (; e; e = e.parentElement) {
    const found = parts(getComputedStyle(e).backgroundColor); if (found.length === 3 || found[3] > 0) return found; } };
  const has = e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  const rows = [...document.querySelectorAll('body *:not(script)')].filter(e => e.checkVisibility() && has(e))
    .map(e => { const [a, b] = [light(parts(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => x - y);
      return [(b + .05) / (a + .05), e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 30)]; });
  return rows.sort((x, y) => x[0] - y[0])[0];
})()
"""


def exercises(first: int = 1) -> list[Exercise]:
    """Four of them; `first`: of their numbers. A browser keeps the progress of other questions elsewhere."""
    return [
        exercise(first, gold=1, model=1, step="step1"),
        exercise(first + 1, gold=2, model=0, step="step1"),
        exercise(first + 2, gold=0, model=3, options=12, step="step2&3"),
        exercise(4, gold=0, model=0, text=ATTACK),
    ]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def written(page: Path, *exercises: Exercise) -> Path:
    page.write_text(page_html(exercise_set(*exercises), exercises), encoding="utf-8")
    return page


def reload(browser: Browser, until: str, before: str = "null") -> None:
    """Load the open page again, until the JavaScript `until` holds: what a page has stored reaches Chromium's next
    process a moment later, or never if the page is left at once. `before` is JavaScript for each time it is left."""
    for _ in range(200):  # a minute
        browser.ask(before)
        time.sleep(0.25)  # to store
        browser.reload()
        if browser.ask(until):
            return
    raise AssertionError(f"it never came to {until}")


def key(browser: Browser, *keys: str) -> None:
    for one in keys:
        browser.press(one, 13 if one == "Enter" else ord(one.upper()))


def read(browser: Browser, id_: str) -> str:
    text: str = browser.ask(f"document.getElementById('{id_}').innerText")
    return text


def everything(browser: Browser) -> tuple[str, list[Any]]:
    """The page's elements as HTML, and names and values of the accessibility tree."""
    browser._call("Accessibility.enable")
    nodes = browser._call("Accessibility.getFullAXTree")["nodes"]
    spoken = [[node.get(part, {}).get("value") for part in ("role", "name", "value", "description")] for node in nodes]
    return browser.ask("document.documentElement.outerHTML"), spoken


@needs_browser
def test_nothing_in_the_page_depends_on_the_answers_before_the_learners(browser: Browser, tmp_path: Path) -> None:
    """Pages that differ in what is right, in what the model answered and how sure it was have the same elements."""
    seen = []
    for number, (gold, model) in enumerate([(0, 1), (2, 1), (0, 3), (3, 3)]):
        these = [exercise(1, gold=gold, model=model), exercise(2, gold=model, model=gold)]
        browser.open(written(tmp_path / f"{number}.html", *these), 1280)
        first = everything(browser)
        key(browser, "a")
        chosen = everything(browser)
        key(browser, "Enter")
        assert f"The model answered {'ABCD'[model]}" in read(browser, "about")
        key(browser, "Enter")
        assert read(browser, "question") == "Question 2 of 2"
        assert "The model" not in everything(browser)[0].split("<script>")[0].split('<section id="ask"')[1]
        seen.append((first, chosen))
    assert all(one == seen[0] for one in seen)
    assert "data" not in re.findall(r'<script[^>]*id="(\w+)"', seen[0][0][0]), "the script has taken its data out"


def test_no_answer_can_be_read_in_the_file() -> None:
    """By searching it, or in its source."""
    text = page_html(exercise_set(*exercises()), exercises())
    data = json.loads(re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[0])
    assert all(sorted(one) == ["answer", "id", "options", "question", "step"] for one in data["questions"])
    assert "The right answer" not in text and "The model answered" not in text and '"gold"' not in text
    assert len({one["answer"] for one in data["questions"]}) == 4
    assert all(sentence in text.replace("&#x27;", "'") for sentence in standing(exercise_set(*exercises())))


def test_the_same_answer_is_encoded_differently_for_each_question() -> None:
    assert encoded("A", "q1") != encoded("A", "q2") and encoded("é€", "q1") == encoded("é€", "q1")


@needs_browser
@pytest.mark.parametrize(("width", "dark"), SCREENS)
def test_a_walk_by_keyboard_on_every_screen(browser: Browser, tmp_path: Path, width: int, dark: bool) -> None:
    first = 10 * (1 + SCREENS.index((width, dark)))
    page = written(tmp_path / "quiz.html", *exercises(first))
    browser.open(page, width, dark)
    assert browser.complaints == [] and browser.requests == [page.resolve().as_uri()], "it loads nothing"
    assert "wrong in 10 of 30 validation questions" in browser.ask("document.querySelector('header').innerText")
    assert browser.ask(CONTRAST)[0] >= 4.5
    key(browser, "Enter")
    assert read(browser, "question") == "Question 1 of 4 · Step 1", "nothing is chosen, so nothing is checked"
    key(browser, "d", "b")
    assert browser.ask("document.querySelector(':checked').value") == "1", "another letter changes the choice"
    key(browser, "Enter")
    assert read(browser, "verdict").startswith(f"Right: B, Option 1 of {first}")
    assert "At a confidence of 60% to 70%" in read(browser, "about") or "Too few" in read(browser, "about")
    assert browser.ask("document.activeElement.id") == "next"
    assert read(browser, "label") == "the model's probability" and read(browser, "keys") == "Enter: next"
    assert browser.ask("[...document.querySelectorAll('.share')].map(e => e.innerText)") == [
        "10.0%",
        "70.0%",
        "10.0%",
        "10.0%",
    ]
    assert browser.ask("[...document.querySelectorAll('.mark')].map(e => e.innerText)") == [
        "right answer", "your answer", "the model's answer",
    ]  # fmt: skip
    assert browser.ask("document.getElementById('feedback').getAttribute('aria-live')") == "polite"
    assert browser.ask(CONTRAST)[0] >= 4.5, browser.ask(CONTRAST)
    browser.ask("document.activeElement.blur()")
    key(browser, "Enter")
    assert browser.ask("document.activeElement.id") == "question"
    assert read(browser, "label") == "" and read(browser, "keys").startswith("Keys: a letter chooses")
    key(browser, "?")
    assert read(browser, "verdict").startswith("The right answer is C")
    stored = browser.ask("JSON.stringify({...localStorage})")
    third = "document.getElementById('question').innerText === 'Question 3 of 4 · Step 2 and 3'"
    reload(browser, third, f"Object.assign(localStorage, {stored})")
    key(browser, "l", "Enter")
    assert read(browser, "verdict").startswith("Wrong. The right answer is A")
    assert browser.ask(CONTRAST)[0] >= 4.5, browser.ask(CONTRAST)
    key(browser, "Enter")
    assert "<script>window.attacked" in read(browser, "stem") and browser.ask("window.attacked") is None
    assert browser.ask("document.documentElement.scrollWidth") == width, "it must not scroll sideways"
    key(browser, "a", "Enter", "Enter")
    assert read(browser, "result-title") == "Result: 4 questions"
    assert read(browser, "scores").split("\n") == ["You", score_of(2, 4), "The model", score_of(2, 4)]
    assert read(browser, "passed") == "“I don't know” to 1 question, which counts as wrong."
    square = browser.ask("[...document.querySelectorAll('#square div')].map(e => e.innerText)")
    assert [" ".join(one.split()) for one in square] == [
        "both right 2",
        "only you 0",
        "only the model 0",
        "both wrong 2",
    ]
    cells = browser.ask("[...document.querySelectorAll('#table tr')].map(r => [...r.cells].map(c => c.innerText))")
    assert cells[0] == ["", "all", "Step 1", "Step 2 and 3", "no step"] and cells[1][1:] == ["4", "2", "1", "1"]
    assert cells[4] == ["both right", "2", "1", "0", "1"]
    assert browser.ask(CONTRAST)[0] >= 4.5 and browser.ask("document.documentElement.scrollWidth") == width
    browser.ask("document.getElementById('missed').click()")
    assert read(browser, "question") == "Question 1 of 2 · Step 1" and browser.complaints == []


@needs_browser
def test_scores_are_those_of_python(browser: Browser) -> None:
    """The script adds up what only the browser knows; its intervals are Wilson's to the digit that is shown."""
    script = page_html(exercise_set(*exercises()), exercises())
    function = script[script.index("function scoreText") : script.index("function tally")]
    pairs = [(right, of) for of in (*range(1, 26), 40, 99, 400, 1273) for right in {0, 1, of // 3, of // 2, of - 1, of}]
    asked = f"return {json.dumps(pairs)}.map(pair => scoreText(...pair))"
    assert browser.ask(
        f"(() => {{ var Z = 1.959963984540054, known = {{ ci: '95% CI' }}; {function}; {asked} }})()"
    ) == [score_of(right, of) for right, of in pairs]


@needs_browser
def test_what_another_page_left_in_the_browser_breaks_nothing(browser: Browser, tmp_path: Path) -> None:
    page = written(tmp_path / "quiz.html", *exercises(100))
    browser.open(page, 1280)
    others = browser.ask("Object.keys(localStorage)")
    key(browser, "a", "Enter")
    (name,) = set(browser.ask("Object.keys(localStorage)")) - set(others)
    for left in (
        '"x"',
        "{",
        "null",
        '{"order":[99],"answers":[]}',
        '{"order":[0],"answers":[7]}',
        '{"order":[],"answers":[]}',
    ):
        leave = f"localStorage.setItem({json.dumps(name)}, {json.dumps(left)})"
        stored = f"localStorage.getItem({json.dumps(name)}) === {json.dumps(left)}"
        drawn = "document.getElementById('question').innerText === 'Question 1 of 4 · Step 1'"
        reload(browser, f"{stored} && {drawn}", leave)
        assert browser.complaints == []


@needs_browser
def test_without_a_model_there_is_none_on_the_page(browser: Browser, tmp_path: Path) -> None:
    one = exercise(1, gold=1)
    browser.open(written(tmp_path / "quiz.html", one), 390)
    key(browser, "b", "Enter", "Enter")
    assert read(browser, "scores").split("\n") == ["You", score_of(1, 1)]
    assert "model" not in browser.ask("document.body.innerText")


def test_any_text_survives_the_code() -> None:
    """As page.js decodes it: the same stream a second time."""
    drawn = random.Random(1)
    for length, key_ in product((0, 1, 500), ("", "00ff", "é")):
        text = "".join(drawn.choice("aé€😀\n\"'<") for _ in range(length))
        there = base64.b64decode(encoded(text, key_))
        stream = base64.b64decode(encoded("\0" * len(there), key_))
        assert bytes(a ^ b for a, b in zip(there, stream, strict=True)).decode() == text
