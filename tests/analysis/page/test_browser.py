"""The page in a real browser: nothing runs that should not, nothing complains, and it reads well on every screen."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medqa_sweeps.analysis.comparing.leaderboard import leaderboards
from medqa_sweeps.analysis.reading.studies import read_study
from medqa_sweeps.analysis.report_folder import write_report
from medqa_sweeps.trial.records import Outcome, Result
from tests.analysis.comparing.test_confirmation import confirming
from tests.analysis.hostile import write_hostile_study
from tests.analysis.page.browser import CHROMIUM, Browser
from tests.analysis.trial_folders import complete, right_at, submit

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH: apt-get install chromium")
SCREENS = [(1280, False), (1280, True), (375, False), (375, True), (2560, False)]
CUT_OFF = (
    "[...document.querySelectorAll('.scroll')].filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)"
    ".map(e => e.getAttribute('aria-label'))"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = write_hostile_study(tmp_path_factory.mktemp("browser") / "study")
    return write_report(leaderboards(read_study(study)), "multirun/quickstart")


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"), dtype=float)


def asked_of(browser: Browser) -> list[str]:
    """Addresses that were asked for; a heat map and its scale of colours are images in the page itself."""
    return [address for address in browser.requests if not address.startswith("data:")]


@pytest.mark.parametrize(("width", "dark"), SCREENS)
def test_the_page_draws_itself_and_runs_nothing_else(browser: Browser, page: Path, width: int, dark: bool) -> None:
    browser.open(page, width, dark)
    assert browser.complaints == []
    assert asked_of(browser) == [page.resolve().as_uri()]
    assert browser.ask("window.attacked") is None
    assert browser.ask("document.querySelectorAll('.plot .main-svg').length") >= 14
    assert browser.ask("document.documentElement.scrollWidth") == width, "it must not scroll sideways"
    assert browser.ask(CUT_OFF) == [], "no table is wider than its frame"
    verdict = browser.ask("(r => [r.top, r.bottom])(document.querySelector('.verdict').getBoundingClientRect())")
    assert 0 < verdict[0] < 700, "the verdict is on the first screen"
    assert "highest validation accuracy" in browser.ask("document.querySelector('.verdict').innerText")


def test_light_and_dark_differ_and_both_have_contrast(browser: Browser, page: Path) -> None:
    """Of text and its ground: 7 to 1 or more, WCAG 2.2's stricter level."""
    grounds = []
    for dark in (False, True):
        browser.open(page, 1280, dark)
        shown = pixels(browser.screenshot())
        grounds.append(float(np.median(shown)))
        for what in ("body", ".plot .xtick text"):
            ink, ground = browser.ask(
                f"(e => [e.tagName === 'text' ? getComputedStyle(e).fill : getComputedStyle(e).color, "
                f"getComputedStyle(document.body).backgroundColor])(document.querySelector('{what}'))"
            )
            assert contrast(ink, ground) >= 7, (what, dark, ink, ground)
    assert grounds[0] > 220 and grounds[1] < 60


def contrast(first: str, second: str) -> float:
    """WCAG's ratio of two `rgb(…)` colours."""

    def luminance(colour: str) -> float:
        parts = np.array([float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]) / 255
        linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_turning_dark_redraws_the_figures(browser: Browser, page: Path) -> None:
    browser.open(page, 1280, dark=False)
    ask = "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    before = browser.ask(ask)
    browser.turn(dark=True)
    looks = 0
    while browser.ask(ask) == before and looks < 100:
        browser.ask("new Promise(done => setTimeout(done, 100))")
        looks += 1
    assert browser.ask(ask) != before


def test_by_keyboard(browser: Browser, page: Path) -> None:
    """The first stop is the skip link, which shows itself and leads to the verdict."""
    browser.open(page, 1280)
    browser.press("Tab", 9)
    assert browser.ask("document.activeElement.className") == "skip"
    assert browser.ask("document.activeElement.getBoundingClientRect().left") >= 0
    browser.press("Enter", 13)
    assert browser.ask("location.hash") == "#verdict"
    browser.ask("document.querySelector('details summary').focus()")
    browser.press("Enter", 13)
    assert browser.ask("document.querySelector('details').open") is True


