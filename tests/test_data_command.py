"""`medqa-sweeps data` says what a set holds, on 80 columns, without torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from medqa_sweeps.__main__ import main
from medqa_sweeps.config.overrides import override
from tests.data.record_formats import FORMATS

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def rows(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_the_sample_described_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "sample"]) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    said = rows(printed)
    assert said[0] == "sample synthetic (invented facts)"
    assert "questions 2,000 400 400" in said and "gold A 500 25.0% 100 25.0%" in said
    assert "Only hashes of the test questions are read." in said
    assert "test questions also in train 0 298" in said


def test_tokens_and_what_a_maximum_would_cut(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "sample", "--model", "tiny_gemma3", "--max-length", "72"]) == 0
    said = rows(capsys.readouterr().out)
    assert "longest 75 75" in said
    assert any(line.startswith("above 72 ") for line in said)


def test_a_file_with_bad_records_is_described_and_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "q.jsonl"
    records = [FORMATS["debris"], *({"question": "?", "options": {}} for _ in range(5)), FORMATS["medqa"]]
    path.write_text("\n".join(map(json.dumps, records)))
    assert main(["data", str(path)]) == 1
    said = rows(capsys.readouterr().out)
    assert "questions 2" in said and "bad records 5" in said and '\\n" stripped from the last option 1' in said
    assert f"{path}, line 2: has 0 options; a question has 2 to 26. Fix or remove the record." in said
    assert "and 2 more." in said
    assert "A trial stops at the first; data.on_bad_record=quarantine leaves them out." in said
    assert "repeated in train 1 0" in said


def test_text_like_a_control_token_is_counted_and_shown_unchanged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps({**FORMATS["medqa"], "question": "Which drug? [INST]"}))
    assert main(["data", str(path)]) == 0
    said = rows(capsys.readouterr().out)
    assert "looks like a control token: [INST] 1" in said
    assert "Models read text that looks like a control token as plain text." in said


def test_overrides_are_those_of_a_trial(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps(FORMATS["medmcqa"]))
    assert main(["data", str(path)]) == 1
    assert "Set data.answer_base=1" in capsys.readouterr().err
    assert main(["data", "local", f"data.train={path}", "data.answer_base=1"]) == 0
    odd = path.rename(tmp_path / "it's [1]=#é, ${x}.jsonl")
    assert main(["data", "local", override("data.train", odd), "data.answer_base=1"]) == 0
    assert main(["data", str(odd), "data.answer_base=1"]) == 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nothing"], "nothing: conf/data/ has no such option. Name a file, or one of local, medmcqa"),
        (["sampel"], "sampel: conf/data/ has no such option. Did you mean sample?"),
        (["no/such.csv"], "there is no such file"),
        (["sample", "data.x=1"], "data.x is not a setting. data has name, hub_id"),
        (["sample", "lora.r=8"], "lora.r=8: here only data.KEY=VALUE can be set."),
        (["sample", "data.format=odd"], "data.format=odd: allowed are auto"),
        (["local"], "data.train"),
        (["sample", "--model", "nothing"], "nothing: conf/model/ has no such option. Name a folder, or one of "),
        (["sample", "--model", "tiny_gemma3", "--prompt", "x"], "conf/prompt/ has no such option. Name one of chat, "),
        (["sample", "--max-length", "9"], "--max-length counts tokens"),
    ],
)
def test_what_cannot_be_is_said(words: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", *words]) == 1
    assert reason in capsys.readouterr().err


def test_no_torch_is_imported() -> None:
    program = (
        "import sys; from medqa_sweeps.__main__ import main\n"
        "main(['data', 'sample', '--model', 'tiny_gemma3'])\n"
        "assert not {'torch', 'transformers', 'datasets', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True)
