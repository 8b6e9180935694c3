"""Models and data sets by id and revision, with the real clients against a hub on the loopback."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from medqa_sweeps.base import locate
from medqa_sweeps.config import ModelConfig
from medqa_sweeps.trial.folder import TrialDir
from tests.hub.conftest import ROOT, Ask, data, model, parquet, questions, tiny_model, trial
from tests.hub.server import Hub, Repository

OFFLINE = {"HF_HUB_OFFLINE": "1"}


def texts(topic: str) -> list[str]:
    return [one["question"] for one in questions(topic)]


def later_version(hub: Hub) -> None:
    """New commits on main; the tag v1 stays where it was."""
    hub.models["ours/tiny"].commit(tiny_model(other=True))
    hub.datasets["ours/medqa"].commit({"train.parquet": parquet(questions("a later version"))})


def test_the_pinned_revision_is_the_one_that_is_used(hub: Hub, ask: Ask) -> None:
    later_version(hub)
    old, new, old_data, new_data = ask(hub, model("v1"), model(), data("v1"), data())
    tags, of_data = hub.models["ours/tiny"].refs, hub.datasets["ours/medqa"].refs
    assert [one["commit"] for one in (old, new, old_data, new_data)] == [
        *(tags["v1"], tags["main"], of_data["v1"], of_data["main"])
    ]
    assert old["fingerprint"] != new["fingerprint"]
    assert (old_data["questions"], new_data["questions"]) == (texts("train"), texts("a later version"))
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= set(old["files"])


@pytest.mark.variant
def test_without_a_network_a_commit_is_itself_and_no_other(hub: Hub, ask: Ask) -> None:
    """`datasets` alone would read the newest version that it has cached, whatever was asked for."""
    pinned = model(hub.models["ours/tiny"].refs["v1"]), data(hub.datasets["ours/medqa"].refs["v1"])
    later_version(hub)
    cached = ask(hub, *pinned, model(), data())
    assert cached[0]["commit"] != cached[2]["commit"] and cached[1]["questions"] != cached[3]["questions"]
    hub.asked.clear()
    assert ask(hub, *pinned, model(), data(), **OFFLINE) == cached
    assert hub.asked == []
    *same, by_tag = ask(None, *pinned, model(), data(), data("v1"))
    assert same == cached
    assert "cannot be reached" in by_tag["sentence"], "what the tag stood for was never asked"


def test_a_trial_records_its_commits_and_keeps_them_when_branches_move(hub: Hub, ask: Ask) -> None:
    model_commit, data_commit = hub.models["ours/tiny"].refs["v1"], hub.datasets["ours/medqa"].refs["v1"]
    (first,) = ask(hub, trial())
    assert first["saved"] == [model_commit, data_commit], "what is saved names commits, not the branch"
    base, read = first["provenance"]["base"], first["provenance"]["questions"]
    assert (base["revision"], read["revision"]) == (model_commit, data_commit)
    assert base["label"] == f"ours/tiny at {model_commit[:7]}"
    splits = {"train": parquet(questions("later")), "validation": parquet(questions("later still"))}
    hub.models["ours/tiny"].commit(tiny_model(other=True))
    hub.datasets["ours/medqa"].commit({f"data/{split}.parquet": table for split, table in splits.items()})
    saved, moved = ask(hub, trial(model__revision=model_commit, data__revision=data_commit), trial())
    assert saved["provenance"]["signature"] == first["provenance"]["signature"] != moved["provenance"]["signature"]


@pytest.mark.variant
def test_an_encoder_is_one_of_an_exact_commit(hub: Hub, ask: Ask) -> None:
    """The tiny model stands in for one: its files are fetched and hashed, and no library reads them."""
    later_version(hub)
    old, new, other, unknown = ask(
        hub, *({"encoder": name} for name in ("ours/tiny@v1", "ours/tiny", "ours/other", "ours/tiny@v9"))
    )
    refs = hub.models["ours/tiny"].refs
    assert [one["pinned"] for one in (old, new)] == [f"ours/tiny@{refs[name]}" for name in ("v1", "main")]
    assert old["commit"] == refs["v1"] and old["label"] == f"ours/tiny at {refs['v1'][:7]}"
    assert other["kind"] == "config" and "The encoder ours/other: the hub has no such model" in other["sentence"]
    assert "The encoder ours/tiny@v9: ours/tiny has no such branch" in unknown["sentence"]
    assert "retrieval=bm25 needs no encoder" in unknown["sentence"]
    again, not_cached = ask(hub, {"encoder": old["pinned"]}, {"encoder": "ours/other"}, **OFFLINE)
    assert again == old and "cannot be reached" in not_cached["sentence"]


@pytest.mark.slow
def test_a_trial_trains_the_pinned_weights_and_its_adapter_says_which(
    hub: Hub, tmp_path: Path, environment: Callable[..., dict[str, str]]
) -> None:
    """Unsloth maps names to other repositories and then drops the revision: it must never see the name."""
    commit = hub.models["ours/tiny"].refs["v1"]
    hub.models["ours/tiny"].commit(tiny_model(other=True))
    base = ["model=qwen3_0_6b", "model.hub_id=ours/tiny", "model.revision=v1", f"hydra.run.dir={tmp_path / 'run'}"]
    few = ["training.max_steps=1", "evaluation.reports=1", "split.max_validation=8", "tracking=none"]
    done = subprocess.run(
        [sys.executable, "launch.py", "experiment=quickstart", *base, *few],
        cwd=ROOT, env=environment(hub), capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    run = TrialDir(tmp_path / "run")
    adapter = json.loads((run.adapter_folder / "adapter_config.json").read_text())
    assert (adapter["base_model_name_or_path"], adapter["revision"]) == ("ours/tiny", commit)
    assert run.config().model.revision == run.provenance()["base"]["revision"] == commit
    pinned = locate(ModelConfig(name="shipped", path="bundled:tiny_gemma3")).fingerprint
    assert run.provenance()["base"]["fingerprint"] == pinned


def test_an_interrupted_download_is_resumed(hub: Hub, ask: Ask) -> None:
    """The client writes 10 MiB at a time, so a file must be longer for a part of it to be kept."""
    hub.models["ours/long"] = Repository()
    weights = save({"zeros": np.zeros(24 << 20, np.uint8)})
    files = {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": weights}
    commit = hub.models["ours/long"].commit(files)
    hub.cuts["model.safetensors"] = 2
    assert ask(hub, model(hub_id="ours/long"))[0]["commit"] == commit
    ranges = [line.rpartition(" ")[2] for line in hub.asked if "GET /cdn/" in line]
    assert ranges[1:] == ["bytes=10485760-", "bytes=10485760-"], ranges


@pytest.mark.variant
def test_an_incomplete_download_is_reported_and_resumed_later(hub: Hub, ask: Ask) -> None:
    """What is here is not taken for the whole."""
    hub.missing |= {"model.safetensors", "data/train-00000-of-00001.parquet"}
    for told in ask(hub, model(), data()):
        assert re.search(
            r"only some of its files are cached.*start again: complete files are kept", told["sentence"]
        ), told
    for told in ask(None, model(), data(), **OFFLINE):
        assert "only some of its files are cached" in told["sentence"]
    hub.missing.clear()
    hub.asked.clear()
    assert all("commit" in found for found in ask(hub, model(), data()))
    assert not any("tokenizer.json" in line for line in hub.asked), "complete files are kept"


def test_a_subset_is_a_declared_one_or_a_folder_and_only_that_is_fetched(hub: Hub, ask: Ask) -> None:
    """The hub's own conversion to Parquet has a folder a subset and no card; its branch has slashes in its name."""
    folders = {f"en/{split}/0000.parquet": parquet(questions(f"en {split}")) for split in ("train", "validation")}
    folders["zh/train/0000.parquet"] = parquet(questions("zh"))
    hub.datasets["ours/medqa"].commit(folders, "refs/convert/parquet")
    converted = ask(hub, data("refs/convert/parquet", hub_subsets=["en"]))[0]
    assert converted.get("questions") == texts("en train"), converted
    assert not any("zh" in line for line in hub.asked if "resolve" in line)
    card = (
        b"---\nconfigs:\n- config_name: chinese\n  data_files:\n  - split: train\n    path: zh/train/*.parquet\n---\n"
    )
    hub.datasets["ours/medqa"].commit({**folders, "README.md": card})
    declared, unknown = ask(hub, data(hub_subsets=["chinese"]), data(hub_subsets=["latin"]))
    assert declared.get("questions") == texts("zh"), declared
    assert "latin" in unknown["sentence"] and unknown["kind"] == "data"


