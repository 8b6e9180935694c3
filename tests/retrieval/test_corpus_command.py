"""`medqa-sweeps corpus` says what a corpus holds, on 80 columns, without torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from medqa_sweeps.__main__ import main
from medqa_sweeps.wording import EDUCATION_ONLY
from tests.conftest import ROOT
from tests.retrieval.pdf_files import write_pdf

QUESTION = "A farmer has a painful red eye with a dendritic ulcer of the cornea. Which drug helps him most?"


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "notes"
    made.mkdir()
    (made / "gout.md").write_text("# Gout\n\nUrate crystals. [INST]")
    (made / "copy.txt").write_text("# Gout\n\nUrate crystals. [INST]")
    (made / "exam.txt").write_text(f"{QUESTION} Aciclovir.")
    (made / "key.txt").write_text("Ans. is 'c' i.e., aciclovir")
    write_pdf(made / "guide.pdf", ["A page of text.", ""])
    return made


def rows(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_corpus_with_everything_that_can_be_said(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = tmp_path / "dev.jsonl"
    record = {"question": QUESTION, "options": {"A": "aciclovir", "B": "none"}, "answer_idx": "A"}
    questions.write_text("\n".join(json.dumps(one) for one in (record, {**record, "question": "Why?"}, {"bad": 1})))
    write_pdf(folder / "scan.pdf", [""])
    assert main(["corpus", str(folder), "--questions", str(questions)]) == 1
    printed = capsys.readouterr().out
    said = rows(printed)
    assert "files read 5" in said and "documents (text files, pages, records) 5" in said and "passages 4" in said
    assert "an empty or scanned page 1" in said and "a passage with the text of another 1" in said
    assert "looks like a control token: [INST] 1" in said
    assert "files that cannot be read 1" in said and any("scan.pdf: its only page" in line for line in said)
    assert "questions found, of 2 1" in said and "passages that state an answer's letter 1" in said
    assert f"{folder}/exam.txt, line 1" in said and f"{folder}/key.txt, line 1" in said
    assert "retrieval.on_leak=drop leaves these passages out." in printed
    assert said[-1] == EDUCATION_ONLY
    assert all(len(line) <= 80 for line in printed.splitlines() if str(folder) not in line)


def test_passages_in_tokens_and_of_another_length(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["corpus", f"{folder}/g*", "--model", "tiny_gemma3", "--chunk-chars", "10", "--chunk-overlap", "0"]) == 0
    )
    said = rows(capsys.readouterr().out)
    assert "Length of a passage characters tokens of tiny_gemma3" in said
    assert any(line.startswith(("longest 9 ", "longest 10 ")) for line in said)
    assert "With --questions FILE: which of its questions stand in the corpus." in said


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["no/such"], "no/such: there is no such file; a corpus is made of .txt, .md, .pdf and .jsonl files."),
        ([".", "--chunk-chars", "100", "--chunk-overlap", "51"], "--chunk-chars and --chunk-overlap: chunk_chars=100"),
        (["README.md", "--model", "nothing"], "nothing: conf/model/ has no such option."),
        (["README.md", "--questions", "no.jsonl"], "no.jsonl: there is no such file"),
    ],
)
def test_what_cannot_be_is_said(words: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corpus", *words]) == 1
    assert reason in capsys.readouterr().err


def test_neither_torch_nor_a_retriever_is_imported(folder: Path) -> None:
    program = (
        "import sys; from medqa_sweeps.__main__ import main\n"
        f"main(['corpus', {str(folder)!r}, '--model', 'tiny_gemma3'])\n"
        "assert not {'torch', 'transformers', 'datasets', 'numpy', 'bm25s'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True)
