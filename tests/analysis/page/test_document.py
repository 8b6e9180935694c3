"""The page: what is in it, for studies of all kinds."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from medqa_sweeps.analysis.comparing.leaderboard import leaderboards
from medqa_sweeps.analysis.reading.studies import read_study
from medqa_sweeps.analysis.report_folder import write_report
from medqa_sweeps.study import ledger
from medqa_sweeps.trial.records import Outcome, Result
from tests.analysis.comparing.test_confirmation import confirming
from tests.analysis.hostile import ATTACK, write_hostile_study
from tests.analysis.page.page_tags import Page
from tests.analysis.trial_folders import attempt, complete, right_at, submit
from tests.study.test_ledger import SCORED, ask


def test_what_comes_from_data_is_text_and_never_a_tag(hostile: Path) -> None:
    page = Page(hostile / "report" / "index.html")
    assert "img" not in [tag for tag, _ in page.tags]
    assert [set(attributes) for tag, attributes in page.tags if tag == "script"] == [
        *([{"type", "data-table"}] * 2),
        *([{"type", "data-plot"}] * len(page.figures)),
        {"type", "data-pairs"},
        set(),
        set(),
    ]
    assert f"{ATTACK} Question" in page.shown and f"data: {ATTACK}" in page.shown


def test_texts_in_figures_are_escaped(hostile: Path) -> None:
    """Plotly reads some HTML tags in its labels."""
    figures = Page(hostile / "report" / "index.html").figures
    assert len(figures) == 14
    texts = json.dumps(figures)
    assert "&lt;script" in texts and not re.search("<script|</script|<img", texts)


def test_for_screen_readers(hostile: Path) -> None:
    page = Page(hostile / "report" / "index.html")
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.tags:
        for name in ("aria-labelledby", "aria-describedby"):
            assert attributes.get(name) is None or attributes[name] in ids
        if tag == "a" and str(attributes["href"]).startswith("#"):
            assert str(attributes["href"])[1:] in ids
        elif tag == "a":
            assert (hostile / "report" / str(attributes["href"])).exists()
        if tag == "th":
            assert attributes["scope"] in ("row", "col")
    names = [tag for tag, _ in page.tags]
    assert names.count("table") == names.count("caption") > 10
    plots = [attributes for _, attributes in page.tags if attributes.get("class") == "plot"]
    assert all(plot["role"] == "img" and len(str(plot["aria-label"])) > 40 for plot in plots)
    assert [tag for tag in names if tag in ("h1", "h2")][:3] == ["h1", "h2", "h2"]


def test_the_page_asks_nothing_of_a_network(hostile: Path) -> None:
    page = Page(hostile / "report" / "index.html")
    assert not [attributes for _, attributes in page.tags if "src" in attributes]
    policy = next(attributes["content"] for _, attributes in page.tags if "http-equiv" in attributes)
    assert str(policy).startswith("default-src 'none'")


@pytest.mark.parametrize("kind", ["waiting", "running", "failed", "one", "answers lost", "damaged"])
def test_studies_that_are_not_complete_are_reported(tmp_path: Path, kind: str) -> None:
    submit(tmp_path / "0")
    if kind == "running":
        submit(tmp_path / "1", lora__r=4).append(attempt(os.getpid()))
        complete(tmp_path / "2", right_at(0, 200))
    elif kind == "failed":
        submit(tmp_path / "1").finish(Result(Outcome.FAILED, "x", message="No."))
    elif kind == "one":
        complete(tmp_path / "1", right_at(0, 200), right_at(0, 100))
    elif kind == "answers lost":
        for number in range(3):
            complete(tmp_path / str(1 + number), right_at(0, 200), lora__r=1 + number).predictions_file.unlink()
    elif kind == "damaged":
        for number in range(3):
            lost = complete(tmp_path / str(1 + number), right_at(0, 200), lora__r=1 + number)
            lost.metrics_file.write_text("not JSON\n")
            lost.predictions_file.write_text("not JSON\n")
    page = Page(write_report(leaderboards(read_study(tmp_path)), "a study"))
    assert "waiting" in page.shown and "never for clinical decisions" in page.shown


def test_ranks_and_seeds_lead_with_the_pooled_configs(tmp_path: Path, printed: Callable[..., str]) -> None:
    """Ranks x seeds: a row, a point and a sentence a rank, on the page and on the terminal."""
    for number, (rank_, seed) in enumerate((rank_, seed) for rank_ in (8, 16) for seed in range(3)):
        complete(tmp_path / str(number), right_at(0, (200 if rank_ == 8 else 225) + seed), lora__r=rank_, seed=seed)
    words = "r=16 has the highest validation accuracy: 56.5% of 400 questions, mean of 3 seeds"
    text = " ".join(printed(tmp_path).split())
    assert words in text and "r=8 is worse by 6.3 points" in text and "3 4 5 r=16 56.5" in text
    page = Page(write_report(leaderboards(read_study(tmp_path)), "a study"))
    assert words in page.shown and "3 4 5r=16" in page.shown and "seed=" not in page.shown
    leading = page.figures["settings-plot"]["data"][1]
    assert leading["x"] == ["r=16", "r=8"] or leading["x"] == ["16", "8"]


def test_questions_whose_file_is_gone_are_ids(tmp_path: Path) -> None:
    study = write_hostile_study(tmp_path / "study")
    (tmp_path / "questions.jsonl").unlink()
    page = Page(write_report(leaderboards(read_study(study)), "a study"))
    assert "(question text not available)" in page.shown and " Question 1" not in page.shown


def test_readings_of_the_test_questions_and_their_damage_are_shown(tmp_path: Path) -> None:
    study = tmp_path / "study"  # of its own folder: the ledgers beside it are read too
    complete(study / "0", right_at(0, 250))
    ask(study, "r1")
    ledger.write_scores(study, SCORED)
    assert "On the locked test questions" in Page(write_report(leaderboards(read_study(study)), "a study")).shown
    (study / ledger.FILE).write_text('{"kind": "asked"}\n')
    assert f"{ledger.FILE} is damaged" in Page(write_report(leaderboards(read_study(study)), "a study")).shown


def test_a_confirmed_study_shows_its_estimate_and_whether_the_order_held(tmp_path: Path) -> None:
    """Synthetic trials: r=8 was chosen with 68 %, and has 61.3 % under new seeds; r=16 is behind it again."""
    for number, (rank_, right) in enumerate([(8, 272), (16, 264)]):
        complete(tmp_path / "study" / str(number), right_at(0, right), lora__r=rank_)
    again = confirming(tmp_path, {"r=8": [240, 250, 245], "r=16": [200, 190, 195]}, [0.68, 0.66])
    page = Page(write_report(leaderboards(read_study(tmp_path / "study")), "a study"))
    assert "Confirmed under new seeds" in page.shown
    assert "with new seeds it averages 61.3% (95% CI" in page.shown and "6.8 points less" in page.shown
    assert "The order is confirmed: r=8 leads again" in page.shown
    assert "#fresh-seeds" in [attributes.get("href") for tag, attributes in page.tags if tag == "a"]
    chosen, fresh = page.figures["confirmed-plot"]["data"]
    assert (chosen["x"], fresh["x"]) == (pytest.approx([68, 66]), pytest.approx([61.25, 48.75]))
    shutil.rmtree(again)
    again = confirming(tmp_path, {"r=8": [200, 190, 195], "r=16": [240, 250, 245]}, [0.68, 0.66])
    page = Page(write_report(leaderboards(read_study(tmp_path / "study")), "a study"))
    assert "The order changed: r=16 leads now, then r=8." in page.shown
    assert "r=8 is worse than r=16 by 12.5 points" in page.shown
    (again / "3" / "result.json").unlink()
    page = Page(write_report(leaderboards(read_study(tmp_path / "study")), "a study"))
    assert "This is not final: r=16" in page.shown