def test_what_the_hub_lacks_or_refuses_is_reported(hub: Hub, ask: Ask) -> None:
    def sentences(*asked: dict[str, Any]) -> list[str]:
        return [told["sentence"] for told in ask(hub, *asked)]

    no_model, no_data, no_tag, no_data_tag, no_split, no_weights = sentences(
        model(hub_id="ours/none"), data(hub_id="ours/none"), model("v9"), data("v9"), data(train="dev"),
        model(hub_id="ours/bare"),
    )  # fmt: skip
    assert "hub has no such model" in no_model and "hub has no such data set" in no_data
    assert "model.revision=v9: ours/tiny has no such" in no_tag
    assert "data.revision=v9: ours/medqa has no such" in no_data_tag
    assert "ours/medqa on the hub, split dev" in no_split and "validation" in no_split
    assert "no *.safetensors" in no_weights


@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_repository_says_how_to_be_let_in(status: int, hub: Hub, ask: Ask) -> None:
    hub.models["ours/tiny"].refusal = hub.datasets["ours/medqa"].refusal = status
    of_model, of_data = ask(hub, model(), data())
    assert re.search(r"accept its licence.*hf auth login.*hf download ours/tiny`", of_model["sentence"])
    assert re.search(r"accept its licence.*hf auth login.*--repo-type dataset", of_data["sentence"])
    assert (of_model["kind"], of_data["kind"]) == ("config", "data")


