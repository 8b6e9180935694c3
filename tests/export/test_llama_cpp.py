"""Where llama.cpp's converter is looked for, and what is said where it is not."""

from pathlib import Path

import pytest

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.export import llama_cpp
from medqa_sweeps.export.llama_cpp import VARIABLE, find_llama_cpp, refuse_without_libgguf, usual_folder


def made(folder: Path) -> Path:
    for name in llama_cpp._NEEDED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDQA_SWEEPS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(VARIABLE, raising=False)


def test_the_named_one_comes_before_the_variables_and_that_before_the_usual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = made(usual_folder())
    assert find_llama_cpp(None) == usual
    monkeypatch.setenv(VARIABLE, str(made(tmp_path / "of the variable")))
    assert find_llama_cpp(None) == tmp_path / "of the variable"
    assert find_llama_cpp(made(tmp_path / "named")) == tmp_path / "named"


def test_what_is_missing_is_named_with_the_commands_that_bring_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find_llama_cpp(None)
    said = str(caught.value)
    assert "    pip download --no-deps --no-binary llama-cpp-python llama-cpp-python==0.3.36\n" in said
    assert f"-C {usual_folder()} --strip-components=3" in said and "://" not in said


def test_an_older_or_incomplete_copy_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path / "old")
    (folder / "conversion" / "__init__.py").unlink()
    with pytest.raises(ConfigError, match=r"--llama-cpp .*old has no conversion/__init__.py"):
        find_llama_cpp(folder)
    monkeypatch.setenv(VARIABLE, str(folder))
    with pytest.raises(ConfigError, match=rf"{VARIABLE} .*old has no"):
        find_llama_cpp(None)


def test_a_missing_package_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama_cpp, "is_installed", lambda package: package != "libgguf")
    with pytest.raises(ConfigError, match=r"--quantise q4_k_m needs the packages libgguf and gguf.*--extra gguf"):
        refuse_without_libgguf("q4_k_m")
