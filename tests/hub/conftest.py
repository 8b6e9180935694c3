"""A hub with the tiny model in two versions and small synthetic data sets, and processes that ask it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medqa_sweeps.assets import resolve_bundled
from tests.hub.server import Files, Hub, Repository

ROOT = Path(__file__).parents[2]
Ask = Callable[..., list[dict[str, Any]]]


def tiny_model(other: bool = False) -> Files:
    """The files of the shipped base; `other`: with weights of another sign at the end of its safetensors."""
    folder = resolve_bundled("bundled:tiny_gemma3")
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".json", ".jinja")}
    weights = bytearray((folder / "model.safetensors").read_bytes())
    if other:
        weights[-255::2] = bytes(byte ^ 0x80 for byte in weights[-255::2])  # the high byte of a bfloat16
    return {**files, "model.safetensors": bytes(weights), "README.md": b"A test's model.\n"}


def questions(topic: str, count: int = 4) -> list[dict[str, Any]]:
    """Synthetic MedQA records."""
    return [
        {
            "question": f"Invented question {number} of {topic}?",
            "options": {letter: f"{topic} answer {letter}{number}" for letter in "ABCD"},
            "answer_idx": "ABCD"[number % 4],
        }
        for number in range(count)
    ]


def parquet(records: list[dict[str, Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(records), sink)
    return sink.getvalue().to_pybytes()


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub()
    made.models["ours/tiny"] = Repository()
    made.models["ours/tiny"].commit(tiny_model(), "main", "v1")
    made.models["ours/bare"] = Repository()
    made.models["ours/bare"].commit({"config.json": b"{}"})
    made.datasets["ours/medqa"] = Repository()
    splits = {f"data/{split}-00000-of-00001.parquet": parquet(questions(split)) for split in ("train", "validation")}
    made.datasets["ours/medqa"].commit({**splits, "README.md": b"A test's data set.\n"}, "main", "v1")
    yield made
    made.close()


@pytest.fixture
def environment(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Of a process that knows only `hub` (None: nothing listens there), with a cache that is empty at first."""

    def of(hub: Hub | None, **more: str) -> dict[str, str]:
        theirs = ("HF_", "HUGGING", "TRANSFORMERS_", "WANDB", "PYTHONDONTWRITEBYTECODE")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(theirs)}
        endpoint = hub.endpoint if hub else f"http://127.0.0.1:{closed_port()}"
        own = {"HF_HOME": str(tmp_path / "hf"), "MEDQA_SWEEPS_CACHE": str(tmp_path / "ours"), "HF_ENDPOINT": endpoint}
        return {
            **kept,
            **own,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "WANDB_BASE_URL": endpoint,
            **more,
        }

    return of


@pytest.fixture
def ask(environment: Callable[..., dict[str, str]]) -> Ask:
    """What a new process finds: `one, two = ask(hub, model(…), data(…), HF_HUB_OFFLINE="1")`."""

    def ask_hub(hub: Hub | None, *asked: dict[str, Any], **more: str) -> list[dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.hub.client", json.dumps(asked)],
            cwd=ROOT, env=environment(hub, **more), capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        answers: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
        return answers

    return ask_hub


def model(revision: str | None = None, hub_id: str = "ours/tiny") -> dict[str, Any]:
    return {"model": {"hub_id": hub_id, "revision": revision}}


def data(revision: str | None = None, hub_id: str = "ours/medqa", **more: Any) -> dict[str, Any]:
    return {"data": {"hub_id": hub_id, "revision": revision, **more}}


def trial(**more: Any) -> dict[str, Any]:
    """A trial whose base and questions are on the hub, by the branch main."""
    of_model = {"model__path": None, "model__hub_id": "ours/tiny"}
    of_data = {"data__hub_id": "ours/medqa", "data__train": "train", "data__validation": "validation"}
    return {"trial": {**of_model, **of_data, **more}}


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
