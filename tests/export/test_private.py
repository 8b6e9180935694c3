"""What must not leave is found wherever it stands in an exported folder, and ordinary words are left alone."""

import json
import platform
from pathlib import Path

import gguf
import numpy as np
import pytest
from safetensors.numpy import save_file

from medqa_sweeps.card import model_card
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.export import private
from medqa_sweeps.export.private import Finding, private_findings, refuse_private
from medqa_sweeps.trial.records import AttemptLine
from tests.card.trials import HOST, finish, reading, study

SECRET = "local-secret-5f1c9a"
USER = "mwanjiku"


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user with a name, on a machine with one, in a home folder of one's own."""
    monkeypatch.setenv("WANDB_API_KEY", SECRET)
    monkeypatch.setenv("LOGNAME", USER)
    monkeypatch.setenv("HOME", "/home/mwanjiku")
    monkeypatch.setattr(platform, "node", lambda: "icu-laptop.hospital.example")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "export"
    made.mkdir()
    return made


TEXTS = {
    f"token: {SECRET}": "a token",
    "hf_" + "aB3" * 10: "a token",
    "-----BEGIN OPENSSH PRIVATE KEY-----": "a token",
    "see /home/mwanjiku/models/base": "a path of this machine",
    "file:///tmp/xyz": "a path of this machine",
    "/Users/jane/models": "a path in somebody's home folder",
    f"made by {USER}.": "the name of a user",
    "Mwanjiku's model": "the name of a user",
    "on icu-laptop": "the name of a machine",
    "write to jane.doe@clinic.example.org": "an e-mail address",
}


@pytest.mark.parametrize("text", TEXTS)
def test_each_kind_is_found_and_the_refusal_names_the_file_and_never_the_thing(text: str, folder: Path) -> None:
    (folder / "nested").mkdir()
    (folder / "nested" / "notes.txt").write_text(f"A line.\n{text}\n")
    assert Finding("nested/notes.txt", TEXTS[text]) in private_findings(folder)
    with pytest.raises(ConfigError) as refusal:
        refuse_private(folder)
    said = str(refusal.value)
    assert "nested/notes.txt holds" in said and TEXTS[text] in said
    assert not {"jane", USER, SECRET, "icu-laptop", "xyz"} & set(said.replace("/", " ").replace(".", " ").split())


@pytest.mark.parametrize(
    "text",
    [
        "the value of /tmpfs and of https://site.example/tmp/x, 3/tmp",
        "a user, an administrator, root of the tree; the host",
        "mwanjikus icu-laptops",  # other words that begin alike
        "commit=" + "0a" * 20,  # a commit is no token
        "lora@r=8 x@y",
    ],
)
def test_ordinary_text_is_no_alarm(text: str, folder: Path) -> None:
    (folder / "README.md").write_text(text)
    assert private_findings(folder) == []


@pytest.mark.parametrize("name", ["a", "al", "root", "license", "Adapter", "user"])
def test_a_user_with_an_ordinary_name_can_export(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", name)
    monkeypatch.setattr(platform, "node", lambda: name)
    (folder / "README.md").write_text("A root of a license: al, the user of an adapter.\n")
    assert private_findings(folder) == []


def test_the_names_of_files_count_and_links_do_too(folder: Path, tmp_path: Path) -> None:
    (folder / f"{USER}.txt").write_text("")
    (folder / "weights").symlink_to(tmp_path)
    assert private_findings(folder) == [
        Finding(f"{USER}.txt", "the name of a user"),
        Finding("weights", "a link to another place"),
    ]


def test_json_escapes_hide_nothing(folder: Path) -> None:
    text = json.dumps({"path": "/home/mwanjiku/x"}).replace("/", "\\/")
    (folder / "config.json").write_text(text.replace("mwanjiku", "\\u006dwanjiku"))
    assert {finding.kind for finding in private_findings(folder)} >= {"a path of this machine", "the name of a user"}


def test_a_find_at_the_edge_of_two_parts_of_a_large_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private, "_CHUNK_BYTES", 64)
    monkeypatch.setattr(private, "_OVERLAP_BYTES", 40)
    for start in range(64):
        (folder / f"{start}.bin").write_bytes(b"\0" * start + SECRET.encode() + b"\0" * 100)
    assert len(private_findings(folder)) == 64


