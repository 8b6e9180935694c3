"""A whole Ray cluster of virtual nodes on this machine, started in seconds: real daemons, GPUs that are not there.

python -m tests.clusters.virtual_ray [NODES]      prints `export RAY_ADDRESS=…`, and runs until Ctrl-C
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.clusters.virtual_slurm import is_seat

CPUS, GPUS = 4, 2  # of each node
_SMALL = {"object_store_memory": 80 << 20}
# How soon a silent node is declared dead: after 5 looks at most; by default that takes 13 s, and 63 s if it hangs.
_IMPATIENT = {"health_check_period_ms": 500, "health_check_timeout_ms": 3000, "health_check_failure_threshold": 5}
_VARIABLES = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}


class VirtualRay:
    """A head, on which nothing runs, and `nodes` nodes n1, n2, …, each of 4 CPUs and 2 GPUs in name only. Close it, or
    use it as a context manager: no daemon is left.

    A node whose daemon is killed is declared dead after about 3 seconds, one that hangs after about 18.
    """

    def __init__(self, nodes: int = 3) -> None:
        os.environ.update(_VARIABLES)
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "num_gpus": 0, "node_name": "head", "include_dashboard": False, **_SMALL}
        head["_system_config"] = _IMPATIENT
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self.nodes = [f"n{number}" for number in range(1, nodes + 1)]
        self._running: dict[str, Any] = {}
        for name in self.nodes:
            self.start_node(name, wait=False)
        self.wait_for_nodes()

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    @contextlib.contextmanager
    def found(self) -> Iterator[None]:
        """Within: it is the one that `hydra.launcher.address=auto` finds."""
        before = os.environ.get("RAY_ADDRESS")
        os.environ["RAY_ADDRESS"] = self.address
        try:
            yield
        finally:
            os.environ.pop("RAY_ADDRESS")
            if before is not None:
                os.environ["RAY_ADDRESS"] = before

    def start_node(self, name: str, wait: bool = True) -> None:
        self._running[name] = self._cluster.add_node(
            wait=wait, num_cpus=CPUS, num_gpus=GPUS, node_name=name, resources={f"only_{name}": 1}, **_SMALL
        )

    def wait_for_nodes(self) -> None:
        """Return when the head knows all nodes that were started."""
        self._cluster.wait_for_nodes()

    def daemons(self, name: str) -> list[int]:
        return [info.process.pid for infos in self._running[name].all_processes.values() for info in infos]

    def processes_of(self, name: str) -> list[psutil.Process]:
        """The node's daemons, the processes of its actors, and all that those have started."""
        found: dict[int, psutil.Process] = {}
        for pid in self.daemons(name):
            with contextlib.suppress(psutil.NoSuchProcess):
                daemon = psutil.Process(pid)
                found.update({one.pid: one for one in (daemon, *daemon.children(recursive=True))})
        return list(found.values())

    def seats(self) -> dict[int, str]:
        """Node by process id of each seat."""
        return {process.pid: name for name in self.nodes for process in self.processes_of(name) if is_seat(process)}

    def drivers(self) -> list[psutil.Process]:
        """Those of our sweeps on it, whose own processes may be dead."""
        found = psutil.process_iter(["cmdline", "environ"])
        of_this = [one for one in found if (one.info["environ"] or {}).get("RAY_ADDRESS") == self.address]
        return [one for one in of_this if "medqa_sweeps.pool.ray_driver" in (one.info["cmdline"] or [])]

    def nothing_left(self, seconds: float) -> None:
        """Return when no seat and no driver of ours is there, within so many seconds."""
        end = time.monotonic() + seconds
        while self.seats() or self.drivers():
            assert time.monotonic() < end, (self.seats(), self.drivers())
            time.sleep(0.05)

    def kill_node(self, name: str) -> None:
        """As a power cut: the daemons and all that they run are gone at once."""
        for process in self.processes_of(name):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def kill_head(self) -> None:
        """As a power cut of the first machine alone; the nodes go on."""
        for infos in self._cluster.head_node.all_processes.values():
            for info in infos:
                info.process.kill()

    def replace_node(self, name: str) -> None:
        """Start a node of this name after the end of the one before."""
        self._cluster.remove_node(self._running[name], allow_graceful=False)
        self.start_node(name)

    @contextlib.contextmanager
    def said_to_run_python(self, version: str) -> Iterator[None]:
        """Within: the cluster's record of its versions names another Python. A real one cannot be had here."""
        from ray._raylet import GcsClient  # type: ignore[attr-defined,unused-ignore]  # its stub lacks it

        client, key = GcsClient(address=self.address), b"CLUSTER_METADATA"
        before = client.internal_kv_get(key, b"cluster")
        changed = {**json.loads(before), "python_version": version}
        client.internal_kv_put(key, json.dumps(changed).encode(), True, b"cluster")
        try:
            yield
        finally:
            client.internal_kv_put(key, before, True, b"cluster")

    def drain_node(self, name: str, seconds: float) -> None:
        """As a cloud that takes a machine back: nothing new starts there, and it is gone after so many seconds."""
        words = ("--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "preempted")
        limit = ("--deadline-remaining-seconds", str(seconds))
        node = ("--address", self.address, "--node-id", self._running[name].node_id)
        ray = Path(sys.executable).with_name("ray")
        subprocess.run([ray, "drain-node", *node, *words, *limit], check=True, capture_output=True)

    def freeze_node(self, name: str) -> list[psutil.Process]:
        """As a machine that hangs: everything on it stops where it is. The processes, for `resume()`."""
        processes = self.processes_of(name)
        for process in processes:
            process.suspend()
        return processes

    def close(self) -> None:
        for name in self.nodes:
            self.kill_node(name)
        self._cluster.shutdown()

    def __enter__(self) -> "VirtualRay":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


if __name__ == "__main__":
    ends = [signal.SIGINT, signal.SIGTERM]
    with VirtualRay(*map(int, sys.argv[1:2])) as running:
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        print(f"export RAY_ADDRESS={running.address}", flush=True)
        signal.sigwait(ends)
