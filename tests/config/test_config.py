"""The schema: every file of conf/ fits it, every value has a range, and a config survives being saved."""

import dataclasses
import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hypothesis import given, strategies as st
from omegaconf import OmegaConf

import launch  # noqa: F401  registers the schema
from medqa_sweeps import config as config_module
from medqa_sweeps.config import (
    COUNTED_BY_CONTENT,
    IRRELEVANT_KEYS,
    LoraConfig,
    TrialConfig,
    checked,
    from_hydra,
    signature,
    with_defaults,
)
from medqa_sweeps.config.overrides import override
from medqa_sweeps.errors import ConfigError

CONF = Path(__file__).parents[2] / "conf"
FILES = sorted(path.relative_to(CONF) for path in CONF.rglob("*.yaml"))


@pytest.fixture(autouse=True, scope="module")
def conf() -> Iterator[None]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield


@functools.cache
def composed(*overrides: str) -> TrialConfig:
    return from_hydra(compose("config", overrides=list(overrides)))


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_file_composes_and_fits_the_schema(file: Path) -> None:
    overrides = [] if file.parent == Path(".") else [f"{file.parent}={file.stem}"]
    if file.name == "local.yaml":
        overrides.append(f"{file.parent}.{'path' if file.parent.name == 'model' else 'train'}=FOLDER")
    if file.parent.name == "retrieval" and file.stem in ("dense", "hybrid"):
        overrides.append("retrieval.embedder=FOLDER")
    if file.parent.name == "retrieval" and file.stem != "none":
        overrides += ["retrieval.corpus=FOLDER", "prompt=chat_passages"]
    loaded = compose("config", overrides=overrides, return_hydra_config=True)
    assert file.parent.parts[:1] == ("hydra",) or composed(*overrides)
    assert loaded


def _shown() -> dict[str, str]:
    """By group of the schema, the option that conf/config.yaml names."""
    defaults = OmegaConf.to_container(OmegaConf.load(CONF / "config.yaml").defaults)
    chosen = {key: value for entry in defaults if isinstance(entry, dict) for key, value in entry.items()}
    return {group: chosen[group] for group in config_module.TRIAL_KEYS - {"seed"}}


def _stated(group: str, option: str) -> dict[str, Any]:
    return dict(OmegaConf.to_container(OmegaConf.load(CONF / group / f"{option}.yaml")))


def _by_default(group: str) -> dict[str, Any]:
    """Defaults of the schema, without those that say nothing (null, an empty list, a missing value)."""
    schema = OmegaConf.to_container(OmegaConf.structured(TrialConfig)[group])
    return {key: value for key, value in schema.items() if value not in (None, [], {}, "???")}


@pytest.mark.parametrize("group", sorted(_shown()))
def test_the_default_option_shows_every_key_with_the_schemas_default(group: str) -> None:
    stated, by_default = _stated(group, _shown()[group]), _by_default(group)
    assert list(stated) == list(OmegaConf.structured(TrialConfig)[group])
    assert {key: stated[key] for key in by_default} == by_default


@pytest.mark.parametrize("file", [file for file in FILES if str(file.parent) in _shown()], ids=str)
def test_other_options_state_only_what_they_change_and_name_the_file_with_all_keys(file: Path) -> None:
    group, shown = str(file.parent), _shown()[str(file.parent)]
    if file.stem == shown:
        return
    stated, by_default = _stated(group, file.stem), _by_default(group)
    repeated = [key for key in stated if key in by_default and stated[key] == by_default[key]]
    assert not repeated, f"{file} repeats defaults: remove {', '.join(repeated)}; {shown}.yaml shows every key"
    assert f"# All keys: {shown}.yaml." in (CONF / file).read_text(), f"say in {file} where all keys stand"
    assert stated.get("name", file.stem) == file.stem, "an option is called as its file"


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_head_comment_is_a_command_that_composes(file: Path) -> None:
    head = (CONF / file).read_text().split("\n\n")[0] if file.parent == Path(".") else (CONF / file).read_text()
    commands = re.findall(r"^#\s+uv run launch\.py(.*)$", head, re.MULTILINE)
    assert commands, f"{file}: no command in its head comment"
    for command in commands:
        words = shlex.split(re.split(r"\s{2,}", command)[0])
        swept = "-m" in words
        words = [word for word in words if word not in ("-m", "--cfg", "hydra") and not word.startswith("hydra/")]
        for value in range(4 if swept else 1):
            composed(*(_one_value(word, value) if swept else word for word in words))


