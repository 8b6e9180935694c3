"""Any two configs beside each other: what the script of the page is given."""

import json
from pathlib import Path

import pytest

from medqa_sweeps.analysis.comparing.leaderboard import leaderboard
from medqa_sweeps.analysis.comparing.pairs import leading_pairs
from medqa_sweeps.analysis.page.chooser import chooser
from medqa_sweeps.analysis.reading.studies import read_study
from tests.analysis.hostile import QUESTIONS, write_hostile_study
from tests.analysis.page.page_tags import Page


def test_without_scripts_the_choice_of_a_pair_is_hidden_and_its_data_is_json(hostile: Path) -> None:
    page = Page(hostile / "report" / "index.html")
    assert "hidden" in next(attributes for _, attributes in page.tags if attributes.get("id") == "any-two")
    text = (hostile / "report" / "index.html").read_text()
    known = json.loads(text.split('data-pairs="any-two">')[1].split("</script>")[0])
    pairs = leading_pairs(leaderboard(read_study(hostile)))
    assert known["pairs"].keys() == {f"{one}-{other}" for one, other in pairs} and len(pairs) == 66
    for number in known["pairs"]["0-1"]["questions"]:
        right = known["questions"][number][1][0]
        assert [known["letters"][place][number] == right for place in "01"] in ([True, False], [False, True])


def test_a_question_as_long_as_a_book_is_cut_where_pairs_are_chosen(tmp_path: Path) -> None:
    study = write_hostile_study(tmp_path / "study")
    longer = chooser(leaderboard(read_study(study)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("medqa_sweeps.analysis.page.chooser._QUESTION_CHARACTERS", 50)
        assert len(chooser(leaderboard(read_study(study)))) < len(longer) - 50 * QUESTIONS
