"""`reproduce` and `predict` on a real trial of the tiny model, with the children of the other end-to-end tests."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

import launch
from medqa_sweeps.__main__ import main
from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.config import TrialConfig, from_hydra
from medqa_sweeps.data import question_id
from medqa_sweeps.jobs import single
from medqa_sweeps.pool.contract import Pool
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.trial.provenance import collect
from medqa_sweeps.wording import SYNTHETIC
from tests.end_to_end.conftest import SMALL


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of conf/ that may be edited."""
    copy = tmp_path_factory.mktemp("project") / "conf"
    shutil.copytree(Path(launch.__file__).parent / "conf", copy)
    return copy


def composed(conf: Path) -> TrialConfig:
    with initialize_config_dir(str(conf), version_base="1.3"):
        return from_hydra(compose("config", overrides=[*SMALL, "training.max_steps=4", "evaluation.reports=2"]))


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory, conf: Path, run: Callable) -> TrialDir:
    plan = plan_trial(composed(conf))
    made = TrialDir(tmp_path_factory.mktemp("study") / "trial")
    made.submit(plan.config, collect(plan, ["a test"]))
    run(made)
    return made


@pytest.fixture(autouse=True)
def same_children(monkeypatch: pytest.MonkeyPatch, pool: Pool) -> None:
    """The commands' own pool would import Unsloth once more; this one has."""

    class Kept:
        def __init__(self, *arguments: object, **named: object) -> None: ...

        def __enter__(self) -> Pool:
            return pool

        def __exit__(self, *exception: object) -> None: ...

    monkeypatch.setattr(single, "_pool", lambda folder, devices: pool)
    monkeypatch.setattr("medqa_sweeps.pool.local.local_pool", Kept)