def _one_value(word: str, place: int) -> str:
    key, _, values = word.partition("=")
    choices = values.split(",")
    return f"{key}={choices[place % len(choices)]}"


def test_defaults_are_those_for_gemma_3_1b_on_16_gb() -> None:
    config = composed()
    assert config.model.hub_id == "unsloth/gemma-3-1b-it" and config.model.load_in_4bit
    assert (config.lora.r, config.lora.dropout, config.optimizer.lr) == (16, 0.0, 1e-4)
    assert list(config.lora.target_modules) == list(config_module.LINEAR_MODULES)
    assert (config.scheduler.name, config.scheduler.warmup_ratio) == ("cosine", 0.05)
    assert (config.training.effective_batch_size, config.training.epochs) == (16, 3.0)
    assert config.training.max_length_tokens == 768


def test_alpha_follows_the_rank_unless_it_is_given() -> None:
    assert composed("lora.r=64").lora.alpha == 128
    assert composed("lora.r=64", "lora.alpha=7").lora.alpha == 7


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("lora.r=0", "lora.r=0.*from 1 up"),
        ("lora.dropout=1.5", r"lora.dropout=1.5.*0.05"),
        ("lora.dropout=nan", "lora.dropout=nan"),
        ("lora.target_modules=[q_proj,foo]", "target_modules=foo: allowed are q_proj, k_proj"),
        ("lora.target_modules=[]", "target_modules is empty"),
        ("optimizer.lr=0", "optimizer.lr=0.*above 0"),
        ("optimizer.lr=nan", "optimizer.lr=nan"),
        ("optimizer.name=sgd", "allowed are adamw, adamw_fused, adamw_8bit"),
        ("scheduler.warmup_ratio=1.2", "from 0 to 1"),
        ("training.micro_batch_tokens=0", "micro_batch_tokens=0: auto, or a whole number of tokens, 1 or more"),
        ("evaluation.batch_tokens=many", "batch_tokens=many: auto, or a whole number of tokens"),
        ("training.micro_batch_size=0", "micro_batch_size=0: 1 or more, or null"),
        ("training.max_steps=0", "max_steps=0: 1 or more"),
        ("training.epochs=0", "epochs=0"),
        ("split.train_fraction=0", "train_fraction=0"),
        ("split.fold=5", "from 0 to 4"),
        ("evaluation.reports=0", "reports=0"),
        ("evaluation.method=guess", "allowed are log_probability, generate"),
        ("tracking.mode=maybe", "allowed are auto, online"),
        ("seed=-1", "seed=-1"),
        ("model.path=x", "exactly one"),
        ("prompt.template=hello", r"lacks \{question\}"),
    ],
)
def test_a_value_out_of_range_is_named_with_what_is_allowed(override: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        composed(override)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["+lora.rank=8"], "lora.rank is not a setting. Did you mean lora.r?"),
        (["++lora.rank=8"], "lora.rank is not a setting. Did you mean lora.r?"),
        (["+lora.rank=8", "+foo=1"], "lora.rank .*\nfoo is not a setting. A config has seed, .*tracking.notes.foo"),
        (["++tracking.note.why=x"], "tracking.note is not a setting. Did you mean tracking.notes?"),
    ],
)
def test_a_key_that_the_schema_does_not_know_is_refused_although_hydra_took_it(overrides: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        composed(*overrides)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("model=local", "model.path"),
        ("lora.r=${nowhere}", "lora.r: Interpolation key 'nowhere' not found."),
        ("lora.r=${prompt.name}", "lora.r=chat: must be a whole number."),
    ],
)
def test_what_omegaconf_cannot_make_a_value_of_is_told_in_one_sentence(override: str, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)) as error:
        composed(override)
    assert "full_key" not in str(error.value) and "object_type" not in str(error.value)


@pytest.mark.parametrize("override", ["tracking.notes.why=first try", "tracking.notes={why: first try}"])
def test_notes_take_names_of_ones_own_and_survive_being_saved(override: str, tmp_path: Path) -> None:
    for asked in (override, f"+{override}"):
        config = composed(asked)
        assert config.tracking.notes == {"why": "first try"}
    config_module.save(config, tmp_path / "config.yaml")
    assert config_module.load(tmp_path / "config.yaml") == config
    assert signature(config, "base", "questions") == signature(composed(), "base", "questions")


