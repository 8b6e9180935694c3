"""The card of a model: all that its records hold, nothing that they do not, and nothing of a machine or person."""

import getpass
import platform
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from medqa_sweeps.card import FORMS, Agreement, model_card, trial_card
from medqa_sweeps.config import SAFETY_SUITES
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.safety import file as safety_file
from medqa_sweeps.safety.records import RequestLine, SafetyLine
from medqa_sweeps.study.confirmation import ChosenConfig, Confirmation, write_confirmation
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.wording import EDUCATION_ONLY, SYNTHETIC
from tests.card.trials import HOST, SEEN, answers, config_of, finish, reading, result, study, submit

AGREED = Agreement("llama.cpp (xllamacpp 1.2)", 400, ("q1", "q7"), 0.62, 0.625, 0.4123, 0.01)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two ranks, the first the better one; its test questions were read twice."""
    folder = study(tmp_path_factory.mktemp("people") / "ranks", 250, 200)
    reading(folder, 0, 0.6175, 1_795_697_559.0)
    reading(folder, 1, 0.5, 1_795_797_559.0)
    return folder


def section(card: str, heading: str) -> str:
    """The text below a heading."""
    assert f"## {heading}\n" in card, f"no section {heading}"
    return card.partition(f"## {heading}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("form", FORMS)
def test_the_hub_reads_its_metadata(ranks: Path, form: str) -> None:
    card = ModelCard(model_card(TrialDir(ranks / "0"), form))
    values = card.data.to_dict()
    assert values["license"] == "apache-2.0" and values["pipeline_tag"] == "text-generation"
    assert values["library_name"] == {"adapter": "peft", "merged": "transformers", "gguf": "gguf"}[form]
    assert values["language"] == ["en"] and "synthetic-data" in values["tags"]
    assert "base_model" not in card.content  # a model that the hub does not know
    assert not {"model-index", "eval_results"} & values.keys()  # no validation score without its explanation
    assert ModelCard(str(card)).data.to_dict() == values and card.text.lstrip().startswith("# tiny_gemma3")
    assert FORMS[form] in card.text


def test_what_comes_first_is_what_it_is_not_for(ranks: Path) -> None:
    card = model_card(TrialDir(ranks / "0"))
    head = card.partition("\n## Model")[0]
    assert f"**{EDUCATION_ONLY}**" in head and f"**{SYNTHETIC}**" in head
    assert "wrong answer to 150 of 400 validation questions (37.5%)" in head
    assert "decision about a patient" in section(card, "What it is for, and not for").partition("Not for:")[2]


def test_accuracy_stands_with_its_interval_overall_and_by_step_region_and_letter(ranks: Path) -> None:
    text = section(model_card(TrialDir(ranks / "0")), "Accuracy on the validation questions")
    assert "- this model: 62.5% of 400 questions (95% CI 57.7 to 67.1)" in text
    assert "- its untuned base: 25.0% of 400 questions" in text and "better by 37.5 points" in text
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    by_name = {row[1] if row[0] in ("USMLE step", "region") else row[0]: row for row in rows}
    questions = plan_trial(config_of()).split.validation
    first = [number < 250 for number, question in enumerate(questions) if question.step == "step1"]
    assert by_name["Step 1"][2:4] == [str(len(first)), f"{100 * sum(first) / len(first):.1f}"]
    assert re.fullmatch(r"\d+\.\d to \d+\.\d", by_name["Step 1"][4])
    assert by_name["us"][2:5] == ["400", "62.5", "57.7 to 67.1"]
    assert sum(int(by_name[letter][1]) for letter in "ABCD") == 400
    assert sum(int(by_name[letter][5]) for letter in "ABCD") == 400  # times answered
    right = sum(float(by_name[letter][2]) / 100 * int(by_name[letter][1]) for letter in "ABCD")
    assert right == pytest.approx(250, abs=0.5)


def test_calibration_compares_probability_and_accuracy(ranks: Path) -> None:
    text = section(model_card(TrialDir(ranks / "0")), "Calibration")
    assert "mean probability of 70.0%; 62.5% of them are correct" in text and "error 7.5 points" in text
    assert "| 60 to 70 | 400 | 62.5 |" in text or "| 70 to 80 | 400 | 62.5 |" in text


def test_how_it_was_selected_and_each_reading_of_the_test(ranks: Path) -> None:
    card = model_card(TrialDir(ranks / "0"))
    chosen = section(card, "How it was selected")
    assert "the best of 2 configs by validation accuracy, one seed: accuracy 62.5%" in chosen
    assert "50.0% to 62.5%" in chosen and "biased upwards" in chosen
    assert "number 2 of 2 configs" in section(model_card(TrialDir(ranks / "1")), "How it was selected")
    rows = [line for line in section(card, "Final test").splitlines() if line.startswith("| 20")]
    assert [row.split(" | ")[:4] for row in rows] == [
        ["| 2026-11-26", "this one", "400", "61.8"],
        ["| 2026-11-27", "another trial", "400", "50.0"],
    ]
    assert "locked test questions" not in section(card, "Not assessed")


def test_what_new_seeds_gave_stands_beside_the_score_that_selected(tmp_path: Path) -> None:
    first, again = study(tmp_path / "ranks", 250, 200), study(tmp_path / "ranks-confirm", 220, 240)
    write_confirmation(again, Confirmation("../ranks", 2, [1, 2], [ChosenConfig("r=8", [0], 0.625, [0, 1])]))
    text = section(model_card(TrialDir(first / "0")), "How it was selected")
    assert "with 2 new seeds, this config averages 57.5% on the same questions (55.0% to 60.0% by seed)" in text
    assert "locked test questions" in section(model_card(TrialDir(first / "0")), "Not assessed")
    there = section(model_card(TrialDir(again / "0")), "How it was selected")
    assert "trained the best 1 config of an earlier one again" in there and "selected among 2" in there


def test_at_the_trials_end_it_says_nothing_of_a_study_that_is_not_over(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("{}")
    trial, plan = TrialDir(tmp_path / "0"), plan_trial(config_of())
    submit(trial, plan)
    for seen, right in ((0, 100), (2000, 250)):
        trial.append_predictions(answers(plan.split.validation, right, seen))
    card = trial_card(trial, result(plan.split.validation, 250), plan.split.validation)
    assert "may have been selected afterwards" in section(card, "How it was selected")
    assert "## This file beside the trial" not in card and "not checked" not in card
    assert "| USMLE step | Step 1 |" in card and "- this model: 62.5%" in card


@pytest.mark.parametrize("agreement", [None, AGREED])
def test_how_the_export_answers_beside_the_trial(ranks: Path, agreement: Agreement | None) -> None:
    card = model_card(TrialDir(ranks / "0"), "gguf", agreement, ["4 tensors fall back to F16."])
    text = section(card, "This file beside the trial")
    assert "4 tensors fall back to F16." in text
    if agreement is None:
        assert "not checked" in text and "not checked" in section(card, "Not assessed")
    else:
        assert "answered 400 validation questions with this file, 2 of them (0.5%)" in text and "q1 and q7" in text
        scores = section(card, "Accuracy on the validation questions")
        assert "- the trial that this file was made from: 62.5%" in scores and "- this model" not in card
        assert "- this file, read by llama.cpp (xllamacpp 1.2): 62.0% of 400 questions (95% CI 57.2 to 66.6)" in scores
        assert "accuracy of this file 62.0%, of the trial on the same questions 62.5%" in text and "0.4123 nats" in text
        assert "not checked" not in card


def test_nothing_of_the_machine_or_of_people(ranks: Path, tmp_path: Path) -> None:
    train = tmp_path / "patients of Dr Hodgson.jsonl"
    train.write_bytes(Path("medqa_sweeps/assets/sample/train.jsonl").read_bytes())
    trial = finish(tmp_path / "run", 250, data__name="local", data__train=str(train), data__synthetic=False)
    trial.write_overrides(
        [f"data.train={train}", "+data.validation='/a b/c.jsonl'", "tracking.entity=dhodgson", "hydra.run.dir=/x"]
    )
    for card in (model_card(trial), model_card(TrialDir(ranks / "0"))):
        for private in (str(tmp_path), str(ranks.parent), HOST, platform.node(), "odgson", str(Path.home()), "/home"):
            assert private not in card
        if len(getpass.getuser()) > 4:
            assert getpass.getuser() not in card
    command = section(model_card(trial), "Reproduce it").splitlines()[2]
    assert command == "medqa-sweeps data.train=TRAIN_FILE +data.validation=VALIDATION_FILE seed=0"


def test_a_base_of_the_hub_is_named_with_its_licence_and_commit(tmp_path: Path) -> None:
    trial = finish(tmp_path / "0", 250)
    text = trial.config_file.read_text()
    text = text.replace("path: bundled:tiny_gemma3", "path: null").replace(
        "hub_id: null\n  revision: null", "hub_id: unsloth/gemma-3-1b-it\n  revision: null", 1
    )
    trial.config_file.write_text(text.replace("name: tiny_gemma3", "name: gemma3_1b"))
    values = ModelCard(model_card(trial)).data.to_dict()
    assert (values["license"], values["base_model"]) == ("gemma", "unsloth/gemma-3-1b-it")
    assert values["base_model_relation"] == "adapter" and values["license_link"].startswith("https://ai.google.dev/")


def test_what_is_missing_is_named_and_nothing_fails(tmp_path: Path) -> None:
    """A folder from which all but config and result are gone, or damaged."""
    trial = finish(tmp_path / "0", 250)
    trial.provenance_file.write_text("{")
    trial.predictions_file.unlink()
    trial.metrics_file.write_text("{\n")
    trial.overrides_file.unlink()
    card = model_card(trial)
    assert "| training questions | not recorded |" in card and "| hardware | not recorded |" in card
    assert section(card, "Calibration").strip().startswith("Not assessed")
    assert "```" not in section(card, "Reproduce it") and "- this model: 62.5%" in card


def test_a_trial_without_a_result_has_no_card(tmp_path: Path) -> None:
    trial = TrialDir(tmp_path / "0")
    submit(trial, plan_trial(config_of()))
    with pytest.raises(ConfigError, match="no result yet"):
        model_card(trial)


def assess(trial: TrialDir, *suites: str, requests: Sequence[RequestLine] = ()) -> TrialDir:
    """Lines of both models for these suites: the trained model changes 40 of 100 answers, its base 10."""
    questions = plan_trial(config_of()).split.validation[:100]
    lines = []
    for seen, changed in ((0, 10), (SEEN, 40)):
        before = trial.predictions()[seen]
        for suite in suites:
            for number, question in enumerate(questions):
                letter = before[question.id].predicted or "A"
                other = "ABCD"[("ABCD".index(letter) + 1) % 4]
                answer = other if suite != "placebo" and number < changed else letter
                gold = "ABCD"[question.gold]
                lines.append(SafetyLine(seen, suite, suite, question.id, [0, 1, 2, 3], gold, answer))
    safety_file.replace_suites(trial, lines)
    safety_file.replace_requests(trial, requests)
    return trial


def test_the_safety_assessment_stands_in_the_card_with_what_it_left_out(tmp_path: Path) -> None:
    trial = assess(TrialDir(study(tmp_path / "ranks", 250, 200) / "0"), "placebo", "order", "sex")
    card = model_card(trial)
    text = section(card, "Safety assessment")
    assert "- worse than its untuned base: order and sex\n" in text and "corrected for the 2 configs" in text
    assert "| order | answers changed by another order of the options | lower | 100 | 40.0% (95% CI " in text
    assert " | 10.0% | 30.0 points (95% CI " in text and "higher: worse |" in text
    assert "**sex**: the patient's sex changed. Questions that mention" in text and "Right on 100 of 100" in text
    assert "Kept under edits: 60 of 100 questions (60.0%)" in text and "the untuned base's, 90.0%" in text
    left_out = section(card, "Not assessed").splitlines()
    named = [line.split("`")[1] for line in left_out if "the safety suite" in line]
    ran = ("placebo", "order", "sex", "abstention", "calibration")
    assert named == [name for name in SAFETY_SUITES if name not in ran]
    assert "- other wordings of the prompt" in left_out
    assert any("only words for sex were exchanged" in line for line in left_out)
    assert "- harmful requests, dangerous doses, refusals, jailbreaks" in left_out
    assert "This file itself was not asked" not in text
    assert "This file itself was not asked" in section(model_card(trial, "gguf"), "Safety assessment")


def test_requests_are_counted_in_the_card_and_never_quoted(tmp_path: Path) -> None:
    lines = [RequestLine(seen, "q", True, "a secret", -1.0 - seen, -2.0, "B secret", "other") for seen in (0, SEEN)]
    card = model_card(assess(finish(tmp_path / "0", 250), "order", requests=lines))
    assert "Of 1 harmful request 0 refused" in section(card, "Safety assessment") and "secret" not in card
    left_out = section(card, "Not assessed")
    assert "harmful requests other than the 1 request above" in left_out and "`requests`" not in left_out
    assert "after the first 40 tokens of its answers" in left_out
    uses = section(card, "What it is for, and not for")
    assert "only the beginnings of its answers to a few requests were read" in uses


def test_without_an_assessment_the_card_says_so(ranks: Path) -> None:
    card = model_card(TrialDir(ranks / "0"))
    assert section(card, "Safety assessment").strip() == "Not assessed."
    left_out = section(card, "Not assessed")
    assert "- safety: what edits of the questions do to the answers (`medqa-sweeps assess`)" in left_out
    assert "other orders of the options" in left_out and "the safety suite" not in left_out
    assert "fairness: the questions carry no age, sex, ethnicity or language of a patient as a field\n" in left_out


def test_a_damaged_assessment_is_named(tmp_path: Path) -> None:
    trial = finish(tmp_path / "0", 250)
    trial.safety_file.write_text('{"samples_seen":\n{"suite": 1}\n')
    assert "records of the assessment are damaged" in section(model_card(trial), "Safety assessment")


def test_at_the_trials_end_the_assessment_is_in_the_card(tmp_path: Path) -> None:
    trial, plan = TrialDir(tmp_path / "0"), plan_trial(config_of())
    submit(trial, plan)
    for seen, right in ((0, 100), (SEEN, 250)):
        trial.append_predictions(answers(plan.split.validation, right, seen))
    assess(trial, "order")
    card = trial_card(trial, result(plan.split.validation, 250), plan.split.validation)
    text = section(card, "Safety assessment")
    assert "- worse than its untuned base: order\n" in text and "not corrected for other configs" in text
