"""The page and the tables beside it: what is in them, for studies of all kinds."""

import csv
import dataclasses
import json
import os
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from analysis.__main__ import main
from analysis.chooser import chooser
from analysis.history import Span, history, spans
from analysis.leaderboard import boards, rank
from analysis.pairs import leading_pairs
from analysis.pictures import PICTURES
from analysis.pictures.coordinates import coordinates
from analysis.pictures.cost import minutes_of, pareto
from analysis.pictures.disagreement import pairs_of
from analysis.pictures.picture import COLOURS
from analysis.pictures.timeline import lanes_of
from analysis.report import write_report
from analysis.study import read_studies, read_study
from medqa_sweeps.study import ledger
from medqa_sweeps.trial.records import AttemptLine, Outcome, Result, line_from_json, line_to_json
from tests.analysis.hostile import ATTACK, QUESTIONS, write_hostile_study
from tests.analysis.test_confirmation import confirming
from tests.analysis.trial_folders import attempt, complete, right_at, submit
from tests.study.test_ledger import SCORED, ask


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with its report."""
    study = write_hostile_study(tmp_path_factory.mktemp("hostile") / "study")
    write_report(boards(read_study(study)), ATTACK)
    return study


class Page(HTMLParser):
    """The tags of a page and the text that is shown; JSON by the plot that it is for."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.shown, self.figures, self._inside = "", {}, ("", "")
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = (tag, dict(attrs).get("data-plot") or "")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ("", "")

    def handle_data(self, data: str) -> None:
        if self._inside[0] not in ("script", "style"):
            self.shown += data
        elif self._inside[1]:
            self.figures[self._inside[1]] = json.loads(data)


def test_what_comes_from_data_is_text_and_never_a_tag(hostile: Path) -> None:
    page = Page(hostile / "report" / "index.html")
    assert "img" not in [tag for tag, _ in page.tags]
    assert [set(attributes) for tag, attributes in page.tags if tag == "script"] == [
        *([{"type", "data-plot"}] * len(page.figures)),
        {"type", "data-pairs"},
        set(),
        set(),
    ]
    assert f"{ATTACK} Question" in page.shown and f"data: {ATTACK}" in page.shown


def test_texts_in_figures_are_escaped(hostile: Path) -> None:
    """Plotly reads some HTML tags in its labels."""
    figures = Page(hostile / "report" / "index.html").figures
    assert len(figures) == 11
    texts = json.dumps(figures)
    assert "&lt;script" in texts and not re.search("<script|</script|<img", texts)


def test_every_picture_has_its_words_and_a_table(hostile: Path) -> None:
    made = [make(rank(read_study(hostile))) for make in PICTURES]
    pictures = [picture for picture in made if picture is not None]  # the Pareto front is of several metrics alone
    names = [picture.name for picture in pictures]
    assert names == [
        *("differences", "settings", "learning", "loss", "coordinates", "importances", "cost", "timeline"),
        *("calibration", "groups", "disagreement"),
    ]
    for picture in pictures:
        assert len(picture.says) > 40
        assert picture.tables or picture.name == "coordinates"


def test_the_most_accurate_fifth_is_coloured_and_drawn_last_and_few_values_are_the_ticks(tmp_path: Path) -> None:
    ranks = [rank for rank in (4, 8, 16, 32, 64) for _ in range(2)]
    for number, lora_rank in enumerate(ranks):
        right = right_at(0, 100 + 20 * ((7 * number) % 10))
        complete(tmp_path / str(number), right, lora__r=lora_rank, lora__dropout=0.1 * (number % 2))
    picture = coordinates(rank(read_study(tmp_path)))
    assert picture is not None and picture.figure is not None
    lines = picture.figure.data
    assert [line.y[0] for line in lines] == sorted(line.y[0] for line in lines)
    assert [line.line.color == COLOURS[3] for line in lines] == 8 * [False] + 2 * [True]
    axis = list(picture.figure.layout.xaxis.ticktext).index("r")
    ticks = {note.text: note.y for note in picture.figure.layout.annotations if note.x == axis}
    assert sorted(ticks, key=ticks.__getitem__) == ["4", "8", "16", "32", "64"]