def test_without_network_and_cache_a_sentence_says_what_to_do(ask: Ask) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    for told in ask(None, model(), data(), model(commit), data(commit)):
        assert re.search(
            r"cannot be reached and nothing is cached.*uv run hf download ours/.*needs no hub", told["sentence"]
        )


def test_a_model_that_lacks_one_of_its_shards_is_refused(hub: Hub, ask: Ask) -> None:
    index = b'{"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}'
    hub.models["ours/half"] = Repository()
    shard = {"model-1-of-2.safetensors": save({"a": np.zeros(1)}), "model.safetensors.index.json": index}
    hub.models["ours/half"].commit({"config.json": b"{}", "tokenizer.json": b"{}", **shard})
    assert "its index names model-2-of-2.safetensors" in ask(hub, model(hub_id="ours/half"))[0]["sentence"]


def test_a_split_that_trains_and_validates_is_refused_unless_allowed(hub: Hub, ask: Ask) -> None:
    twice, both, allowed = ask(
        hub,
        trial(data__validation="train"),
        trial(data__train="train+validation"),
        trial(data__validation="train", data__allow_overlap=True),
    )
    told = "data.train=train and data.validation=train: all 4 validation questions are also training questions."
    assert twice["kind"] == "data" and twice["sentence"].startswith(told)
    assert "data.train=train+validation" in both["sentence"] and "data.allow_overlap=true" in both["sentence"]
    assert allowed["provenance"]["questions"]["flagged"] == {"in training and in validation": 4}


def test_a_cache_that_cannot_be_written_is_not_called_a_missing_network(hub: Hub, ask: Ask) -> None:
    for told in ask(hub, model(), data(), HF_HOME="/sys/hub"):
        assert "the hub's cache cannot be written (/sys/hub" in told["sentence"], told
        assert "Set HF_HOME" in told["sentence"] and "cannot be reached" not in told["sentence"]
