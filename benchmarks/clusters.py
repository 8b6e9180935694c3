"""The engines that a sweep of a benchmark runs on: this machine, or a virtual cluster of real daemons on it.

A virtual cluster has three nodes, each of 4 CPUs and 2 GPUs in name only. It is started anew for each sweep: nothing
that an earlier one left can disturb or help the next, and no daemon runs beside a sweep that does not use it.
"""

import contextlib
import importlib.util
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.clusters.virtual_ray import VirtualRay
from tests.clusters.virtual_slurm import missing as missing_of_slurm, virtual_slurm

ENGINES = ("local", "slurm", "ray")


def startable(engines: Sequence[str]) -> list[str]:
    """Those of the engines that this machine can start; what the others lack is printed."""
    lacking = {engine: _lacking(engine) for engine in engines}
    for engine, lack in lacking.items():
        if lack:
            print(f"{engine} is missing: {lack}")
    return [engine for engine in engines if not lacking[engine]]


def _lacking(engine: str) -> str:
    if engine == "slurm" and os.geteuid():
        return "a virtual Slurm is started by root alone"
    if engine == "slurm" and missing_of_slurm():
        return f"no {', '.join(missing_of_slurm())} on this machine; tests/clusters/virtual_slurm.py names the packages"
    if engine == "ray" and importlib.util.find_spec("ray") is None:
        return "it is this package's extra `ray`"
    return ""


@contextlib.contextmanager
def started(engine: str) -> Iterator[None]:
    """Within: the engine is there, and the programs that this process starts find it by their environment."""
    if engine == "slurm":
        with tempfile.TemporaryDirectory(prefix="slurm-") as folder, virtual_slurm(Path(folder) / "cluster"):
            yield
    elif engine == "ray":
        with VirtualRay() as cluster, cluster.found():
            yield
    else:
        yield


def our_launcher(engine: str, slots: int, gpus: int) -> list[str]:
    """Overrides for our launcher of that engine.

    Args:
        gpus: of a virtual node that each slot holds; this machine's own GPUs are never used.
    """
    if engine == "local":
        return ["hydra/launcher=local_gpus", "hydra.launcher.devices=cpu", f"hydra.launcher.slots_per_device={slots}"]
    return [f"hydra/launcher={engine}", f"hydra.launcher.slots={slots}", f"hydra.launcher.gpus={gpus}"]
