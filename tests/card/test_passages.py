"""The card of a trial that shows passages: what was shown, from what, and whether it helps. The ranking is real."""

import json
from pathlib import Path

import pytest

from medqa_sweeps.card import model_card
from medqa_sweeps.config import RetrievalConfig
from medqa_sweeps.trial.folder import TrialDir
from tests.analysis.passage_lines import control
from tests.analysis.trial_folders import right_at
from tests.card.test_model_card import section
from tests.card.trials import SEEN, finish

HEADING = "Passages beside the questions"
NEVER_SHOWN = "answers with retrieved text beside the question"
TEXTS = (
    "A patient with a fever and a rash is examined in the clinic.",
    "What is the most likely diagnosis depends on the age of the patient.",
    "Explanation. Ans. is B, as the drug is contraindicated.",
)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> TrialDir:
    """250 of 400 correct with its passages, 100 without, 260 with another question's; a leaking passage is dropped."""
    folder = tmp_path_factory.mktemp("people of ward 7")
    corpus = folder / "letters of Dr Hodgson.jsonl"
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    retrieval = RetrievalConfig(name="bm25", corpus=str(corpus), k=2, train_without=0.25, on_leak="drop")
    made = finish(folder / "0", 250, retrieval=retrieval, prompt__template="{passages}\n{question}\n{options}")
    made.write_overrides([f"retrieval.corpus='{corpus}'", "retrieval.k=2"])
    control(made, right_at(0, 100), right_at(0, 260), SEEN)
    return made


def test_what_was_shown_and_whether_it_helps(trial: TrialDir) -> None:
    text = section(model_card(trial), HEADING)
    recorded = trial.provenance()["passages"]
    assert "Each question is asked with up to 2 passages of a corpus, ranked by bm25" in text
    assert f"| fingerprint of the corpus | {recorded['corpus']} |" in text
    for row in ("documents | 3", "passages | 2", "left out, as they give an answer away | 1", "shown in part"):
        assert f"| {row}" in text
    assert "1 passage states the letter of an answer." in text and "a gain means nothing" not in text
    assert "| in training | as in scoring; 25% without any |" in text
    assert "The passages are not shown to help: the model is better with them than without, and not shown" in text
    assert "62.5% with them, 25.0% without, 65.0% with another question's" in text
    assert "They helped in 150 questions and harmed in 0." in text and "corrected" not in text


def test_it_names_no_file_and_no_person(trial: TrialDir) -> None:
    card = model_card(trial)
    for private in (str(trial.path.parent), "odgson", "ward 7", "letters of"):
        assert private not in card, [line for line in card.splitlines() if private in line]


def test_leaks_that_were_shown_make_a_gain_mean_nothing(trial: TrialDir, tmp_path: Path) -> None:
    record = json.loads(trial.provenance_file.read_text())
    before = trial.provenance_file.read_text()
    record["passages"]["dropped"] = 0
    trial.provenance_file.write_text(json.dumps(record))
    text = section(model_card(trial), HEADING)
    trial.provenance_file.write_text(before)
    assert "Passages that give answers away were shown, so a gain means nothing." in text


def test_the_omissions_know_what_was_shown(trial: TrialDir, tmp_path: Path) -> None:
    omitted = section(model_card(trial), "Not assessed")
    assert NEVER_SHOWN not in omitted and "answers with another corpus" in omitted
    without = model_card(finish(tmp_path / "0", 250))
    assert f"## {HEADING}" not in without
    assert f"- {NEVER_SHOWN}\n" in without and "another corpus" not in without


def test_a_file_that_was_made_of_it_was_not_asked_itself(trial: TrialDir) -> None:
    text = section(model_card(trial, "gguf"), HEADING)
    assert "These are answers of the trial that this file was made from, not of this file." in text
    assert "not of this file" not in section(model_card(trial), HEADING)


def test_damaged_or_missing_controls_are_a_sentence(trial: TrialDir) -> None:
    before = trial.controls_file.read_text()
    try:
        trial.controls_file.write_text("{\n")
        assert "The records of the controls are damaged" in section(model_card(trial), HEADING)
        trial.controls_file.unlink()
        assert "The passages were not compared with the controls" in section(model_card(trial), HEADING)
    finally:
        trial.controls_file.write_text(before)
