"""A folder sent by the real client to a hub on the loopback: private, with its card, or not at all."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medqa_sweeps.wording import EDUCATION_ONLY
from tests.conftest import ROOT
from tests.export.hub_for_uploads import OWNER, TOKEN, UploadHub

Push = Callable[..., str]
WEIGHTS = bytes(range(256)) * 40
_PUSH = """
import json, sys
from pathlib import Path
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.export.upload import push
for folder, name, private in json.loads(sys.argv[1]):
    try:
        print("now at", push(Path(folder), name, private))
    except ConfigError as error:
        print("refused:", error)
"""


@pytest.fixture(scope="module")
def hub() -> Iterator[UploadHub]:
    made = UploadHub()
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export: card, config, weights."""
    made = tmp_path / "export"
    made.mkdir()
    (made / "README.md").write_text(f"---\ntags: [lora]\n---\n\n# A model\n\n**{EDUCATION_ONLY}**\n")
    (made / "adapter_config.json").write_text('{"r": 8}')
    header = b'{"__metadata__":{"format":"pt"}}'
    (made / "adapter_model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + WEIGHTS)
    return made


@pytest.fixture
def pushed(hub: UploadHub, folder: Path, tmp_path: Path) -> Push:
    """What a new process says of a push: a client keeps endpoint and token from its start."""

    def push(*names: str, private: bool = True, token: str = TOKEN, endpoint: str = hub.endpoint, **more: str) -> str:
        of_the_hub = ("HF_", "HUGGING", "TRANSFORMERS_OFFLINE")  # other tests of this process may have set them
        kept = {key: value for key, value in os.environ.items() if not key.startswith(of_the_hub)}
        own = {"HF_HOME": str(tmp_path / "hf"), "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_TELEMETRY": "1"}
        if token:
            own["HF_TOKEN"] = token
        done = subprocess.run(
            [sys.executable, "-c", _PUSH, json.dumps([[str(folder), name, private] for name in names])],
            env={**kept, **own, "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1", **more},
            cwd=ROOT, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return push


def test_every_file_arrives_and_only_the_owner_sees_them(hub: UploadHub, folder: Path, pushed: Push) -> None:
    first, again = pushed("winner", f"{OWNER}/winner").splitlines()
    assert first == f"now at {hub.endpoint}/{OWNER}/winner"
    there = hub.repositories[f"{OWNER}/winner"]
    assert {name: data for name, data in there.items() if name != ".gitattributes"} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }
    assert hub.private[f"{OWNER}/winner"]
    assert "POST /api/validate-yaml" in hub.asked  # the client had the hub check the metadata
    assert "--push someone/winner: the hub already has someone/winner, with files. Choose another name." in again


def test_public_only_where_that_is_asked_for_and_never_by_a_name_that_was_taken(hub: UploadHub, pushed: Push) -> None:
    assert pushed("open", private=False).startswith("now at")
    assert not hub.private[f"{OWNER}/open"]
    hub.repositories[f"{OWNER}/empty"], hub.private[f"{OWNER}/empty"] = {".gitattributes": b""}, False
    assert "already has someone/empty, and everybody sees it" in pushed("empty")
    assert len(hub.repositories[f"{OWNER}/empty"]) == 1
    hub.private[f"{OWNER}/empty"] = True  # as an upload that broke off leaves it
    assert pushed("empty").startswith("now at")


@pytest.mark.parametrize("text", [None, "# A model without the sentence"])
def test_nothing_is_sent_without_the_card(text: str | None, hub: UploadHub, folder: Path, pushed: Push) -> None:
    (folder / "README.md").unlink() if text is None else (folder / "README.md").write_text(text)
    before = len(hub.asked)
    assert "is not the model card of an export" in pushed("bare")
    assert len(hub.asked) == before


def test_nothing_is_sent_with_something_private_in_it(hub: UploadHub, folder: Path, pushed: Push) -> None:
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "/home/hodgson/models/base"}))
    before, said = len(hub.asked), pushed("leak")
    assert said.startswith("refused: adapter_config.json holds a path in somebody's home folder.")
    assert "hodgson" not in said and len(hub.asked) == before


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"token": ""}, "there is no token. Run `uv run hf auth login`"),
        ({"token": "hf_" + "z" * 30}, "the hub does not accept the token"),
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set"),
    ],
)
def test_who_may_not_upload_is_told_the_next_step(more: dict[str, str], sentence: str, pushed: Push) -> None:
    said = pushed("winner", **more)
    assert said.startswith("refused: --push winner: ") and sentence in said
    assert "zzz" not in said


def test_names_that_cannot_be_had(pushed: Push) -> None:
    odd, of_others = pushed("a b/c", "hospital/winner").splitlines()
    assert "--push a b/c: not a name of the hub" in odd
    assert "--push hospital/winner: the token has no right to write there" in of_others


def test_without_a_network_the_folder_is_still_there(folder: Path, pushed: Push) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{one.getsockname()[1]}"
    said = pushed("winner", endpoint=nobody)
    assert "cannot be reached (ConnectError)" in said and "is complete: push it when there is a network" in said


def test_a_refusal_in_the_middle_is_said_as_the_hub_says_it(hub: UploadHub, pushed: Push) -> None:
    hub.fails_at = "/commit/"
    try:
        assert "the hub refuses the upload: the disk of the hub is full." in pushed("half")
    finally:
        hub.fails_at = None
    assert pushed("half").startswith("now at")  # the empty repository is used again


def test_metadata_that_the_hub_refuses_is_said(folder: Path, pushed: Push) -> None:
    (folder / "README.md").write_text(f"# No metadata\n\n{EDUCATION_ONLY}\n")
    assert "the hub refuses the upload: Invalid metadata in README.md. - no metadata." in pushed("plain")