def test_every_wrong_value_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        composed("lora.r=0", "lora.dropout=2", "optimizer.lr=-1")
    assert all(key in str(error.value) for key in ("lora.r=0", "lora.dropout=2", "optimizer.lr=-1"))


def test_a_saved_config_is_read_back_equal(tmp_path: Path) -> None:
    config = composed("optimizer.lr=1e-5", "lora.target_modules=[q_proj]", "tracking.tags=[a,b]")
    config_module.save(config, tmp_path / "config.yaml")
    assert config_module.load(tmp_path / "config.yaml") == config


@pytest.mark.parametrize("text", ["${x}", "${", "\\${lora.r}", "it's", "1e-5", "null", "é", "a: b", " ", "'", "\\"])
def test_a_saved_text_is_no_interpolation(text: str, tmp_path: Path) -> None:
    config = composed(override("prompt.system", text), override("tracking.tags", [text]))
    assert config.prompt.system == text
    config_module.save(config, tmp_path / "config.yaml")
    assert config_module.load(tmp_path / "config.yaml") == config


@pytest.mark.parametrize("text", ["lora: {rr: 3}", "lora: {r: many}", "- a list", "lora: [", "seed: -1", ""])
def test_a_damaged_saved_config_is_refused_in_words(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        config_module.load(path)


def _different(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, list):
        return [*value, "q"]
    return "other"


def _leaves() -> Iterator[tuple[str, str]]:
    for group in dataclasses.fields(TrialConfig):
        if group.name != "seed":
            yield from ((group.name, leaf.name) for leaf in dataclasses.fields(group.default_factory()))  # type: ignore[misc]


@pytest.mark.parametrize(("group", "key"), _leaves())
def test_each_key_is_in_the_signature_or_listed_as_what_it_leaves_out(group: str, key: str) -> None:
    config = composed()
    part = getattr(config, group)
    changed = dataclasses.replace(config, **{group: dataclasses.replace(part, **{key: _different(getattr(part, key))})})
    same = signature(changed, "base", "questions") == signature(config, "base", "questions")
    listed = IRRELEVANT_KEYS | COUNTED_BY_CONTENT
    assert same == (group in listed or f"{group}.{key}" in listed)


@pytest.mark.parametrize(
    ("words", "pinned"),
    [
        (["experiment=quickstart"], "8f75c0334f36"),
        (["model=local", "model.path=/m", "data=local", "data.train=/d/a.jsonl"], "188afbf9e83b"),
        (["data=local", "data.train=[/d/a.csv,/d/b.csv]", "data.columns.question=Stem"], "188afbf9e83b"),
        (["data=local", "data.train=/d/a", "data.encoding=cp1252", "data.delimiter=tab"], "188afbf9e83b"),
    ],
)
def test_signatures_of_studies_that_exist_are_as_they_were(words: list[str], pinned: str) -> None:
    """Another one ends every study: trials that are resumed or repeated would be other experiments."""
    assert signature(composed(*words), "base", "questions") == pinned


def test_several_files_and_columns_survive_being_saved(tmp_path: Path) -> None:
    files = "data.train=[a.csv,'~/b*.csv',bundled:sample/train.jsonl]"
    options = override("data.columns.options", ["1", "2", "Opt ${x}"])
    safety = "safety.drug_names=names.csv"
    config = composed("data=local", files, options, "data.columns.id=q7", "data.delimiter=pipe", safety)
    here = [str(Path("a.csv").absolute()), str(Path("~/b*.csv").expanduser()), "bundled:sample/train.jsonl"]
    assert config.data.train == here and config.data.columns.options == ["1", "2", "Opt ${x}"]
    config_module.save(config, tmp_path / "config.yaml")
    assert config_module.load(tmp_path / "config.yaml") == config
    moved = config_module.with_paths(config, lambda path: f"/now{path}")
    assert moved.data.train == [f"/now{here[0]}", f"/now{here[1]}", here[2]]
    assert moved.safety.drug_names == f"/now{Path('names.csv').absolute()}" and moved.safety.requests is None


def test_an_encoder_is_a_folder_of_this_machine_or_an_id_of_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "local" / "encoder").mkdir(parents=True)
    second = "ours/e5@refs/pr/1"
    asked = ("prompt=chat_passages", "retrieval=dense", "retrieval.corpus=x", f"retrieval.query_embedder={second}")
    for name, kept in (
        ("local/encoder", str(tmp_path / "local" / "encoder")),
        *((f"{name}", f"{tmp_path}/{name}") for name in ("encoder", "a/b/c")),
        *((name, name) for name in ("ours/e5-small", "ours/e5@v1", "/e")),
    ):
        config = composed.__wrapped__(*asked, f"retrieval.embedder='{name}'")
        assert config.retrieval.embedder == kept and config.retrieval.query_embedder == second
        moved = config_module.with_paths(config, lambda path: f"/now{path}").retrieval
        assert moved.embedder == (f"/now{kept}" if kept.startswith("/") else kept)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["retrieval=dense"], "retrieval.k=4: retrieval=dense needs an encoder: retrieval.embedder=FOLDER"),
        (["retrieval=hybrid"], "retrieval=hybrid needs an encoder"),
        (["retrieval=dense", "retrieval.embedder=' '"], "a folder, or an ID of the hub"),
        (["retrieval=dense", "retrieval.query_embedder=/e"], "name the encoder of the passages too"),
        (["retrieval=dense", "retrieval.embedder=/e", "retrieval.pooling=max"], "allowed are cls, mean"),
    ],
)
def test_what_no_encoder_can_be_is_refused(words: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        composed("prompt=chat_passages", "retrieval.corpus=/c", *words)
    assert sentence in str(refused.value)


def test_a_config_of_an_earlier_version_is_read_with_the_defaults_of_new_keys(tmp_path: Path) -> None:
    config_module.save(composed("data=local", "data.train=/d/a.jsonl"), tmp_path / "config.yaml")
    saved = yaml.safe_load((tmp_path / "config.yaml").read_text())
    for key in ("columns", "encoding", "delimiter"):
        del saved["data"][key]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(saved))
    assert config_module.load(tmp_path / "config.yaml") == composed("data=local", "data.train=/d/a.jsonl")


