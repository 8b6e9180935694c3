"""The page's view of the ledger."""

from pathlib import Path

import pytest

from medqa_sweeps.analysis.reading.final_tests import final_tests
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.study import ledger
from tests.study.test_ledger import SCORED, ask


def test_each_reading_is_shown_with_who_when_and_its_words(tmp_path: Path) -> None:
    study = tmp_path / "study"
    assert not final_tests(study)
    ask(study, "r1")
    ledger.write_scores(study, SCORED)
    ask(study, "r2")
    first, second = final_tests(study)
    assert first.who.count("@") == 1 and first.when.endswith("UTC") and first.trial == 3
    assert first.sentences[0].startswith("Test: 60.0%")
    assert "1 time before for this study" in second.sentences[-1] and second.reading.scores is None


def test_a_damaged_ledger_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / ledger.FILE).write_text('{"kind": "asked"}\n')
    with pytest.raises(ConfigError, match=r"final\.jsonl is damaged"):
        final_tests(tmp_path)


def test_a_damaged_ledger_beside_it_is_named_as_such(tmp_path: Path) -> None:
    for name in ("here", "beside"):
        (tmp_path / name).mkdir()
    ask(tmp_path / "here", "r1")
    (tmp_path / "beside" / ledger.FILE).write_text("{}\n")
    with pytest.raises(ConfigError, match=r"beside/final\.jsonl is damaged"):
        final_tests(tmp_path / "here")
