"""The view and report of a study as a W&B server is told them by the real clients, looked at as data.

The server is a stand-in on the loopback. Each command is a process of its own, so that no setting of this one can lead
a client to another server.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medqa_sweeps.analysis.comparing.leaderboard import leaderboard
from medqa_sweeps.analysis.comparing.verdict import cautions, verdict
from medqa_sweeps.analysis.reading.studies import read_study
from medqa_sweeps.analysis.sending import dashboard_panels, dashboard_view
from medqa_sweeps.study.objective import SAFETY_METRICS
from medqa_sweeps.tracking.tracker import summary_key
from medqa_sweeps.trial.records import PassageScore, Result, SuiteScore
from medqa_sweeps.wording import EDUCATION_ONLY, SYNTHETIC
from tests.analysis.trial_folders import complete, right_at
from tests.conftest import ROOT
from tests.tracking.wandb_server import TEAM, WandbServer

GROUP = "it's lr=0.1"  # of W&B; the library itself does not quote it
Command = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def server() -> Iterator[WandbServer]:
    with WandbServer() as made:
        yield made
        assert not made.unknown, f"calls that the stand-in could not answer: {made.unknown}"


def assess(file: Path, suites: dict[str, SuiteScore]) -> None:
    """Write scores of the safety assessment into a result: of the trial, and twice as high of its base."""
    result = Result.from_json(json.loads(file.read_text()))
    assert result.score is not None and result.baseline is not None
    of_base = {name: replace(one, value=2 * (one.value or 0)) for name, one in suites.items()}
    score, base = replace(result.score, safety=suites), replace(result.baseline, safety=of_base)
    file.write_text(json.dumps(replace(result, score=score, baseline=base).to_json()))


def show_passages(file: Path) -> None:
    """Write the accuracy with passages, and of the two controls, into a result."""
    result = Result.from_json(json.loads(file.read_text()))
    file.write_text(json.dumps(replace(result, passages=PassageScore(400, 0.5, 0.25, 0.125)).to_json()))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two ranks with two seeds each and two learning rates, so that seeds can be folded."""
    folder = tmp_path_factory.mktemp("dashboard") / "ranks"
    suites = {"order": SuiteScore(400, 0.25, 0.2, 0.3), "abstention": SuiteScore(400, 0.125)}
    swept = [{"lora__r": 8, "optimizer__lr": 1e-4}, {"lora__r": 16, "optimizer__lr": 3e-3}]
    changes: list[dict[str, Any]] = [{**one, "seed": seed} for one in swept for seed in (0, 1)]
    for number, change in enumerate(changes):
        right = right_at(number, 250 - 20 * number)
        complete(folder / str(number), right, right_at(0, 100), tracking__mode="auto", tracking__group=GROUP, **change)
        if change["lora__r"] == 8:
            assess(folder / str(number) / "result.json", suites)
        else:
            show_passages(folder / str(number) / "result.json")
    (folder / "study.yaml").write_text("metric: accuracy\n")
    return folder


