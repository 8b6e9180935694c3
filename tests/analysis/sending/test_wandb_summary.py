"""A study's summary run, offline: what the real client wrote, read back."""

import json
from pathlib import Path

import pytest

from medqa_sweeps.analysis.comparing.leaderboard import leaderboard, leaderboards
from medqa_sweeps.analysis.comparing.verdict import verdict
from medqa_sweeps.analysis.reading.studies import read_study
from medqa_sweeps.analysis.sending.summary_content import table_rows
from medqa_sweeps.analysis.sending.wandb_summary import log_summary
from tests.analysis.trial_folders import complete, right_at, submit
from tests.tracking.test_tracker import values, wandb_records

PAGE = "<!doctype html><title>the report</title><p>r=8 & r=16</p>"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("summary") / "study"
    offline = {"tracking__mode": "offline"}
    complete(folder / "0", right_at(0, 250), right_at(0, 100), lora__r=8, **offline)
    complete(folder / "1", right_at(5, 240), lora__r=16, **offline)
    submit(folder / "2", lora__r=32, **offline)
    return folder


def test_the_offline_run_holds_verdict_table_and_page(study: Path) -> None:
    (study / "report").mkdir()
    (study / "report" / "index.html").write_text(PAGE)
    assert log_summary(read_study(study))
    (run,) = (study / ".wandb").glob("offline-run-*")
    records = wandb_records(study / ".wandb")
    summary = {}
    for record in records:
        if record.HasField("summary"):
            summary |= values(record.summary.update)
    read = read_study(study)
    assert summary["verdict"] == verdict(leaderboard(read)) and summary["completed"] == 2 and summary["waiting"] == 1
    (started,) = [record.run for record in records if record.HasField("run")]
    assert (started.run_group, started.job_type, started.display_name) == ("study", "summary", "study (summary)")
    table = json.loads((run / "files" / summary["leaderboard.path"]).read_text())
    assert (table["columns"], table["data"]) == table_rows(leaderboards(read), read)
    assert PAGE in (run / "files" / summary["report.path"]).read_text()


def test_the_rows_are_the_leaderboard_then_the_base_then_the_others(study: Path) -> None:
    read = read_study(study)
    columns, table = table_rows(leaderboards(read), read)
    told = [dict(zip(columns, row, strict=True)) for row in table]
    assert [row["trial"] for row in told] == ["0", "1", "untuned base", "2"]
    assert [row["r"] for row in told] == [8, 16, None, 32]
    assert told[1]["difference from the best"] == pytest.approx(-2.5) and told[1]["significantly worse"] is True
    assert told[2]["accuracy"] == 25.0 and told[3]["outcome"] == "waiting" and told[3]["accuracy"] is None


def test_tracking_that_is_off_is_left_off(tmp_path: Path) -> None:
    complete(tmp_path / "study" / "0", right_at(0, 250), tracking__mode="disabled")
    assert log_summary(read_study(tmp_path / "study"))
    assert not (tmp_path / "study" / ".wandb").exists()