def test_questions_are_shown_as_text(browser: Browser, page: Path) -> None:
    browser.open(page, 375)
    browser.ask("document.querySelectorAll('details').forEach(one => { one.open = true })")
    text = browser.ask("document.querySelector('main').innerText")
    assert "<script>window.attacked = true</script>" in text
    assert browser.ask("window.attacked") is None
    assert browser.ask("document.documentElement.scrollWidth") == 375


def test_the_first_screen_looks_as_it_did(browser: Browser, page: Path) -> None:
    """Against a stored picture, as 64 x 45 greys: what moves, overlaps or vanishes shows, fonts and versions do not.

    To renew it after looking at the new one: delete the file, run this test, and look at it.
    """
    browser.open(page, 1280)
    image = Image.open(io.BytesIO(browser.screenshot())).convert("L").resize((64, 45), Image.Resampling.BOX)
    stored = Path(__file__).parent / "first_screen.png"
    if not stored.exists():
        image.save(stored)
        pytest.fail(f"{stored} was missing and has been made: look at it, then commit it")
    difference = np.abs(np.asarray(image, dtype=float) - np.asarray(Image.open(stored), dtype=float))
    assert difference.mean() < 6, "the first screen has changed; see the docstring"


def test_a_confirmation_is_drawn_below_the_verdict(browser: Browser, tmp_path: Path) -> None:
    confirming(tmp_path, {"r=8": [240, 250, 245], "r=16": [200, 190, 195]}, [0.68, 0.66])
    for number, right in enumerate([272, 264]):
        complete(tmp_path / "study" / str(number), right_at(0, right), lora__r=8 << number)
    page = write_report(leaderboards(read_study(tmp_path / "study")), "multirun/study")
    for width, dark in SCREENS:
        browser.open(page, width, dark)
        assert browser.complaints == []
        assert browser.ask("document.querySelectorAll('#confirmed-plot .main-svg').length") >= 1
        assert browser.ask("document.documentElement.scrollWidth") == width
        words = browser.ask("document.querySelector('section[aria-labelledby=fresh-seeds]').innerText")
        assert "The order is confirmed: r=8 leads again" in words and "61.3%" in words


def test_any_two_configs_by_keyboard(browser: Browser, page: Path) -> None:
    browser.open(page, 375)
    said = "document.querySelector('#any-two [aria-live]').innerText"
    heads = "[...document.querySelectorAll('#any-two thead th')].map(one => one.innerText)"
    first, before = browser.ask(heads), browser.ask(said)
    assert browser.ask("document.querySelector('#any-two').checkVisibility()") is True
    browser.ask("document.querySelector('#any-two-second').focus()")
    browser.press("ArrowDown", 40)
    assert browser.ask("document.querySelector('#any-two-second').selectedIndex") == 2
    assert browser.ask(heads)[:3] == first[:3] and browser.ask(heads)[3] != first[3]
    assert browser.ask(heads)[3] in browser.ask(said) != before
    assert browser.ask("document.querySelectorAll('#any-two tbody tr').length") > 1
    for _ in range(2):
        browser.press("ArrowUp", 38)
    assert browser.ask(said) == "Choose two configs that are not the same."
    assert browser.ask("document.querySelector('#any-two .scroll').checkVisibility()") is False
    assert browser.complaints == [] and asked_of(browser) == [page.resolve().as_uri()]


