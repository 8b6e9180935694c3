"""What is asked of Ray; `tests/clusters` asks a real one."""

import dataclasses
import importlib.util
import subprocess
import sys
from typing import Any

import pytest

from medqa_sweeps.compose.settings import RaySettings
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.pool.ray_cluster import refuse_ungrantable
from medqa_sweeps.pool.ray_request import RayRequest, ray_request
from tests.conftest import ROOT


def request(at_most: int | None = None, **settings: Any) -> RayRequest:
    return ray_request(dataclasses.asdict(RaySettings(**settings)), at_most)


def test_every_setting_reaches_ray_or_the_pool() -> None:
    asked = request(
        slots=8, at_least=2, address="10.0.0.1:6379", gpus=0.5, cpus=4, memory="32G", resources={"disk": 1},
        runtime_env={"env_vars": {"TOKEN": "secret"}, "working_dir": "."}, autoscaling=True, cache="/local",
    )  # fmt: skip
    assert asked.options() == {
        "num_cpus": 4,
        "num_gpus": 0.5,
        "memory": 32 << 30,
        "resources": {"disk": 1.0},
        "runtime_env": {"env_vars": {"TOKEN": "secret"}, "working_dir": "."},
    }
    assert asked.amounts() == {"CPU": 4, "GPU": 0.5, "memory": 32 << 30, "disk": 1}
    assert (asked.slots, asked.at_least, asked.cache, asked.autoscaling) == (8, 2, "/local", True)
    assert (asked.threads, asked.sharing, asked.variables) == (4, 2, {"TOKEN": "secret"})
    first, second = asked.sentences()
    assert "up to 8 actors on the cluster at 10.0.0.1:6379" in first and "2 of them run" in second
    assert "0.5 GPU, 4 CPU, 32 GiB memory, 1 disk; runtime_env: env_vars, working_dir" in first
    assert "secret" not in first + second


def test_by_default_nothing_is_asked_but_one_gpu_and_one_core() -> None:
    assert request().options() == {"num_cpus": 1, "num_gpus": 1}
    assert request(gpus=0).amounts() == {"CPU": 1} and request(cpus=0.5).threads == 1


def test_no_more_slots_than_processes() -> None:
    assert (request(slots=8, at_least=4, at_most=2).slots, request(slots=8, at_least=4, at_most=2).at_least) == (2, 2)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"address": ""}, "address is empty, and no Ray is started unasked. Start one with `ray start --head`"),
        ({"address": None}, "address is empty"),
        ({"address": "local"}, "address=local: auto, or HOST:PORT"),
        ({"address": "ray://head:10001"}, "address=ray://head:10001: auto, or HOST:PORT"),
        ({"slots": 0}, "slots=0: a number of actors, 1 or more"),
        ({"slots": 2, "at_least": 3}, "at_least=3: a number of actors from 1 to"),
        ({"gpus": 1.5}, "gpus=1.5: GPUs per slot: a whole number, a share below 1"),
        ({"gpus": -1}, "gpus=-1: GPUs per slot"),
        ({"cpus": 0}, "cpus=0: CPU cores per slot"),
        ({"memory": "32"}, "memory=32: memory per slot as in 32G"),
        ({"memory": "0G"}, "memory=0G: memory per slot as in 32G"),
        ({"resources": "disk"}, "resources=disk: names and values"),
        ({"resources": {"GPU": 1}}, "resources.GPU: that is hydra.launcher.gpus."),
        ({"resources": {"disk": "much"}}, "resources.disk=much: an amount above 0"),
        ({"resources": {"disk": 1.5}}, "resources.disk=1.5: Ray takes whole amounts above 1"),
        ({"runtime_env": {"env_vars": {"N": 1}}}, "runtime_env.env_vars.N=1: a text"),
    ],
)
def test_what_is_no_request_is_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        request(**settings)
    assert sentence in str(refused.value) and str(refused.value).startswith("hydra.launcher.")


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ConfigError, match=r"(?s)slots=0.*cpus=-1"):
        request(slots=0, cpus=-1)


def test_without_the_extra_the_command_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package may be here: looking for it finds nothing, as on a machine without it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"needs Ray, which is not installed: `(uv sync --extra|pip install).*ray"):
        refuse_ungrantable(request())


def test_the_launchers_of_clusters_work_without_ray_or_submitit_installed() -> None:
    check = (
        "import sys; sys.modules.update(dict.fromkeys(('ray', 'submitit', 'pyslurm')))  # to import one is an error\n"
        "import medqa_sweeps.jobs.launcher, hydra_plugins.medqa_sweeps, medqa_sweeps.pool.seat"
    )
    subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=True)
