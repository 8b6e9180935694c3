"""The page's section on passages, its plot, and how both look in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from medqa_sweeps.analysis.comparing.leaderboard import leaderboard, leaderboards
from medqa_sweeps.analysis.page.passages_section import passages_html
from medqa_sweeps.analysis.plots.passage_controls import passage_controls
from medqa_sweeps.analysis.plots.plot import COLOURS, GREY
from medqa_sweeps.analysis.reading.studies import read_study
from medqa_sweeps.analysis.report_folder import write_report
from medqa_sweeps.statistics import wilson_interval
from medqa_sweeps.trial.folder import TrialDir
from tests.analysis.page.browser import CHROMIUM, Browser
from tests.analysis.page.page_tags import Page
from tests.analysis.page.test_safety_section import CUT_OFF
from tests.analysis.passage_lines import with_passages, without_passages
from tests.analysis.trial_folders import right_at

ATTACK = "<img src=x onerror=attacked>"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """k=1 helps, k=4 harms and has a hostile note on its corpus, k=8 shows leaks; the controls of k=2 are lost."""
    folder = tmp_path_factory.mktemp("passages") / "study"
    few, base = right_at(0, 100), right_at(0, 90)
    dropped = {"dropped": 3, "leaks": ["2 questions stand in 3 passages of the corpus."], "left_out": {ATTACK: 4}}
    kept = {"leaks": ["1 passage states the letter of an answer."], "cut": 5}
    without_passages(folder / "0", right_at(0, 120), base=base)
    with_passages(folder / "1", right_at(0, 250), few, right_at(0, 120), 1, base=base)
    with_passages(folder / "2", right_at(0, 200), right_at(0, 260), right_at(0, 190), 4, dropped, base=base)
    with_passages(folder / "3", right_at(0, 180), few, right_at(0, 181), 8, kept, base=base)
    with_passages(folder / "4", right_at(0, 150), few, few, 2, base=base).controls_file.unlink()
    return folder


@pytest.fixture(scope="module")
def page(study: Path) -> Path:
    return write_report(leaderboards(read_study(study)), "passages")


def test_verdict_figures_and_corpora(study: Path, page: Path) -> None:
    shown = " ".join(Page(page).shown.split())
    assert "The best config with passages is k=1 (62.5%), better by 32.5 points" in shown
    assert "Its passages help: with them the model is 37.5 points" in shown and "corrected for 5 configs (Bonf" in shown
    rows = {row.split()[1]: row for row in text_rows(study)}
    assert rows["1"].startswith("1 1 k=1 62.5 25.0 30.0 +37.5") and " help 150 0 0 25.0 25.0" in rows["1"]
    assert " harm 0 60 0 " in rows["2"] and " not shown to help 80 0 0 " in rows["3"]
    assert rows["4"] == "4 4 k=2 not compared" and "0" not in rows
    assert "2,022 passages of 31 documents, for k=1 and k=2 (corpus fff36aecfafa). No passage holds a question" in shown
    assert "2 questions stand in 3 passages of the corpus. For that 3 passages were left out." in shown
    assert "states the letter of an answer. These passages were shown. 5 passages were cut" in shown
    assert f"Left out while the files were read: {ATTACK}: 4." in shown


def text_rows(study: Path) -> list[str]:
    """The rows of the section's table."""
    import re

    body = passages_html(leaderboard(read_study(study)), study).partition("<tbody>")[2].partition("</tbody>")[0]
    return [" ".join(re.sub("<[^>]*>", " ", row).split()) for row in body.split("</tr>") if row]


def test_a_study_without_passages_has_no_section(tmp_path: Path) -> None:
    without_passages(tmp_path / "0", right_at(0, 200))
    board = leaderboard(read_study(tmp_path))
    assert passages_html(board, tmp_path) == "" and passage_controls(board) is None


def test_damaged_controls_are_named_in_the_section(tmp_path: Path) -> None:
    trial = with_passages(tmp_path / "0", right_at(0, 250), right_at(0, 100), right_at(0, 100))
    trial.controls_file.write_text("{\n")
    text = passages_html(leaderboard(read_study(tmp_path)), tmp_path)
    assert "trial 0: " in text and "controls.jsonl is damaged in line 1" in text and "<table" not in text


def test_the_plot_has_a_mark_per_control_and_the_best_without(study: Path) -> None:
    plot = passage_controls(leaderboard(read_study(study)))
    assert plot is not None and plot.figure is not None
    own, without, foreign, reference = plot.figure.data
    assert [one.marker.color for one in (own, without, foreign)] == [*COLOURS[:3]] and reference.line.color == GREY
    assert list(plot.figure.layout.yaxis.ticktext) == ["k=1", "k=4", "k=8"]
    assert (own.x[0], without.x[0], foreign.x[0], set(reference.x)) == (62.5, 25.0, 30.0, {30.0})
    low, high = wilson_interval(100, 400)
    assert (without.error_x.arrayminus[0], without.error_x.array[0]) == pytest.approx((25 - 100 * low, 100 * high - 25))
    assert len({*own.y, *without.y, *foreign.y}) == 9, "no mark hides another"
    assert "Passages help k=1." in plot.caption and "Dotted: k=0, the best config that shows none" in plot.caption
    assert plot.tables[0].rows[1][:3] == ("k=1", "without them", "25.0")


def test_questions_without_a_passage_are_said(tmp_path: Path) -> None:
    import json

    trial: TrialDir = with_passages(tmp_path / "0", right_at(0, 250), right_at(0, 100), right_at(0, 100))
    result = json.loads(trial.result_file.read_text())
    result["passages"]["none_found"] = 7
    trial.result_file.write_text(json.dumps(result))
    plot = passage_controls(leaderboard(read_study(tmp_path)))
    assert plot is not None and "Up to 7 questions without a passage are left out." in plot.caption


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
    first = "document.querySelector('#controls tbody tr').innerText.replace(/\\s+/g, ' ')"
    assert "k=1" in browser.ask(first), "the script keeps the order, best first"
