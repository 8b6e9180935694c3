"""What of a model's folder is in its fingerprint: every file that a loader reads, whatever its times say."""

import importlib.util
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.base import BaseModel, files as model_files, locate
from medqa_sweeps.base.files import IRRELEVANT_FILES, TEMPLATES, hashes, why_irrelevant
from medqa_sweeps.config import ModelConfig
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.trial.plan import plan_trial
from tests.analysis.trial_folders import trial_config

TINY = resolve_bundled("bundled:tiny_gemma3")
# What other models' folders hold besides, and what lies about in people's own.
BESIDES = (
    *("special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt", "tokenizer.model"),
    *("spiece.model", "sentencepiece.bpe.model", "tekken.json", "qwen.tiktoken", "source.spm", "chat_template.json"),
    *("preprocessor_config.json", "processor_config.json", "quantize_config.json", "hf_quant_config.json"),
    *("model.safetensors.index.json", f"{TEMPLATES}/tool_use.jinja", "tokenizer.model.v3"),
    *("LICENSE", "LICENSE.txt", "NOTICE.txt", "USE_POLICY.md", ".gitattributes", "requirements.txt", "notes.png"),
    *("modeling_own.py", "pytorch_model.bin", "pytorch_model.bin.index.json", "model.gguf", "consolidated.00.pth"),
    *("modelcard.json", "trainer_state.json", "eval_results.json", "training_args.bin", "optimizer.pt"),
    *("original/params.json", "onnx/model.onnx", f"{TEMPLATES}/README.md"),
)
NAMES = sorted({*BESIDES, *(file.name for file in TINY.iterdir() if file.is_file())})
LFS_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\nsize 1502096\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the tiny base that a test may change."""
    return shutil.copytree(TINY, tmp_path / "base", ignore=shutil.ignore_patterns("__pycache__"))


def located(folder: Path) -> BaseModel:
    return locate(ModelConfig(name="local", path=str(folder)))


def rewrite(file: Path) -> None:
    """Other content of the same length: in JSON another blank, elsewhere another last bit."""
    content = file.read_bytes()
    changed = content.replace(b"\n", b" ", 1) if content[:1] == b"{" and b"\n" in content else None
    file.write_bytes(changed or content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_comes_changes_or_goes_is_another_base_unless_its_reason_is_listed(name: str, folder: Path) -> None:
    file, matters = folder / name, why_irrelevant(name) is None
    before = located(folder)
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        file.write_text("{\n}")
        assert (located(folder).fingerprint != before.fingerprint) == matters, "it came"
        before = located(folder)
    rewrite(file)
    after = located(folder)
    assert (after.fingerprint != before.fingerprint) == matters, "it changed"
    assert {one for one in after.files if after.files[one] != before.files[one]} == ({name} if matters else set())
    if name not in ("config.json", "model.safetensors", "tokenizer.json"):  # without these it is no model
        file.unlink()
        assert (name in located(folder).files) is False
        assert (located(folder).fingerprint != after.fingerprint) == matters, "it went"


def test_the_same_weights_with_another_tokenizer_are_another_experiment(folder: Path) -> None:
    """It was `the same experiment, not run again`."""
    config = trial_config(data__validation="bundled:sample/validation.jsonl", model__path=str(folder))
    before = plan_trial(config)
    rewrite(folder / "tokenizer.json")
    after = plan_trial(config)
    assert after.signature != before.signature and after.replicate_key != before.replicate_key


def test_every_reason_is_a_clause() -> None:
    assert all(len(reason.split()) > 3 for reason in IRRELEVANT_FILES.values())
    assert why_irrelevant("notes.png") == "no loader reads files of this type"


def test_every_file_that_transformers_looks_for_is_in_the_fingerprint_or_listed() -> None:
    """From its source, as to import all tokenizers takes a minute: the names of vocabularies, configs and weights."""
    spec = importlib.util.find_spec("transformers")
    assert spec and spec.origin
    source = Path(spec.origin).parent
    text = "".join(file.read_text() for file in source.rglob("tokenization_*.py"))
    vocabularies = re.findall(r"VOCAB_FILES_NAMES[^={]*= *\{(.*?)\}", text, re.DOTALL)
    names = {name for found in vocabularies for name in re.findall(r"[\"']([\w.-]+\.\w+)[\"']", found)}
    constants = (source / "utils" / "__init__.py").read_text() + (source / "utils" / "hub.py").read_text()
    names |= set(re.findall(r"^[A-Z_]+ = [\"']([\w.-]+\.(?:json|jinja|safetensors|bin))[\"']", constants, re.MULTILINE))
    assert {"tokenizer.json", "spiece.model", "chat_template.jinja", "processor_config.json"} <= names
    of_no_causal_model = {"prophetnet.tokenizer"}
    unknown = [name for name in names - of_no_causal_model if why_irrelevant(name) == model_files._NO_TYPE]
    assert unknown == []


def test_what_is_opened_while_a_base_is_read_is_in_its_fingerprint(folder: Path) -> None:
    """Weights are opened outside of Python, so that they are not seen here."""
    from transformers import AutoConfig, AutoTokenizer, GenerationConfig

    opened: set[str] = set()
    listening = [True]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:  # there to stay: nobody can take a hook back
        if listening and event == "open" and str(arguments[0]).startswith(f"{folder}/"):
            opened.add(str(arguments[0]).removeprefix(f"{folder}/"))

    sys.addaudithook(hook)
    for one in (AutoTokenizer, AutoConfig, GenerationConfig):
        one.from_pretrained(folder)
    listening.clear()
    assert {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "config.json"} <= opened
    assert opened <= hashes(folder).keys()


# What is remembered


def _with_times(file: Path, seconds: int) -> None:
    os.utime(file, ns=(seconds * 10**9, seconds * 10**9))


def test_a_file_of_another_content_with_the_same_size_and_times_is_another_base(folder: Path) -> None:
    """A copy that keeps times, or a package in which all files are of one second."""
    file = folder / "tokenizer_config.json"
    _with_times(file, 1_700_000_000)
    before = located(folder).fingerprint
    rewrite(file)
    _with_times(file, 1_700_000_000)
    assert located(folder).fingerprint != before


class WholeSeconds:
    """The files' times as a disk keeps them that knows whole seconds; `now` is when the last of them changed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now: float) -> None:
        real = model_files._state
        monkeypatch.setattr(model_files, "_state", lambda file: (*real(file)[:3], int(now) * 10**9, int(now) * 10**9))
        monkeypatch.setattr(model_files.time, "time_ns", lambda: int(self.clock * 1e9))
        self.clock = now


