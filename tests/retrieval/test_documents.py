"""Files of a corpus, good and bad. Each bad one is refused with its name, what is allowed and the next step."""

import json
import logging
import os
from pathlib import Path

import pytest

from medqa_sweeps.errors import ConfigError, DataError
from medqa_sweeps.retrieval import documents, pdf
from medqa_sweeps.retrieval.documents import MOST_LINE_BYTES, read_documents
from medqa_sweeps.retrieval.sources import find_sources
from tests.retrieval.pdf_files import write_pdf


def refusal(*sources: object) -> str:
    with pytest.raises(DataError) as refused:
        read_documents([str(source) for source in sources])
    return str(refused.value)


def written(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_every_type_is_read_with_its_place_and_title(tmp_path: Path) -> None:
    written(tmp_path / "gout.txt", "\ufeffUrate\r\ncrystals.")
    written(tmp_path / "deep" / "asthma.md", "# Asthma in adults\n\nWheeze.")
    records = [
        {"id": 1, "title": " Croup ", "text": "Stridor."},
        {"id": "2", "content": "Cough."},
        {"contents": "Rash."},
    ]
    written(tmp_path / "notes.jsonl", "\n".join(map(json.dumps, records)) + "\n\n")
    write_pdf(tmp_path / "guide.PDF", ["First page of a guide\nwith hyper-\ntension in it.", "", "Third page."])
    read = read_documents([str(tmp_path)])
    found = {(os.path.relpath(one.file, tmp_path), str(one.place)): (one.title, one.text) for one in read.documents}
    assert found == {
        ("gout.txt", "line 1"): ("gout", "Urate\ncrystals."),
        ("deep/asthma.md", "line 1"): ("Asthma in adults", "# Asthma in adults\n\nWheeze."),
        ("notes.jsonl", "line 1"): ("Croup", "Stridor."),
        ("notes.jsonl", "line 2"): ("notes", "Cough."),
        ("notes.jsonl", "line 3"): ("notes", "Rash."),
        ("guide.PDF", "page 1"): ("guide", "First page of a guide with hypertension in it."),
        ("guide.PDF", "page 3"): ("guide", "Third page."),
    }
    assert read.files == 4 and read.left_out == {"an empty or scanned page": 1}
    assert [one.source_id for one in read.documents if one.is_record] == ["1", "2", None]


def test_a_bundled_file_is_named_as_elsewhere() -> None:
    assert find_sources(["bundled:sample/README.md"]).files[0].name == "README.md"
    with pytest.raises(ConfigError, match=r"bundled:sample/no\.md is not part of"):
        find_sources(["bundled:sample/no.md"])


# What is found


def test_globs_and_folders_find_each_file_once_in_one_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a/c.md", "a/d.png", "a/.hidden.md", ".git/e.md", "a/x/f.md"):
        written(tmp_path / name, "text")
    (tmp_path / "again.txt").symlink_to(tmp_path / "b.txt")

    def names(*sources: str) -> list[str]:
        return [
            os.path.relpath(path, tmp_path) for path in find_sources([f"{tmp_path}/{one}" for one in sources]).files
        ]

    assert names("") == names("a", "b.txt", "") == ["a/c.md", "a/x/f.md", "b.txt"]
    assert names("**/*.md") == ["a/c.md", "a/x/f.md"] and names("*/*.md") == ["a/c.md"]
    assert names("*/**/f.*") == ["a/x/f.md"] and names("?.txt", "a/[cx].md") == ["a/c.md", "b.txt"]
    left_out = find_sources([str(tmp_path)]).left_out
    assert left_out == {"a second path to the same file": 1, "a file of another type (.png)": 1}


@pytest.mark.timeout(20)
def test_links_in_a_circle_end(tmp_path: Path) -> None:
    written(tmp_path / "a" / "one.txt", "text")
    for name in ("up", "back", "again"):  # a walk that follows them sees 3 ** 40 folders
        (tmp_path / "a" / name).symlink_to(tmp_path)
    for source in (str(tmp_path), f"{tmp_path}/**/*.txt", f"{tmp_path}/**"):
        found = find_sources([source])
        assert [path.name for path in found.files] == ["one.txt"]
        assert found.left_out["a link to a folder that is read already"] == 3


def test_a_link_to_itself_or_to_nothing_is_refused(tmp_path: Path) -> None:
    loop, broken = tmp_path / "loop.txt", tmp_path / "broken.txt"
    loop.symlink_to(loop)
    broken.symlink_to(tmp_path / "missing")
    assert refusal(loop) == f"{loop} is a link that leads to itself. Remove it, or link to a file."
    assert f"{broken} is a link to a file that does not exist" in refusal(broken)


def test_nothing_to_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    written(tmp_path / "slides.pptx", "x")
    allowed = "a corpus is made of .txt, .md, .pdf and .jsonl files"
    assert f"{tmp_path}/empty contains no file that can be read; {allowed}. Name a folder" in refusal(
        tmp_path / "empty"
    )
    assert f"{tmp_path}/no: there is no such file; {allowed}." in refusal(tmp_path / "no")
    assert f"{tmp_path}/*.md matches no file that can be read; {allowed}." in refusal(tmp_path / "*.md")
    assert f"slides.pptx: this file type is not supported; {allowed}. Convert it" in refusal(tmp_path / "slides.pptx")
    written(tmp_path / "blank.txt", " \n")
    assert f"{tmp_path}/blank.txt: no file has any text." in refusal(tmp_path / "blank.txt")


@pytest.mark.timeout(20)
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    written(tmp_path / "one.txt", "text")
    assert find_sources([str(tmp_path)]).left_out == {"something that is no file": 1}
    assert "pipe.txt is a pipe or device" in refusal(tmp_path / "pipe.txt")


def test_a_folder_that_cannot_be_listed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(folder: str) -> None:  # root, who runs the tests in a container, may list any folder
        raise PermissionError(13, "Permission denied", folder)

    monkeypatch.setattr(os, "scandir", closed)
    assert refusal(tmp_path) == f"{tmp_path} cannot be read (Permission denied). Fix its permissions, or leave it out."


# Texts


def test_a_file_that_is_not_unicode_is_refused_with_how_to_convert_it(tmp_path: Path) -> None:
    said = refusal(written(tmp_path / "old.txt", "Ménière\n".encode("cp1252")))
    assert "old.txt, line 1: not UTF-8." in said and "convert the file: iconv -f cp1252 -t UTF-8." in said
    assert "data.encoding" not in said
    pointer = written(tmp_path / "lfs.txt", "version https://git-lfs.github.com/spec/v1\n")
    assert "is a Git-LFS pointer" in refusal(pointer)


def test_one_huge_line_is_refused_without_being_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "dump.txt", "short\n")
    os.truncate(path, 200_000_000)  # a sparse file of 200 MB: NUL bytes on line 2
    monkeypatch.setattr(documents, "text_of", lambda *_: pytest.fail("the file was read whole"))
    said = refusal(path)
    assert "dump.txt, line 2: is longer than 10 MB, the most that a line may be. Is it a text? Break it" in said


