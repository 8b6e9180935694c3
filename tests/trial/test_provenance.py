"""What a trial stands on is recorded, and nothing secret with it."""

import pytest

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