def test_the_head_of_safetensors_is_searched_and_its_numbers_are_not(folder: Path) -> None:
    tensor = np.frombuffer(f" {USER} a@b.example ".ljust(64).encode(), dtype=np.uint8)
    save_file({"a": tensor}, folder / "adapter_model.safetensors", {"format": "pt"})
    assert private_findings(folder) == []
    save_file({"a": tensor}, folder / "adapter_model.safetensors", {"made_by": USER})
    assert private_findings(folder) == [Finding("adapter_model.safetensors", "the name of a user")]


@pytest.mark.parametrize(
    ("key", "texts", "kinds"),
    [
        ("general.name", "/home/mwanjiku/x", {"a path of this machine", "the name of a user"}),
        ("tokenizer.ggml.tokens", [USER, "a@b.example", "/tmp/"], set()),  # ordinary words of a vocabulary
        ("tokenizer.ggml.tokens", [SECRET], {"a token"}),
        ("general.tags", ["lora", USER], {"the name of a user"}),
    ],
)
def test_the_metadata_of_gguf_is_searched(
    key: str, texts: str | list[str], kinds: set[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written by llama.cpp's own package."""
    writer = gguf.GGUFWriter(folder / "model.gguf", "gemma3")
    writer.add_uint32("a.number", 7)
    writer.add_array("a.list", [1.5, 2.5])
    writer.add_array(key, texts) if isinstance(texts, list) else writer.add_string(key, texts)
    writer.add_tensor("blk.0.weight", np.frombuffer(f" {USER} ".ljust(64).encode(), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = {finding.kind for finding in private_findings(folder)}
    assert found - {"a path in somebody's home folder"} == kinds
    whole = (folder / "model.gguf").read_bytes()
    (folder / "model.gguf").write_bytes(whole[:40])
    with pytest.raises(ConfigError, match="not a complete GGUF file"):
        private_findings(folder)


def test_a_tokenizers_vocabulary_holds_words_and_no_secrets(folder: Path) -> None:
    (folder / "tokenizer.json").write_text(json.dumps({"vocab": {USER: 1, "/tmp/a": 2, "x@y.example": 3}}))
    assert private_findings(folder) == []
    (folder / "tokenizer.json").write_text(json.dumps({"vocab": {USER: 1}, "from": "/home/mwanjiku/x"}))
    assert [finding.kind for finding in private_findings(folder)] == ["a path of this machine"]


def test_the_card_of_a_trial_holds_nothing_private_and_its_records_would(folder: Path, tmp_path: Path) -> None:
    """The trial ran on another machine; a person read its test questions."""
    made = study(tmp_path / "ranks", 250)
    reading(made, 0, 0.6, 0.0, user="d.hodgson")
    trial = finish(tmp_path / "run", 250)
    (folder / "README.md").write_text(model_card(trial))
    assert private_findings(folder, trial) == []
    trial = type(trial)(made / "0")
    (folder / "README.md").write_text(model_card(trial))
    assert private_findings(folder, trial) == []
    (folder / "metrics.jsonl").write_bytes(trial.metrics_file.read_bytes())
    (folder / "final.jsonl").write_bytes((made / "final.jsonl").read_bytes())
    (folder / "provenance.json").write_bytes(trial.provenance_file.read_bytes())
    assert set(private_findings(folder, trial)) >= {
        Finding("metrics.jsonl", "the name of a machine"),
        Finding("final.jsonl", "the name of a user"),
        Finding("provenance.json", "a path of this machine"),
    }
    assert HOST in trial.metrics_file.read_text()
    trial.append(AttemptLine(2, 0, 1e9, 1, HOST, "cuda", node="oncology-07"))
    (folder / "notes.md").write_text("trained on oncology-07\n")
    assert Finding("notes.md", "the name of a machine") in private_findings(folder, trial)