def test_for_screen_readers(hostile: Path) -> None:
    page = Page(hostile / "report" / "index.html")
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.tags:
        for name in ("aria-labelledby", "aria-describedby"):
            assert attributes.get(name) is None or attributes[name] in ids
        if tag == "a":
            assert str(attributes["href"]).removeprefix("#") in ids
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


def test_csv_and_json_say_the_same(hostile: Path) -> None:
    with open(hostile / "report" / "leaderboard.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    whole = json.loads((hostile / "report" / "leaderboard.json").read_text())
    assert len(lines) == len(whole["configs"]) == 13
    first, second = whole["configs"][:2]
    assert (lines[0]["place"], lines[0]["outcome"], lines[-1]["outcome"]) == ("1", "completed", "failed")
    assert float(lines[1]["difference"]) == pytest.approx(second["difference"])
    assert first["accuracy"] >= second["accuracy"] and whole["best_of"] == 12
    assert second["significantly_worse"] in (True, False) and second["difference_low"] <= second["difference"]
    assert first["tokens"] == pytest.approx(1000 * (19 + 20 + 20), abs=2) and first["gpu_hours"] == 0


def test_a_cell_is_no_formula(tmp_path: Path) -> None:
    submit(tmp_path / "0").finish(Result(Outcome.FAILED, "x", message="=1+1"))
    complete(tmp_path / "1", right_at(0, 200), lora__r=64)
    write_report(boards(read_study(tmp_path)), "x")
    assert ",=" not in (tmp_path / "report" / "leaderboard.csv").read_text()


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
    page = Page(write_report(boards(read_study(tmp_path)), "a study"))
    assert "waiting" in page.shown and "never for clinical decisions" in page.shown


def test_a_report_is_no_trial(tmp_path: Path) -> None:
    complete(tmp_path / "0", right_at(0, 200))
    write_report(boards(read_study(tmp_path)), "a study")
    again = read_study(tmp_path)
    assert (len(again.trials), again.unreadable) == (1, ())


def test_the_command_writes_the_page_of_several_studies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    complete(tmp_path / "first" / "0", right_at(0, 250), lora__r=8)
    complete(tmp_path / "second" / "0", right_at(0, 200), lora__r=64)
    assert main([str(tmp_path / "first"), str(tmp_path / "second"), "--output", str(tmp_path / "out")]) == 0
    assert f"Page: {tmp_path / 'out' / 'index.html'}" in capsys.readouterr().out.replace("\n", " ")
    assert "second/0" in Page(tmp_path / "out" / "index.html").shown
    assert main([str(tmp_path / "first"), "--no-page"]) == 0
    assert not (tmp_path / "first" / "report").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    complete(tmp_path / "study" / "0", right_at(0, 250))
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path / "study"), "--output", str(tmp_path / "file" / "x")]) == 2
    assert "Give another folder: --output FOLDER" in capsys.readouterr().err


# Parts of pictures


def test_settings_each_have_a_place_of_their_own(hostile: Path) -> None:
    layout = Page(hostile / "report" / "index.html").figures["settings-plot"]["layout"]
    domains = sorted(layout[name]["domain"] for name in layout if name.startswith("yaxis"))
    assert len(domains) == 3
    assert all(below[1] < above[0] for below, above in pairwise(domains))


def test_pareto_front_is_what_nothing_beats(hostile: Path) -> None:
    configs = list(rank(read_study(hostile)).configs)
    front = pareto(configs)
    for config in configs:
        beaten = any(minutes_of(o) <= minutes_of(config) and o.accuracy > config.accuracy for o in configs)
        assert (config in front) <= (not beaten)
    assert max(configs, key=lambda config: config.accuracy).accuracy == front[-1].accuracy


def test_lanes_hold_what_does_not_overlap(hostile: Path) -> None:
    trial = read_study(hostile).trials[0]
    times = [(0.0, 10.0), (5.0, 20.0), (10.0, 15.0), (16.0, 30.0)]
    lanes = lanes_of([Span(trial, began, ended, "host cpu") for began, ended in times])
    assert {name: [span.began for span in lane] for name, lane in lanes.items()} == {
        "host cpu #0": [0.0, 10.0, 16.0],
        "host cpu #1": [5.0],
    }


