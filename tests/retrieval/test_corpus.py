"""A corpus is known by its passages: not by the order, the place or the type of its files."""

from pathlib import Path

from medqa_sweeps.retrieval.chunks import Chunking
from medqa_sweeps.retrieval.corpus import ReadCorpus, read_corpus

WHOLE = Chunking(1000, 200)


def read(*sources: Path) -> ReadCorpus:
    return read_corpus([str(source) for source in sources], WHOLE)


def test_order_and_place_of_files_decide_nothing(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for name in ("gout", "croup", "asthma"):
            (tmp_path / folder / f"{name}.txt").write_text(f"About {name}.\n\nMore of it.")
    files = [tmp_path / "one" / f"{name}.txt" for name in ("gout", "croup", "asthma")]
    first, second, third = read(*files), read(*reversed(files)), read(tmp_path / "two")
    assert first.corpus == second.corpus and first.corpus.fingerprint == third.corpus.fingerprint
    ids = [passage.id for passage in first.corpus.passages]
    assert len(ids) == 3 and ids == sorted(ids) == [passage.id for passage in third.corpus.passages]
    (tmp_path / "two" / "gout.txt").write_text("About gout!\n\nMore of it.")
    assert read(tmp_path / "two").corpus.fingerprint != first.corpus.fingerprint


def test_repeated_texts_are_one_passage_and_counted(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / f"{name}.md").write_text(
            "# Gout\n\nUrate  crystals." if name != "c" else "# Gout\nUrate crystals.\n"
        )
    (tmp_path / "other.md").write_text("Something else.")
    found = read(tmp_path)
    assert found.documents == 4 and found.corpus.repeated == 2
    assert len(found.corpus.passages) == 2
    smaller = found.corpus.without([found.corpus.passages[0].id])
    assert smaller.passages == found.corpus.passages[1:] and smaller.fingerprint != found.corpus.fingerprint
