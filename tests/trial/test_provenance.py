"""What a trial stands on is recorded, and nothing secret with it."""

from pathlib import Path

import pytest

from medqa_sweeps.trial import provenance
from medqa_sweeps.trial.provenance import _code, runtime, without_secrets


def test_values_of_secret_variables_are_blotted_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "abcdefgh12345678")
    assert without_secrets("run --key abcdefgh12345678 now") == "run --key <MY_API_KEY> now"


@pytest.mark.parametrize("secret", ["hf_" + "a1" * 15, "sk-" + "b2" * 15, "wandb_v1_" + "c3" * 15])
def test_known_forms_of_keys_are_blotted_out(secret: str) -> None:
    assert secret not in without_secrets(f"+x={secret}")


def test_hashes_that_are_no_secrets_stay() -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    assert without_secrets(f"index {commit} revision") == f"index {commit} revision"


def test_the_code_is_identified_by_commit_or_reported_as_unknown() -> None:
    code = _code()
    assert set(code) >= {"commit", "dirty", "diff"}
    assert code["commit"] is None or len(code["commit"]) == 40


def test_of_the_environment_what_libraries_compute_by_is_recorded_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx2")
    monkeypatch.setenv("MY_API_KEY", "abcdefgh12345678")
    assert runtime.__wrapped__()["environment"] == {"ATEN_CPU_CAPABILITY": "avx2"}


def test_a_file_is_hashed_again_only_when_it_was_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each trial's start asks twice, and on a shared disk each file that is opened takes a while."""
    monkeypatch.setattr(provenance, "_ROOT", tmp_path)
    code = tmp_path / "medqa_sweeps"
    code.mkdir()
    for name in ("one", "two"):
        (code / f"{name}.py").write_text("a = 1\n")
    read: list[str] = []
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path.name) or path.open("rb").read())
    before = provenance._file_hashes()
    assert provenance._file_hashes() == before and sorted(read) == ["one.py", "two.py"]
    (code / "two.py").write_text("a = 22\n")
    after = provenance._file_hashes()
    assert provenance.changed_files(before, after) == ["medqa_sweeps/two.py"] and len(read) == 3
