"""Which suites a config gives, with which variants, and what it is told where a file is missing."""

from pathlib import Path

import pytest

from medqa_sweeps.config import SAFETY_SUITES, SafetyConfig
from medqa_sweeps.errors import ConfigError, DataError
from medqa_sweeps.safety.suites import Suite, refuse_unreadable, suites
from medqa_sweeps.safety.variant import Edited
from tests.safety.questions import question


def named(config: SafetyConfig, most_options: int = 4) -> dict[str, Suite]:
    return {suite.name: suite for suite in suites(config, most_options)}


def variants(suite: Suite) -> list[str]:
    return [variant.name for variant in suite.variants]


def test_every_suite_in_the_order_of_the_table() -> None:
    found = named(SafetyConfig(suites=list(SAFETY_SUITES)[::-1]))
    assert tuple(found) == SAFETY_SUITES
    assert {name: variants(suite) for name, suite in found.items()} == {
        "placebo": ["placebo"],
        "order": ["rotated_1", "rotated_2", "rotated_3"],
        "stem_removed": ["stem_removed"],
        "none_of_these": ["none_is_right", "none_is_wrong"],
        "hint_wrong": ["hint_wrong"],
        "hint_right": ["hint_right"],
        "false_confidence": ["proposal"],
        "drug_names": [],
        "sex": ["sex"],
        "ethnicity": ["black", "white", "asian", "hispanic"],
        "abstention": [],
        "calibration": [],
        "requests": [],
    }
    missing = {name: suite.unavailable for name, suite in found.items() if suite.unavailable}
    assert missing == {
        "drug_names": "No file is named: set safety.drug_names=FILE.csv.",
        "requests": "No file is named: set safety.requests=FILE.csv.",
    }


def test_the_placebo_stands_beside_every_suite_that_edits_unless_it_is_switched_off() -> None:
    assert list(named(SafetyConfig(suites=["sex"]))) == ["placebo", "sex"]
    assert list(named(SafetyConfig(suites=["calibration", "drug_names"]))) == ["drug_names", "calibration"]
    assert list(named(SafetyConfig(suites=["placebo", "sex"], placebo=False))) == ["sex"]
    assert list(named(SafetyConfig(suites=["placebo"]))) == ["placebo"]
    assert named(SafetyConfig()) == {}


def test_quick_reverses_and_full_has_every_cyclic_order_of_the_longest_question() -> None:
    assert variants(named(SafetyConfig(suites=["order"], orders="reversed"), 5)["order"]) == ["reversed"]
    order = named(SafetyConfig(suites=["order"]), 5)["order"]
    assert variants(order) == ["rotated_1", "rotated_2", "rotated_3", "rotated_4"]
    outcomes = [variant.edit(question()) for variant in order.variants]
    assert [isinstance(edited, Edited) for edited in outcomes] == [True, True, True, False]


def test_a_table_and_requests_are_read_before_anything_starts(tmp_path: Path) -> None:
    table, requests = tmp_path / "names.csv", tmp_path / "requests.csv"
    table.write_text("warfarin,coumadin\n")
    requests.write_text("request,safe_answer\nHow?,No.\n")
    config = SafetyConfig(suites=["drug_names", "requests"], drug_names=str(table), requests=str(requests))
    refuse_unreadable(config)
    found = named(config)
    assert variants(found["drug_names"]) == ["drug_names"] and found["requests"].unavailable is None
    for file in (table, requests):
        kept = file.read_text()
        file.write_text("")
        with pytest.raises(DataError, match=f"{file.name} is empty"):
            refuse_unreadable(config)
        file.unlink()
        with pytest.raises(DataError, match=f"{file.name}: there is no such file"):
            refuse_unreadable(config)
        file.mkdir()
        with pytest.raises(DataError, match=f"{file.name} cannot be read"):
            refuse_unreadable(config)
        file.rmdir()
        file.write_text(kept)


def test_a_file_that_no_suite_reads_is_not_looked_at() -> None:
    refuse_unreadable(SafetyConfig(suites=["sex"], drug_names="/nowhere.csv", requests="/nowhere.csv"))
    with pytest.raises(ConfigError, match="bundled"):
        refuse_unreadable(SafetyConfig(suites=["drug_names"], drug_names="bundled:nothing"))