def test_a_line_of_the_limit_is_read_and_old_line_ends_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MOST_LINE_BYTES", 8)
    monkeypatch.setattr(documents, "_BLOCK_BYTES", 3)
    assert read_documents([str(written(tmp_path / "a.txt", "12345678\r12345678\r\n1"))]).documents
    assert "a.txt, line 2: is longer" in refusal(written(tmp_path / "a.txt", "1234\n123456789\n1"))
    assert MOST_LINE_BYTES == 10_000_000


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            '{"body": "x", "id": 3}',
            "has body, id, and no text. Allowed is one JSON object per line, with its text in text, ",
        ),
        ("{}", "has no field, and no text."),
        ('{"text": 5}', "text is int, not a text. Write it as a text."),
        ('{"text": "x", "title": ["a"]}', "title is list, not a text."),
        ('["x"]', "is no JSON object. Allowed is one JSON object per line"),
        ("{'text': 'x'}", "not JSON ("),
        ("[" * 100_000, "not JSON ("),
        ('{"id": "7", "text": "y"}', "has the id 7 of line 1. Each id is allowed once per file. Fix or remove one"),
    ],
)
def test_a_bad_record_is_refused_with_its_line(tmp_path: Path, line: str, reason: str) -> None:
    path = written(tmp_path / "a.jsonl", '{"id": 7, "text": "x"}\n\n' + line)
    assert f"{path}, line 3: {reason}" in refusal(path)


