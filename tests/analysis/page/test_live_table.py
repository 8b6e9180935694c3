"""What the script of a table is given, and what is there without one."""

import json
from pathlib import Path
from typing import Any

from medqa_sweeps.analysis.page.live_table import Column, LiveTable, live_table_html
from tests.analysis.page.page_tags import Page

COLUMNS = (Column("place", "number"), Column("trial", "trial"), Column("accuracy", "number"))


def table(rows: int, **changes: Any) -> LiveTable:
    cells = [{"place": str(n + 1), "trial": str(n), "accuracy": f"{50 + n % 3}.0\n1 to 2"} for n in range(rows)]
    links = {str(n): f"../{n}/" for n in range(rows)}
    return LiveTable("t", "Trials", COLUMNS, cells, **{"links": links, **changes})


def data(html: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(html.split('data-table="t">')[1].split("</script>")[0])
    return found


def test_few_texts_are_written_once_and_all_can_be_read_back() -> None:
    known = data(live_table_html(table(1000)))
    place, trial, accuracy = known["columns"]
    assert (place["count"], len(trial["texts"]), len(accuracy["texts"])) == (1000, 1000, 3)
    assert [accuracy["texts"][at] for at in accuracy["at"]][:4] == [
        "50.0\n1 to 2",
        "51.0\n1 to 2",
        "52.0\n1 to 2",
        "50.0\n1 to 2",
    ]
    assert known["before"] == "../"


def test_a_config_is_made_of_its_settings_but_for_what_was_added() -> None:
    rows = [{"config": "r=8 lr=1"}, {"config": "r=8 lr=2\nstopped early"}, {"config": "r=4 lr=1"}]
    made = LiveTable("t", "Trials", [Column("config")], rows, {"r": ["8", "8", "4"], "lr": ["1", "2", "1"]})
    assert data(live_table_html(made))["columns"][0]["others"] == {"1": "r=8 lr=2\nstopped early"}


def test_a_trial_without_a_folder_has_no_link() -> None:
    links = {"0": "../0/", "1": "../1/"}
    known = data(live_table_html(table(3, links=links)))
    assert known["links"] == links and "before" not in known
    assert live_table_html(table(3, links=links)).count("<a ") == 2


def test_without_a_script_the_first_rows_are_there_and_the_rest_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "t.html"
    file.write_text(live_table_html(table(30, static=20, noun="config", foot=[{"trial": "base"}])))
    page = Page(file)
    assert [tag for tag, _ in page.tags].count("tr") == 1 + 20 + 1
    assert "10 more configs can be seen where scripts are allowed." in page.shown
    assert next(of for _, of in page.tags if of.get("class") == "finder").keys() == {"class", "hidden"}
