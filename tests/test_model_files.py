"""What of a model's folder is in its fingerprint: every file that a loader reads, and nothing else."""

import ast
import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from medqa_sweeps import model_files
from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.base import locate
from medqa_sweeps.config import ModelConfig
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.model_files import CANNOT_MATTER, TEMPLATES, hashes, why_it_cannot_matter

# A folder as people have them: what the tiny base holds, what other models hold besides, and what lies about.
BESIDES = (
    *("special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt", "tokenizer.model"),
    *("spiece.model", "sentencepiece.bpe.model", "tekken.json", "qwen.tiktoken", "source.spm", "chat_template.json"),
    *("preprocessor_config.json", "processor_config.json", "quantize_config.json", "hf_quant_config.json"),
    *("model.safetensors.index.json", "dtypes.json", f"{TEMPLATES}/tool_use.jinja"),
    *("LICENSE", "LICENSE.txt", "NOTICE.txt", "USE_POLICY.md", ".gitattributes", "requirements.txt", "notes.png"),
    *("modeling_own.py", "pytorch_model.bin", "pytorch_model.bin.index.json", "model.gguf", "consolidated.00.pth"),
    *("modelcard.json", "trainer_state.json", "eval_results.json", "training_args.bin", "optimizer.pt"),
    *("original/params.json", "onnx/model.onnx", f"{TEMPLATES}/README.md"),
)
TINY = resolve_bundled("bundled:tiny_gemma3")
NAMES = sorted({*BESIDES, *(file.name for file in TINY.iterdir() if file.is_file())})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny base with all of that; what is JSON to a loader is an empty object."""
    made = tmp_path_factory.mktemp("models") / "model"
    shutil.copytree(TINY, made)
    for name in BESIDES:
        (made / name).parent.mkdir(exist_ok=True)
        (made / name).write_text("{}")
    return made


def fingerprint(folder: Path) -> str:
    return locate(ModelConfig(name="local", path=str(folder))).fingerprint


@pytest.fixture
def changed(folder: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The file of that name, of other content at the same length while the test runs."""
    file = folder / request.param
    before = file.read_bytes()
    file.write_bytes(_of_other_content(before))
    yield file
    file.write_bytes(before)


def _of_other_content(content: bytes) -> bytes:
    """A blank for a blank in JSON; the last bit of anything else."""
    if content.startswith(b"{") and b"{}" not in content:
        return content.replace(b"\n", b" ", 1)
    return b"[]" if content == b"{}" else content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("changed", NAMES, indirect=True)
def test_each_file_is_in_the_fingerprint_or_on_the_list_of_what_cannot_matter(folder: Path, changed: Path) -> None:
    now = hashes(folder)
    name = changed.relative_to(folder).as_posix()
    shutil.copytree(TINY, other := folder.parent / "other", dirs_exist_ok=True)
    (other / name).parent.mkdir(exist_ok=True)
    shutil.copy(changed, other / name)
    reason = why_it_cannot_matter(name)
    assert (name in now) == (reason is None)
    assert (name in hashes(other)) == (reason is None)
    shutil.rmtree(other)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_changes_comes_or_goes_is_another_base_unless_it_cannot_matter(name: str, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(TINY, base)
    before, file = fingerprint(base), base / name
    matters = why_it_cannot_matter(name) is None
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        file.write_text("{}")
        assert (fingerprint(base) != before) == matters, "it came"
        before = fingerprint(base)
    file.write_bytes(_of_other_content(file.read_bytes()))
    assert (fingerprint(base) != before) == matters, "it changed"
    if name not in ("config.json", "model.safetensors", "tokenizer.json"):  # without these it is no model
        file.unlink()
        assert (fingerprint(base) != before) == matters, "it went"


def test_every_reason_is_a_reason() -> None:
    assert all(len(reason.split()) > 3 for reason in CANNOT_MATTER.values())
    assert "no loader looks for" in str(why_it_cannot_matter("notes.png"))