def test_the_saved_config_gives_the_same_bits_whatever_conf_says_now(
    trial: TrialDir, conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = conf / "optimizer" / "adamw.yaml"
    quick.write_text(quick.read_text().replace("eps: ", "eps: 1") + "\n")
    assert composed(conf) != trial.config(), "the edit means something to whoever composes"
    provenance = trial.provenance()
    provenance["packages"]["torch"] = "0.1"
    provenance["code"]["files"]["medqa_sweeps/worker/engines/unsloth.py"] = "0" * 12
    trial.provenance_file.write_text(json.dumps(provenance))
    code = main(["reproduce", str(trial.path), "--into", str(tmp_path / "again")])
    out = capsys.readouterr().out
    assert code == 0, out
    listed, bits = out.index("package torch: 0.1 then"), out.index("Bit-identical")
    assert listed < out.index("Training ") < bits and "code: medqa_sweeps/worker/engines/unsloth.py" in out[:bits]
    assert SYNTHETIC in out[bits:]


def test_other_questions_are_run_only_when_asked_for_and_compared_where_both_answered(
    trial: TrialDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The record is made to say that a question was among those that chose, which is not there now."""
    other = TrialDir(tmp_path / "trial")
    shutil.copytree(trial.path, other.path)
    provenance = other.provenance()
    provenance["questions"] |= {"fingerprint": "0" * 12, "validation_fingerprint": "1" * 12, "validation": 41}
    other.provenance_file.write_text(json.dumps(provenance))
    reports = other.predictions()
    gone = [next(iter(rows.values())) for rows in reports.values()]
    lines = [json.loads(line) for line in other.predictions_file.read_text().splitlines()]
    more = [{**line, "id": "0" * 16} for line in lines if line["id"] == gone[0].id]
    other.predictions_file.write_text("".join(json.dumps(line) + "\n" for line in [*lines, *more]))
    code = main(["reproduce", str(other.path), "--anyway"])
    out = capsys.readouterr().out
    assert code == 0, out
    assert f"missing now: 1 ({'0' * 16})" in out
    assert "on 40 questions answered then and now: 0 answers differ" in out and "not resolved" in out


def test_predictions_are_those_of_the_last_report(
    trial: TrialDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = list(trial.predictions()[64].values())
    asked = {question.id for question in plan_trial(trial.config()).split.validation}
    lines = resolve_bundled("bundled:sample/validation.jsonl").read_text()
    code = main(["predict", str(trial.path), "bundled:sample/validation.jsonl", "--out", str(tmp_path / "out.jsonl")])
    out = capsys.readouterr().out
    assert code == 0, out
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(rows) == len(lines.splitlines())
    found = {row["id"]: row for row in rows if row["id"] in asked}
    assert [found[line.id]["predicted"] for line in last] == [line.predicted for line in last]
    assert all(abs(sum(row["probabilities"].values()) - 1) < 1e-4 for row in rows)
    right = sum(row["correct"] for row in rows)
    assert f"Accuracy {right / len(rows):.1%} of 400 questions (95% CI" in out and "never for clinical" in out
    assert "Synthetic" in out
    assert "40 of these 400 questions were in this trial's validation data" in out
    assert {row["id"] for row in rows if row["in_validation"] == "same"} == asked
    new = [row["correct"] for row in rows if row["in_training"] == row["in_validation"] == "no"]
    assert f"On the others: {sum(new) / len(new):.1%} of {len(new)} questions" in out


def test_a_quiz_on_a_file_has_the_answers_of_the_last_report(
    trial: TrialDir, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child answers the drawn questions alone, and never sees what is right."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    last, out = trial.predictions()[64], tmp_path / "cards.txt"
    asked = [json.loads(line) for line in resolve_bundled("bundled:sample/validation.jsonl").read_text().splitlines()]
    mine = [record for record in asked if question_id(record["question"], record["options"].values()) in last][:8]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(record) + "\n" for record in mine))
    words = [str(trial.path), str(tmp_path / "mine.jsonl"), "--anki", str(out), "--count", "5"]
    assert main(["quiz", *words]) == 0
    told = capsys.readouterr().out
    assert "The model has answered 5 questions" in told and "5 of these 5 questions were in this trial's" in told
    cards = [line.split("\t") for line in out.read_text().splitlines() if not line.startswith("#")]
    assert len(cards) == 5 and "facts are invented" not in told and SYNTHETIC in told
    assert all(f"The model answered {last[id_].predicted}, which is " in back for id_, _, back, _ in cards)


def test_predictions_as_a_table_and_on_the_screen(
    trial: TrialDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = {"question": "Which?", "options": {"A": "one", "B": "two", "C": "three"}, "answer_idx": "B"}
    trained_on = resolve_bundled("bundled:sample/train.jsonl").read_text().splitlines()[:2]
    (tmp_path / "mine.jsonl").write_text("\n".join([json.dumps(record), *trained_on]) + "\n")
    assert main(["predict", str(trial.path), str(tmp_path / "mine.jsonl"), "--out", str(tmp_path / "o.csv")]) == 0
    rows = list(csv.DictReader((tmp_path / "o.csv").open()))
    assert rows[0]["gold"] == "B" and rows[0]["predicted"] == max("ABC", key=lambda letter: float(rows[0][letter]))
    assert [row["in_training"] for row in rows] == ["no", "same", "same"]
    said = capsys.readouterr().out
    assert "2 of these 3 questions were in this trial's training data: this accuracy says nothing about new" in said
    assert "On the others: " in said and "of 1 question (" in said


def test_questions_without_an_answer_are_answered_and_have_their_own_ids(
    trial: TrialDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = "Nr;Vignette;Opt1;Opt2;Key\na7;Quelle?;Ménière;x;B\n;;;;\na8;Laquelle?;y;z;\n"
    (tmp_path / "mine.csv").write_bytes(table.encode("cp1252"))
    mapped = ["question=Vignette", "options=[Opt1,Opt2]", "answer=Key", "id=Nr"]
    words = ["data.encoding=cp1252", *(f"data.columns.{one}" for one in mapped)]
    ask = ["predict", str(trial.path), str(tmp_path / "mine.csv"), *words]
    assert main([*ask, "--out", str(tmp_path / "o.jsonl")]) == 0
    rows = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [(row["source_id"], row["gold"]) for row in rows] == [("a7", "B"), ("a8", None)]
    assert rows[0]["correct"] is (rows[0]["predicted"] == "B") and rows[1]["correct"] is None
    said = capsys.readouterr().out
    assert "of 1 question (" in said and "1 more question without a gold answer. Answers in" in said
    assert main([*ask, "--out", str(tmp_path / "o.csv")]) == 0
    table_rows = list(csv.DictReader((tmp_path / "o.csv").open()))
    assert [row["source_id"] for row in table_rows] == ["a7", "a8"] and table_rows[1]["gold"] == ""
    (tmp_path / "mine.csv").write_bytes(table.replace("x;B", "x;").encode("cp1252"))
    capsys.readouterr()
    assert main(ask) == 0
    said = capsys.readouterr().out
    assert "No accuracy: 2 questions without a gold answer." in said and "Accuracy " not in said
    assert said.splitlines()[0].endswith("a7") and "right" not in said and "wrong" not in said


def test_one_question_that_is_typed_is_answered(trial: TrialDir, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["RSV", " Parainfluenza virus", "D. x"]
    assert main(["predict", str(trial.path), "--question", "What causes croup?", "--options", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[2] for line in lines[:3]] == ["A", "B", "C"] and lines[1].endswith("%  Parainfluenza virus")
    shares = [float(line[4:].split("%")[0]) for line in lines[:3]]
    assert sum(shares) == pytest.approx(100, abs=0.2)
    assert [line[0] for line in lines[:3]].index(">") == shares.index(max(shares))
    assert lines[3] == "No accuracy: 1 question without a gold answer."


def test_predict_says_that_its_output_is_there_already(
    trial: TrialDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "answers.csv"
    out.touch()
    assert main(["predict", str(trial.path), "bundled:sample/train.jsonl", "--out", str(out)]) == 1
    assert f"--out {out}: it exists already, and is not overwritten" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["bundled:sample/test.jsonl"], "contains the test questions"),
        (["nowhere.jsonl"], "there is no such file"),
        (["bundled:sample/train.jsonl", "--out", "answers.xlsx"], "ending in .jsonl or .csv"),
        (["bundled:sample/train.jsonl", "--format", "novel"], "data.format=novel"),
        ([], "Name a FILE of questions, or give one: --question TEXT --options TEXT TEXT."),
        (["x.csv", "--question", "Why?", "--options", "a", "b"], "x.csv and --question: give a file or one question"),
        (["--question", "Why?"], "--options: 0 given; a question has 2 to 26."),
        (["--question", "Why?", "--options", "a", " "], "a text is empty"),
        (["bundled:sample/train.jsonl", "--options", "a", "b"], "--options goes with --question"),
        (["bundled:sample/train.jsonl", "data.test=null"], "data.train and data.test cannot be set here"),
        (["bundled:sample/train.jsonl", "lora.r=8"], "lora.r=8: here only data.KEY=VALUE can be set."),
        (["bundled:sample/train.jsonl", "data.columns.question=Stem"], "has no such column. Its columns are question"),
    ],
)
def test_what_cannot_be_predicted_is_told(
    words: list[str], told: str, trial: TrialDir, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(trial.path), *words]) == 1
    assert told in capsys.readouterr().err