def test_what_the_signature_leaves_out_is_a_setting_and_has_a_reason() -> None:
    known = {group.name for group in dataclasses.fields(TrialConfig)} | {".".join(leaf) for leaf in _leaves()}
    for listed in (IRRELEVANT_KEYS, COUNTED_BY_CONTENT):
        assert listed.keys() <= known
        assert all(len(reason) > 5 for reason in listed.values())
    groups = {key.partition(".")[0] for key in IRRELEVANT_KEYS}
    assert not groups & {"prompt", "lora", "scheduler", "optimizer", "split"}, "all of their keys can matter"


def test_the_signature_counts_seed_base_and_questions_by_content() -> None:
    config = composed()
    first = signature(config, "base", "questions")
    assert first != signature(dataclasses.replace(config, seed=1), "base", "questions")
    assert first != signature(config, "other", "questions") and first != signature(config, "base", "other")


@given(r=st.integers(-3, 300), dropout=st.floats(), alpha=st.none() | st.floats())
def test_checked_fills_in_or_refuses_and_never_raises_anything_else(
    r: int, dropout: float, alpha: float | None
) -> None:
    config = TrialConfig(lora=LoraConfig(name="x", r=r, dropout=dropout, alpha=alpha))
    config.model.path, config.data.train = "folder", "file"
    config.prompt.template = "{question}{options}"
    try:
        done = checked(config)
    except ConfigError as error:
        assert "lora." in str(error)
    else:
        assert done.lora.alpha is not None and done.lora.alpha > 0 and 0 <= done.lora.dropout < 1


def test_a_setting_that_an_earlier_version_did_not_have_has_its_default() -> None:
    """Else no study would outlive a new setting: `data.allow_overlap: None then, False now`."""
    now = OmegaConf.to_container(OmegaConf.structured(composed("data.allow_overlap=true", "lora.r=64")))
    assert isinstance(now, dict)
    then = {**now, "data": {key: value for key, value in now["data"].items() if key != "allow_overlap"}}
    assert with_defaults(then)["data"]["allow_overlap"] is False
    assert with_defaults(then)["lora"] == now["lora"] and with_defaults(now) == now
    assert with_defaults({"data": {"x": 1}}) == {"data": {"x": 1}}, "another program's"