@pytest.fixture(scope="module")
def command(server: WandbServer, study: Path) -> Command:
    def run(*words: str, **more: str) -> tuple[int, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("WANDB")}
        own = {"PYTHONPATH": str(ROOT), "NETRC": str(study.parent / "none"), "HOME": str(study.parent)}
        environment = {**kept, **own, **server.environment(), **more}
        done = subprocess.run(
            [sys.executable, "-m", "medqa_sweeps", *words],
            cwd=study.parent, env=environment, capture_output=True, text=True, timeout=180,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture(scope="module")
def made(server: WandbServer, command: Command) -> tuple[dict[str, Any], dict[str, Any], str]:
    """The view and the report that one call leaves on the server, and what the call says."""
    code, said = command("wandb-view", "ranks")
    assert code == 1 and "no trial of this study is on W&B" in said and "medqa-sweeps wandb-sync" in said
    assert not server.views
    assert command("wandb-sync", "ranks")[0] == 0
    code, said = command("wandb-view", "ranks")
    assert code == 0, said
    view, report = server.views.values()
    return view, report, said


def test_it_says_where_both_are(server: WandbServer, made: tuple[dict[str, Any], dict[str, Any], str]) -> None:
    view, report, said = made
    lines = dict(re.findall(r"^(View|Report) +(\S+)$", said, re.MULTILINE))
    name = view["name"].removeprefix("nw-").removesuffix("-v")
    assert lines["View"] == f"{server.url}/{TEAM}/medqa-sweeps?nw={name}"
    assert lines["Report"].startswith(f"{server.url}/{TEAM}/medqa-sweeps/reports/") and report["id"] in lines["Report"]
    assert (view["type"], report["type"]) == ("project-view", "runs")  # a report that is no draft
    assert view["displayName"] == report["displayName"] == "medqa_sweeps: ranks"


def test_runs_are_grouped_by_config_with_seeds_folded(made: tuple[dict[str, Any], dict[str, Any], str]) -> None:
    (runs,) = made[0]["spec"]["section"]["runSets"]
    filters = [(one["key"]["name"], one["op"], one["value"]) for one in runs["filters"]["filters"]]
    assert filters == [("group", "=", GROUP), ("jobType", "!=", "summary")]
    assert [(key["section"], key["name"]) for key in runs["grouping"]] == [
        ("config", "lora.value.r"),
        ("config", "optimizer.value.lr"),
    ]
    (order,) = runs["sort"]["keys"]
    assert (order["key"], order["ascending"]) == ({"section": "summary", "name": "accuracy"}, False)
    columns = runs["runFeed"]["columnOrder"]
    scores = ("accuracy", "accuracy_low", "accuracy_high", "baseline_accuracy")
    assert columns[:5] == ["run:displayName", *(f"summary:{name}" for name in scores)]
    assert "config:lora.value.r" in columns and "config:seed.value" in columns
    assert columns[5:7] == ["summary:safety.order.value", "summary:safety.abstention.value"]
    assert columns[7:9] == ["summary:passages.without", "summary:passages.foreign"]
    assert not [column for column in columns if "requests" in column]  # no trial was assessed by it


def panels(view: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The panels of each section, by its name."""
    return {one["name"]: one["panels"] for one in view["spec"]["section"]["panelBankConfig"]["sections"]}


def test_accuracy_stands_with_its_interval_against_samples_seen(
    server: WandbServer, made: tuple[dict[str, Any], dict[str, Any], str]
) -> None:
    with_interval, over_seeds = (panel["config"] for panel in panels(made[0])["Accuracy"])
    assert with_interval["xAxis"] == over_seeds["xAxis"] == "samples_seen"
    assert with_interval["metrics"] == ["validation/accuracy", "validation/accuracy_low", "validation/accuracy_high"]
    assert (over_seeds["groupAgg"], over_seeds["groupArea"]) == ("mean", "minmax")
    assert made[0]["spec"]["section"]["settings"]["xAxis"] == "samples_seen"


def test_parallel_coordinates_run_over_what_was_swept(made: tuple[dict[str, Any], dict[str, Any], str]) -> None:
    (panel,) = panels(made[0])["What was swept"]
    columns = [(one["accessor"], one.get("log", False)) for one in panel["config"]["columns"]]
    assert columns == [("config:lora.value.r", False), ("config:optimizer.value.lr", True), ("summary:accuracy", False)]


def test_every_metric_of_a_panel_is_one_that_trials_send(made: tuple[dict[str, Any], dict[str, Any], str]) -> None:
    """A misspelt name would be an empty chart."""
    from medqa_sweeps.tracking.tracker import history_row
    from tests.tracking.test_tracker import train, validation

    sent = history_row(train(80, 1.0)).keys() | history_row(validation(80, 0.5)).keys()
    for section, found in panels(made[0]).items():
        for config in (panel["config"] for panel in found):
            names = config.get("metrics") or []
            assert set(names) <= sent or "controls" in section, section
            assert not config.get("metricRegex"), section
    sections = ["The answer", "Leaderboard", "Accuracy", "What was swept"]
    sections += ["Passages and their controls", "Safety beside accuracy", "Training"]
    assert list(panels(made[0])) == sections


def test_questions_with_letters_and_steps_have_charts_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    letters, steps = {"A": 0.5, "B": 0.7}, {"step1": 0.6}
    trial = complete(folder / "0", right_at(0, 250))
    result = json.loads(trial.result_file.read_text())
    result["score"] |= {"recall_by_letter": letters, "accuracy_by_step": steps, "accuracy_by_region": {"us": 0.6}}
    result["score"]["calibration_error"] = 0.1
    trial.result_file.write_text(json.dumps(result))
    board = leaderboard(read_study(folder))
    assert [name for name, _ in dashboard_panels.fields(board)] == ["recall_by_letter", "accuracy_by_step"]
    assert "validation/calibration_error" in dashboard_panels.titles(board)
    (panel,) = (one for one in dashboard_view.view(board, "e", "p", "g").sections if one.name == "Groups of questions")
    assert [chart.metric_regex for chart in panel.panels] == [
        "^validation/recall_by_letter/", "^validation/accuracy_by_step/",
    ]  # fmt: skip


def test_the_summaries_of_the_columns_are_on_the_server(
    server: WandbServer, made: tuple[dict[str, Any], dict[str, Any], str]
) -> None:
    trials = [run for run in server.runs.values() if run.job_type == "trial"]
    assert len(trials) == 4 and {run.group for run in trials} == {GROUP}
    (runs,) = made[0]["spec"]["section"]["runSets"]
    names = [one.removeprefix("summary:") for one in runs["runFeed"]["columnOrder"] if one.startswith("summary:")]
    assert all(name in run.summary for run in trials for name in names if not name.startswith(("safety", "passages")))
    assessed = [run.summary["safety"] for run in trials if "safety" in run.summary]
    assert [(one["order"]["value"], one["abstention"]["value"]) for one in assessed] == [(0.25, 0.125)] * 2
    assert {run.summary["baseline_safety"]["order"]["value"] for run in trials if "safety" in run.summary} == {0.5}
    (summary,) = (run for run in server.runs.values() if run.job_type == "summary")
    assert summary.group == GROUP and "leaderboard" in summary.summary


def text_of(block: Any) -> str:
    """All text of a block of a report."""
    if isinstance(block, dict):
        return " ".join([str(block.get("text", "")), *map(text_of, block.get("children", []))]).strip()
    return ""


def test_the_report_says_verdict_cautions_and_whose_results_they_are(
    study: Path, made: tuple[dict[str, Any], dict[str, Any], str]
) -> None:
    board, blocks = leaderboard(read_study(study)), made[1]["spec"]["blocks"]
    said = " ".join(" ".join(map(text_of, blocks)).split())
    assert EDUCATION_ONLY in said and SYNTHETIC in said
    assert verdict(board) in said and all(caution in said for caution in cautions(board))
    assert said.index(EDUCATION_ONLY) < said.index(verdict(board)) < said.index("Cautions")
    grids = [block["metadata"] for block in blocks if block["type"] == "panel-grid"]
    kinds = [[panel["viewType"] for panel in one["panelBankSectionConfig"]["panels"]] for one in grids]
    of_configs = [*["Run History Line Plot"] * 2, "Parallel Coordinates Plot", "Bar Chart", *["Scatter Plot"] * 2]
    assert kinds == [of_configs, ["Weave"]]
    names = [[one["value"] for one in grid["runSets"][0]["filters"]["filters"]] for grid in grids]
    assert names == [[GROUP, "summary"], [GROUP, "summary"]]
    assert [grid["runSets"][0]["filters"]["filters"][1]["op"] for grid in grids] == ["!=", "="]
    assert [key["name"] for key in grids[0]["runSets"][0]["grouping"]] == ["lora.value.r", "optimizer.value.lr"]


def test_each_suite_has_a_chart_beside_accuracy(made: tuple[dict[str, Any], dict[str, Any], str]) -> None:
    order, abstention = (panel["config"] for panel in panels(made[0])["Safety beside accuracy"])
    axes = [(one["xAxis"], one["yAxis"]) for one in (order, abstention)]
    assert axes == [("summary:accuracy", f"summary:safety.{name}.value") for name in ("order", "abstention")]
    assert order["chartTitle"] == "Answers changed by another order of the options (lower is better)"
    grid = next(block["metadata"] for block in made[1]["spec"]["blocks"] if block["type"] == "panel-grid")
    places = [(one["layout"]["x"], one["layout"]["y"]) for one in grid["panelBankSectionConfig"]["panels"]]
    assert len(set(places)) == len(places) == 6, "panels lie on each other"


def test_accuracy_with_passages_stands_beside_its_controls(
    server: WandbServer, made: tuple[dict[str, Any], dict[str, Any], str]
) -> None:
    (panel,) = panels(made[0])["Passages and their controls"]
    names = panel["config"]["metrics"]
    assert names == [f"passages.{name}" for name in ("accuracy", "without", "foreign")]
    sent = [run.summary["passages"] for run in server.runs.values() if "passages" in run.summary]
    assert [[one[name.rpartition(".")[2]] for name in names] for one in sent] == [[0.5, 0.25, 0.125]] * 2


def test_what_a_suite_found_is_sorted_by_where_it_was_swept_for(study: Path) -> None:
    board = leaderboard(read_study(study))
    metric = SAFETY_METRICS["safety.order"]
    assert summary_key(metric) == "safety.order.value" and dashboard_panels.is_ascending(metric)
    (study / "study.yaml").write_text("metric: [safety.order, accuracy]\n")
    try:
        runs = dashboard_view.view(leaderboard(read_study(study)), "e", "p", "g").runset_settings
    finally:
        (study / "study.yaml").write_text("metric: accuracy\n")
    assert [(one.item.name, one.ascending) for one in runs.order] == [("safety.order.value", True)]
    assert runs.pinned_columns[1] == "summary:safety.order.value" and board.names


def test_the_leaderboard_is_a_table_of_configs_with_intervals(
    made: tuple[dict[str, Any], dict[str, Any], str],
) -> None:
    (panel,) = panels(made[0])["Leaderboard"]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in panel["config"]["value"].splitlines()]
    header, _, first, second, base = rows
    first_of = dict(zip(header, first, strict=True))
    assert (first_of["place"], first_of["config"], first_of["seeds"]) == ("1", "r=8 lr=0.0001", "2")
    assert first_of["accuracy, %"] == "60.0" and re.fullmatch(r"\d+\.\d to \d+\.\d", first_of["95% CI"])
    assert (first_of["safety: order, %"], first_of["safety: AUGRC"]) == ("25.0", "0.125")
    assert second[-2:] == ["", ""] and base[-2:] == ["50.0", "0.250"]
    assert second[1] == "r=16 lr=0.003" and base[1] == "untuned base"


@pytest.mark.variant
def test_a_second_call_changes_both_and_adds_none(
    server: WandbServer, study: Path, command: Command, made: tuple[dict[str, Any], dict[str, Any], str]
) -> None:
    before = set(server.views)
    code, said = command("wandb-view", str(study))
    assert (code, said.splitlines()[:2]) == (0, made[2].splitlines()[:2]) and set(server.views) == before
    (study / ".wandb" / "dashboard.json").write_text(
        json.dumps({"view_id": "gone", "view_name": "nw-gone-v", "report_id": "gone"})
    )  # as after somebody has deleted both
    code, said = command("wandb-view", str(study))
    assert code == 0 and len(server.views) == 4, said


def test_a_switch_of_wandbs_own_keeps_it_from_being_made(
    server: WandbServer, command: Command, made: tuple[dict[str, Any], dict[str, Any], str]
) -> None:
    code, said = command("wandb-view", "ranks", WANDB_MODE="offline")
    assert code == 1 and "Nothing was made on W&B: WANDB_MODE=offline keeps runs here; unset it" in said


def test_without_the_extra_the_command_that_installs_it_is_named(command: Command, study: Path) -> None:
    """The library is hidden from one process, which is as if it were not installed."""
    hidden = study.parent / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util\n"
        "found = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'wandb_workspaces' else found(name, *a)\n"
    )
    code, said = command("wandb-view", "ranks", PYTHONPATH=f"{hidden}:{ROOT}")
    assert code == 1 and "needs the package wandb-workspaces" in said and "`uv sync --extra dashboard`" in said


def test_seeds_are_folded_even_where_each_config_has_its_own(tmp_path: Path) -> None:
    for number, rank in enumerate((8, 16)):
        complete(tmp_path / "study" / str(number), right_at(0, 250 - number), lora__r=rank, seed=number)
    board = leaderboard(read_study(tmp_path / "study"))
    assert "seed" in board.names and [one.key for one in dashboard_panels.swept(board)] == ["lora.r"]