def test_a_gpu_has_a_lane_of_its_own_and_older_records_have_that_of_their_kind(tmp_path: Path) -> None:
    """Records of GPUs that do not exist here."""
    for number, gpu in enumerate(["GPU-5a3f1c2b-0000", "GPU-77777777-0000", None, "GPU-5a3f1c2b-0000"]):
        line = AttemptLine(1, 0, 100.0 + number, 1, "host", "cuda", 8, gpu=gpu)
        submit(tmp_path / str(number)).append(line)
        old = line_to_json(line)
        del old["gpu"]
        assert line_from_json(old) == dataclasses.replace(line, gpu=None)
    places = [span.place for trial in read_study(tmp_path).trials for span in spans(trial)]
    assert places == ["host GPU-5a3f1c2b", "host GPU-77777777", "host cuda", "host GPU-5a3f1c2b"]


def test_ranks_and_seeds_lead_with_the_pooled_configs(tmp_path: Path, printed: Callable[..., str]) -> None:
    """Ranks x seeds: a row, a point and a sentence a rank, on the page and on the terminal."""
    for number, (rank_, seed) in enumerate((rank_, seed) for rank_ in (8, 16) for seed in range(3)):
        complete(tmp_path / str(number), right_at(0, (200 if rank_ == 8 else 225) + seed), lora__r=rank_, seed=seed)
    words = "r=16 has the highest validation accuracy: 56.5% of 400 questions, mean of 3 seeds"
    text = " ".join(printed(tmp_path).split())
    assert words in text and "r=8 is worse by 6.2 points" in text and "3 4 5 r=16 56.5" in text
    page = Page(write_report(boards(read_study(tmp_path)), "a study"))
    assert words in page.shown and "3 4 5r=16" in page.shown and "seed=" not in page.shown
    leading = page.figures["settings-plot"]["data"][1]
    assert leading["x"] == ["r=16", "r=8"] or leading["x"] == ["16", "8"]


def test_spans_and_history_of_an_interrupted_trial(tmp_path: Path) -> None:
    from medqa_sweeps.trial.records import AttemptEndLine, TrainLine

    directory = submit(tmp_path / "0")
    for began, seen in ((100.0, 0), (200.0, 50)):
        directory.append(attempt(1, started=began))
        directory.append(TrainLine(seen + 50, 1, 0.1, began + 10, 1.0, 1e-3, 1.0, 10.0, 1))
        directory.append(TrainLine(seen + 100, 2, 0.2, began + 20, 1.0, 1e-3, 1.0, 10.0, 1))
        if began == 100:
            directory.append(AttemptEndLine(1, 100, 130.0, Outcome.INTERRUPTED, None, "Ctrl-C."))
    (trial,) = read_study(tmp_path).trials
    assert [(span.began, span.ended) for span in spans(trial)] == [(100, 130), (200, 220)]
    assert [line.samples_seen for line in history(trial).training] == [50, 100, 150]


def test_pairs_are_the_best_with_others(hostile: Path) -> None:
    pairs = pairs_of(rank(read_study(hostile)))
    assert [pair.first.label for pair in pairs] == [pairs[0].first.label] * len(pairs)
    assert len({pair.second.label for pair in pairs}) == len(pairs) == 5


def test_without_scripts_the_choice_of_a_pair_is_hidden_and_its_data_is_json(hostile: Path) -> None:
    page = Page(hostile / "report" / "index.html")
    assert "hidden" in next(attributes for _, attributes in page.tags if attributes.get("id") == "any-two")
    text = (hostile / "report" / "index.html").read_text()
    known = json.loads(text.split('data-pairs="any-two">')[1].split("</script>")[0])
    pairs = leading_pairs(rank(read_study(hostile)))
    assert known["pairs"].keys() == {f"{one}-{other}" for one, other in pairs} and len(pairs) == 66
    for number in known["pairs"]["0-1"]["questions"]:
        right = known["questions"][number][1][0]
        assert [known["letters"][place][number] == right for place in "01"] in ([True, False], [False, True])