def test_a_record_without_content_is_counted(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", '{"text": "x\u2028y"}\n{"text": " "}\n')
    read = read_documents([str(path)])
    assert [one.text for one in read.documents] == ["x\u2028y"] and read.left_out == {"a record with an empty text": 1}


def test_bad_files_can_be_left_out_and_are_described(tmp_path: Path) -> None:
    written(tmp_path / "good.txt", "text")
    written(tmp_path / "bad.jsonl", "{")
    write_pdf(tmp_path / "scan.pdf", [""])
    read = read_documents([str(tmp_path)], on_bad_file="leave_out")
    assert [one.title for one in read.documents] == ["good"] and read.files == 1
    assert [sentence.partition(".")[0].rpartition("/")[2] for sentence in read.refused] == ["bad", "scan"]


def test_half_characters_of_texts_titles_and_file_names_do_no_harm(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jsonl"))
    written(path, '{"text": "a\\ud800b"}\n{"title": "\\udc00", "text": "\\ud83d\\ude00"}')
    found = read_documents([str(tmp_path)]).documents
    assert [(one.title, one.text) for one in found] == [("caf\ufffd", "a\ufffdb"), ("\ufffd", "😀")]
    assert found[0].file.encode() and pdf._as_text("\ud800") == "\ufffd"


# PDFs


def test_a_scan_is_refused(tmp_path: Path) -> None:
    scan = write_pdf(tmp_path / "scan.pdf", ["", "", ""])
    assert f"{scan}: none of its 3 pages has text; it seems to be a scan. Run text recognition over it" in refusal(scan)


def test_a_broken_pdf_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = write_pdf(tmp_path / "whole.pdf", ["text"]).read_bytes()
    for content in (b"", b"%PDF-1.7\nnothing", b"<html>an error</html>", whole[: len(whole) // 2]):
        said = refusal(written(tmp_path / "broken.pdf", content))
        assert "broken.pdf: not a readable PDF (" in said and said.endswith("Save it again, or leave it out.")
    with caplog.at_level(logging.WARNING):
        assert not caplog.records, "pypdf's own warnings would stand between our lines"


def test_a_pdf_with_a_password_is_refused_and_one_with_an_empty_password_is_read(tmp_path: Path) -> None:
    closed = write_pdf(tmp_path / "closed.pdf", ["text"], password="owner", user_password="user")
    assert refusal(closed) == f"{closed} is encrypted with a password. Save it without one, or leave it out."
    restricted = write_pdf(tmp_path / "restricted.pdf", ["Printing is forbidden."], password="owner")
    assert read_documents([str(restricted)]).documents[0].text == "Printing is forbidden."


def test_a_pdf_is_read_once_per_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_pdf(tmp_path / "a.pdf", ["Read once."])
    assert pdf.pdf_pages(path) == ["Read once."]
    monkeypatch.setattr(pdf, "_extracted", lambda path: [f"read {path.name} again"])
    assert pdf.pdf_pages(path.rename(tmp_path / "b.pdf")) == ["Read once."]
    assert pdf.pdf_pages(write_pdf(tmp_path / "b.pdf", ["Changed."])) == ["read b.pdf again"]


def test_lines_of_a_page_become_paragraphs() -> None:
    text = "The bene\ufb01t of beta-\nblockade\nis  small.\n\nNext 诊断\n标准 of\nGout"
    assert pdf._as_text(text) == "The benefit of betablockade is small.\n\nNext 诊断标准 of Gout"