def test_on_a_disk_with_whole_seconds_a_second_change_in_the_same_second_is_noticed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = WholeSeconds(monkeypatch, now=1_700_000_000.1)
    before = located(folder).fingerprint
    rewrite(folder / "tokenizer_config.json")  # at .5: its inode, size and times are what they were
    disk.clock += 60
    assert located(folder).fingerprint != before


@pytest.mark.parametrize("large", [False, True], ids=["in the process", "and on disk"])
def test_what_has_settled_is_hashed_once(folder: Path, large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[Path] = []
    real = model_files._sha256
    monkeypatch.setattr(model_files, "_sha256", lambda file: hashed.append(file) or real(file))
    monkeypatch.setattr(model_files, "_LARGE_BYTES", 1 if large else 1 << 24)
    WholeSeconds(monkeypatch, now=1_700_000_000.0).clock += 60
    first = located(folder)
    assert len(hashed) == len(first.files) and located(folder) == first
    assert len(hashed) == len(first.files), "in this process"
    model_files._check_and_hash.cache_clear()
    assert located(folder) == first
    assert len(hashed) == len(first.files) * (1 if large else 2), "in another one"


# What is broken


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "tokenizer_config.json", "config.json"])
def test_a_git_lfs_pointer_is_named_with_the_way_to_the_file(name: str, folder: Path) -> None:
    """It was `internal: SafetensorError: header too large`, after the trial had begun."""
    (folder / name).write_text(LFS_POINTER)
    with pytest.raises(ConfigError, match=rf"base/{name} is a Git-LFS pointer.*git lfs pull"):
        located(folder)


def test_weights_that_were_cut_short_are_named(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", 700_000)
    with pytest.raises(ConfigError, match=r"base/model.safetensors: not a readable safetensors file.*cut short"):
        located(folder)


def test_a_link_to_nothing_is_named(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.json").symlink_to("annex/objects/SHA256E-s70012")
    with pytest.raises(ConfigError, match=r"tokenizer.json is a link to a file that does not exist.*git annex get"):
        located(folder)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda base: (base / "tokenizer.json").unlink(), "it has no tokenizer"),
        (lambda base: (base / "adapter_config.json").write_text("{}"), "the base that this file names.*Merge"),
        (
            lambda base: (base / "model.safetensors").rename(base / "weights.safetensors"),
            "libraries load .model.safetensors",
        ),
        (lambda base: (base / "config.json").write_text("[]"), "config.json is not a JSON object"),
        (lambda base: (base / "model.safetensors.index.json").write_text("{"), "index.json is not JSON"),
    ],
)
def test_what_the_libraries_would_load_otherwise_is_refused(change: Any, told: str, folder: Path) -> None:
    change(folder)
    with pytest.raises(ConfigError, match=told):
        located(folder)
