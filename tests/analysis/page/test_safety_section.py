"""The page's section on safety, its plot, and how both look in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from medqa_sweeps.analysis.comparing.leaderboard import leaderboard, leaderboards
from medqa_sweeps.analysis.page.safety_section import safety_html
from medqa_sweeps.analysis.plots.plot import COLOURS, GREY
from medqa_sweeps.analysis.plots.safety_suites import safety_suites
from medqa_sweeps.analysis.reading.studies import read_study
from medqa_sweeps.analysis.report_folder import write_report
from medqa_sweeps.safety import file
from medqa_sweeps.safety.measures import MEASURES
from medqa_sweeps.safety.records import SafetyLine
from medqa_sweeps.trial.folder import TrialDir
from tests.analysis.page.browser import CHROMIUM, Browser
from tests.analysis.page.page_tags import Page
from tests.analysis.safety_lines import assess
from tests.analysis.trial_folders import SAMPLES_SEEN, complete, right_at

ATTACK = "<img src=x onerror=attacked>"
CUT_OFF = (
    "[...document.querySelectorAll('.scroll')].filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)"
    ".map(e => e.getAttribute('aria-label'))"
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three configs, two of them assessed by every suite that a table or plot has; one is worse than its base."""
    folder = tmp_path_factory.mktemp("safety") / "study"
    base = {"placebo": range(10), "order": range(60), "ethnicity": range(20), "sex": range(9), "drug_names": range(9)}
    for number, changed in enumerate((61, 120)):
        trial = complete(folder / str(number), right_at(0, 200 + number), right_at(0, 100), lora__r=8 + number)
        edits = {"order": range(changed), "hint_wrong": range(40), "hint_right": range(30)}
        assess(trial, {**base, **edits}, base)
        leave_out(trial)
    complete(folder / "2", right_at(0, 150), right_at(0, 100), lora__r=64)
    return folder


def leave_out(trial: TrialDir) -> None:
    """The suite ethnicity applies to no question but one, for a reason that attacks its reader."""
    lines = file.read(trial)
    kept = [line for line in lines if line.suite == "ethnicity" and line.id == "q00000"]
    skipped = [
        SafetyLine(line.samples_seen, line.suite, line.variant, line.id, skipped=ATTACK)
        for line in lines
        if line.suite == "ethnicity" and line.id != "q00000"
    ]
    file.replace_suites(trial, [*kept, *skipped])


@pytest.fixture(scope="module")
def page(study: Path) -> Path:
    return write_report(leaderboards(read_study(study)), "safety")


def test_figures_statements_and_what_is_missing(page: Path) -> None:
    shown = " ".join(Page(page).shown.split())
    assert "A model that passes every suite is not safe." in shown
    assert "30.0 worse" in shown and "15.3 worse" not in shown
    assert "Each suite in words: r=9" in shown and "Right on 201 of 400 questions before, 81 after" in shown
    assert f"399 questions left out: {ATTACK}" in shown
    assert "Not assessed: r=64. To do so, without training:" in shown
    assert "kept under edits, %" in shown and "r=9 is worse than its untuned base in 1 of 5 suites" in shown


def test_a_suite_whose_level_says_little_has_the_difference_from_the_base(tmp_path: Path) -> None:
    trial = complete(tmp_path / "0", right_at(0, 200), right_at(0, 100))
    lines = []
    for seen, chosen in ((0, 10), (SAMPLES_SEEN, 50)):  # how often the new option is chosen where it is correct
        for number in range(400):
            gold = "ABCD"[number % 4]
            other = "ABCD"[(number + 1) % 4]
            order = [None if letter == gold else at for at, letter in enumerate("ABCD")]
            answer = gold if number < chosen else other
            lines.append(SafetyLine(seen, "none_of_these", "none_is_right", f"q{number:05d}", order, gold, answer))
            wrong = [None if letter == other else at for at, letter in enumerate("ABCD")]
            lines.append(SafetyLine(seen, "none_of_these", "none_is_wrong", f"q{number:05d}", wrong, gold, gold))
    file.replace_suites(trial, lines)
    board = leaderboard(read_study(tmp_path))
    text = safety_html(board, tmp_path)
    assert "none of these minus base, points\u00a0↑" in text and "+10.0" in text and "+12.5" not in text
    plot = safety_suites(board)
    assert plot is not None and [row[:3] for row in plot.tables[0].rows] == [
        ("none of these − base ↑", plot.tables[0].rows[0][1], "10.0")
    ]


def test_a_study_that_was_not_assessed_says_how(tmp_path: Path) -> None:
    complete(tmp_path / "0", right_at(0, 200))
    shown = Page(write_report(leaderboards(read_study(tmp_path)), "a study")).shown
    assert "Not assessed: what edits of the questions do to the answers." in shown and "medqa-sweeps assess" in shown
    assert "Safety by suite" not in shown and "kept under edits" not in shown


def test_the_plot_has_each_config_the_base_and_placebo(study: Path) -> None:
    plot = safety_suites(leaderboard(read_study(study)))
    assert plot is not None and plot.figure is not None
    first, second, base, placebo = plot.figure.data
    assert [first.name, second.name, base.name, placebo.name] == ["r=9", "r=8", "untuned base", "placebo of r=9"]
    assert [first.marker.color, second.marker.color, base.marker.color] == [*COLOURS[:2], GREY]
    names = list(plot.figure.layout.yaxis.ticktext)
    assert names == [*("placebo ↓", "order ↓", "drug names ↓", "sex ↓", "ethnicity ↓", "wrong hint ↓", "hints ↑")]
    assert first.x[names.index("order ↓")] == pytest.approx(30) and set(placebo.x) == {2.5}
    assert (min(placebo.y), max(placebo.y)) == (0.5, 4.5), "it spans the suites that placebo stands beside"
    assert all(abs(one - two) > 0.1 for one, two in zip(first.y, second.y, strict=True)), "no mark hides another"
    assert "Significantly worse than the untuned base: r=9 (order)." in plot.caption
    assert safety_suites(leaderboard(read_study(study / "2"))) is None


def test_every_measure_has_a_heading_of_its_own() -> None:
    from medqa_sweeps.analysis.comparing.safety_figures import heading
    from medqa_sweeps.analysis.plots.safety_suites import axis_name

    for name in (heading, axis_name):
        assert len({name(measure) for measure in MEASURES.values()}) == len(MEASURES)
        assert all(name(one).endswith("↓" if one.direction == "minimize" else "↑") for one in MEASURES.values())


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH: apt-get install chromium")
@pytest.mark.parametrize(("width", "dark"), [(1280, True), (390, False)])
def test_it_fits_every_screen(browser: Browser, page: Path, width: int, dark: bool) -> None:
    browser.open(page, width, dark)
    assert browser.complaints == [] and browser.ask("window.attacked") is None
    assert browser.ask("document.documentElement.scrollWidth") == width
    assert browser.ask(CUT_OFF) == []
    names = (
        "[...document.querySelectorAll('#safety-suites-plot .yaxislayer-above .ytick text')].map(e => e.textContent)"
    )
    assert browser.ask(names)[:2] == ["placebo ↓", "order ↓"]
    marked = "[...document.querySelectorAll('#suites tbody td')].filter(e => e.textContent.includes('worse')).length"
    assert browser.ask(marked) == 1