def test_a_question_as_long_as_a_book_is_cut_where_pairs_are_chosen(tmp_path: Path) -> None:
    study = write_hostile_study(tmp_path / "study")
    longer = chooser(rank(read_study(study)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analysis.chooser._QUESTION_CHARACTERS", 50)
        assert len(chooser(rank(read_study(study)))) < len(longer) - 50 * QUESTIONS


def test_questions_whose_file_is_gone_are_ids(tmp_path: Path) -> None:
    study = write_hostile_study(tmp_path / "study")
    (tmp_path / "questions.jsonl").unlink()
    page = Page(write_report(boards(read_study(study)), "a study"))
    assert "(its text is not at hand)" in page.shown and " Question 1" not in page.shown


def test_a_moved_study_of_several_folders(hostile: Path, tmp_path: Path) -> None:
    shutil.copytree(hostile, tmp_path / "copy")
    board = rank(read_studies([hostile, tmp_path / "copy"]))
    assert len(board.configs) == 24 and board.study.folder == hostile


def test_readings_of_the_test_questions_and_their_damage_are_shown(tmp_path: Path) -> None:
    study = tmp_path / "study"  # of its own folder: the ledgers beside it are read too
    complete(study / "0", right_at(0, 250))
    ask(study, "r1")
    ledger.write_scores(study, SCORED)
    assert "On the locked test questions" in Page(write_report(boards(read_study(study)), "a study")).shown
    (study / ledger.FILE).write_text('{"kind": "asked"}\n')
    assert f"{ledger.FILE} is damaged" in Page(write_report(boards(read_study(study)), "a study")).shown


def test_a_confirmed_study_shows_its_estimate_and_whether_the_order_held(tmp_path: Path) -> None:
    """Synthetic trials: r=8 was chosen with 68 %, and has 61.3 % under fresh seeds; r=16 is behind it again."""
    for number, (rank_, right) in enumerate([(8, 272), (16, 264)]):
        complete(tmp_path / "study" / str(number), right_at(0, right), lora__r=rank_)
    again = confirming(tmp_path, {"r=8": [240, 250, 245], "r=16": [200, 190, 195]}, [0.68, 0.66])
    page = Page(write_report(boards(read_study(tmp_path / "study")), "a study"))
    assert "Confirmed under new seeds" in page.shown
    assert "with new seeds it averages 61.3% (95% CI" in page.shown and "6.8 points less" in page.shown
    assert "The order is confirmed: r=8 leads again" in page.shown
    assert "#fresh-seeds" in [attributes.get("href") for tag, attributes in page.tags if tag == "a"]
    chosen, fresh = page.figures["confirmed-plot"]["data"]
    assert (chosen["x"], fresh["x"]) == (pytest.approx([68, 66]), pytest.approx([61.25, 48.75]))
    shutil.rmtree(again)
    again = confirming(tmp_path, {"r=8": [200, 190, 195], "r=16": [240, 250, 245]}, [0.68, 0.66])
    page = Page(write_report(boards(read_study(tmp_path / "study")), "a study"))
    assert "The order changed: r=16 leads now, then r=8." in page.shown
    assert "r=8 is worse than r=16 by 12.5 points" in page.shown
    (again / "3" / "result.json").unlink()
    assert "This is not final: r=16" in Page(write_report(boards(read_study(tmp_path / "study")), "a study")).shown


def test_a_report_of_several_studies_replaces_no_studys_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    complete(tmp_path / "a" / "0", right_at(0, 250), lora__r=8)
    complete(tmp_path / "b" / "0", right_at(0, 200), lora__r=16)
    assert main([str(tmp_path / "a")]) == 0
    own = (tmp_path / "a" / "report" / "index.html").read_bytes()
    assert main([str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    assert (tmp_path / "a" / "report" / "index.html").read_bytes() == own
    assert "a-with-b" in capsys.readouterr().out and (tmp_path / "a-with-b" / "index.html").exists()


def test_studies_of_other_questions_are_not_ranked_in_one_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, right in (("a", 250), ("b", 390)):
        directory = complete(tmp_path / name / "0", right_at(0, right), lora__r=8)
        provenance = directory.provenance() | {"questions": {"validation_fingerprint": name}}
        directory.provenance_file.write_text(json.dumps(provenance))
    assert main([str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "answered 2 different sets of validation questions" in told and told.count("One trial has completed.") == 2
    first, second = (Page(tmp_path / "a-with-b" / name) for name in ("index.html", "index-2.html"))
    assert "62.5%" in first.shown and "97.5%" not in first.shown and "97.5%" in second.shown
    assert "index-2.html" in [attributes.get("href") for tag, attributes in first.tags if tag == "a"]
    assert (tmp_path / "a-with-b" / "leaderboard-2.csv").exists()