def test_the_order_of_choosing_changes_nothing(browser: Browser, page: Path) -> None:
    """The sentence names who is ahead; columns follow it."""
    browser.open(page, 1280)
    pick = (
        "([one, other]) => { const [a, b] = document.querySelectorAll('#any-two select'); a.value = one; b.value = "
        "other; b.dispatchEvent(new Event('change')); return document.querySelector('#any-two tbody').innerText; }"
    )
    assert browser.ask(f"({pick})([3, 5])") == browser.ask(f"({pick})([5, 3])") != browser.ask(f"({pick})([3, 6])")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of 120 configs, r=1 to 120; the base is scored, and one trial was pruned."""
    folder = tmp_path_factory.mktemp("many") / "study"
    for number in range(120):
        complete(folder / str(number), right_at(0, 100 + (7 * number) % 120), right_at(0, 90), lora__r=number + 1)
    submit(folder / "120", lora__r=121).finish(Result(Outcome.PRUNED, "x", message="it was significantly worse."))
    return write_report(leaderboards(read_study(folder)), "multirun/many")


ROWS = (
    "[...document.querySelectorAll('#configs tbody tr')].map(r => [...r.cells].map(c => c.innerText.split('\\n')[0]))"
)


def config_column(browser: Browser) -> list[str]:
    heads = browser.ask("[...document.querySelectorAll('#configs thead th')].map(h => h.innerText.trim())")
    at = next(index for index, head in enumerate(heads) if head.startswith("config"))
    return [row[at] for row in browser.ask(ROWS)]


def test_the_leaderboard_is_paged_sorted_and_filtered(browser: Browser, many: Path) -> None:
    browser.open(many, 1280)
    click = "[...document.querySelectorAll('#configs {}')].find(b => b.innerText.startsWith('{}')).click()"
    assert len(config_column(browser)) == 50
    browser.ask(click.format("thead button", "config"))
    assert config_column(browser)[:3] == ["r=1", "r=2", "r=3"]
    browser.ask(click.format("thead button", "config"))
    assert config_column(browser)[0] == "r=120"
    assert browser.ask("document.querySelector('#configs [aria-sort]').getAttribute('aria-sort')") == "descending"
    browser.ask(click.format(".pager button", "Next"))
    assert config_column(browser)[0] == "r=70"
    assert browser.ask("document.querySelector('#configs .pager span').innerText") == "page 2 of 3"
    browser.ask(click.format("thead button", "accuracy"))
    accuracies = [float(row[3]) for row in browser.ask(ROWS)]
    assert accuracies == sorted(accuracies, reverse=True), "numbers, and the highest first"
    browser.ask(click.format("thead button", "difference"))
    points = [row[4] for row in browser.ask(ROWS)]
    compared = [float(cell) for cell in points if cell]
    assert compared == sorted(compared, reverse=True) and compared[0] == 0 > compared[-1], "not by their text"
    assert points[len(compared) :] == [""] * (50 - len(compared)), "rows without a number are last"
    field = "const i = document.querySelector('#configs input')"
    write = f"(t => {{ {field}; i.value = t; i.dispatchEvent(new Event('input')); }})"
    for text, found in (
        ("r=12", 1),
        ("r=", 50),
        ("R=11 nothing", 0),
        ("R=11", 1),
        ("not resolved", None),
        ("nothing", 0),
    ):
        browser.ask(f"{write}({text!r})")
        if found is not None:
            assert len(config_column(browser)) == found, text
    assert browser.ask("document.querySelector('#configs [role=status]').innerText") == "0 of 120 configs"
    assert browser.ask("document.querySelectorAll('#configs tfoot tr').length") == 1
    assert browser.complaints == []


def test_cards_of_a_narrow_screen_name_each_value(browser: Browser, many: Path) -> None:
    browser.open(many, 390)
    assert browser.ask("document.documentElement.scrollWidth") == 390 and browser.ask(CUT_OFF) == []
    assert len(config_column(browser)) == 10
    shown = browser.ask("[...document.querySelectorAll('#configs tbody tr')][0].getBoundingClientRect().right")
    assert shown <= 390
    label = "getComputedStyle(document.querySelector('#configs tbody td[data-label=config]'), '::before').content"
    assert browser.ask(label) == '"config"'


def test_trials_link_to_their_folders(browser: Browser, many: Path) -> None:
    browser.open(many, 1280)
    links = browser.ask("[...document.querySelectorAll('#configs tbody a')].map(a => [a.innerText, a.href])")
    assert len(links) == 50
    assert all(href == f"{(many.parent.parent / name).resolve().as_uri()}/" for name, href in links)


def test_paper_is_light_and_the_screen_is_as_before_afterwards(browser: Browser, page: Path) -> None:
    browser.open(page, 1280, dark=True)
    ink = "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    width = "document.querySelector('.plot .main-svg').getBoundingClientRect().width"
    before = browser.ask(f"[{ink}, {width}]")
    browser.ask("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.ask(ink) == "rgb(0, 0, 0)" and browser.ask(width) <= 700
    browser.ask("window.dispatchEvent(new Event('afterprint'))")
    looks = 0
    while browser.ask(f"[{ink}, {width}]") != before and looks < 100:
        browser.ask("new Promise(done => setTimeout(done, 100))")
        looks += 1
    assert browser.ask(f"[{ink}, {width}]") == before
