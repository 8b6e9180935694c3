"""A whole Slurm of virtual nodes on this machine, started in a second: real daemons, no systemd, no cgroups. As root.

    python -m tests.clusters.virtual_slurm FOLDER [NODES]      prints `export SLURM_CONF=…`, and runs until Ctrl-C

Debian's packages slurmctld, slurmd, slurm-client, slurm-wlm-basic-plugins and munge. The cluster has a munge of its own
and ports of its own, so it runs beside a real one. Its GPUs are not there: /dev/null under other names, which Slurm
hands out like real ones.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

PROGRAMS = ("slurmctld", "slurmd", "srun", "munged")
CPUS, GPUS = 4, 2  # of each node
_SBIN = "/usr/sbin:/sbin"

_CONF = """
ClusterName=virtual
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=bf_interval=1,sched_interval=2,batch_sched_delay=0,sched_min_interval=100000
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
ReturnToService=2
SlurmctldTimeout=10
SlurmdTimeout=10
KillWait=5
SlurmdParameters=config_overrides
GresTypes=gpu
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE PriorityTier=10
"""


def is_seat(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return "medqa_sweeps.pool.seat" in process.cmdline()
    return False


def missing() -> list[str]:
    """The programs that this needs and this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:{_SBIN}") is None]


class VirtualSlurm:
    """One controller and `nodes` nodes n1, n2, …, each of 4 CPUs and 2 fake GPUs. Close it, or use it as a context
    manager: no daemon is left.

    Partition `urgent` takes nodes from the jobs of `main`. A job that is to end has 5 seconds for it. A node whose
    daemon is silent is declared dead after about 25 seconds.
    """

    def __init__(self, folder: Path, nodes: int = 3) -> None:
        self.folder, self.nodes = folder.absolute(), [f"n{number}" for number in range(1, nodes + 1)]
        self.conf = self.folder / "slurm.conf"
        self._write_files()
        self._run("munged", "--force", f"--socket={self.folder}/munge.socket", f"--key-file={self.folder}/munge.key",
                  f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log",
                  f"--seed-file={self.folder}/munged.seed")  # fmt: skip
        self.start_controller()
        for node in self.nodes:
            self.start_node(node)
        self._wait_until(lambda: self.states() == dict.fromkeys(self.nodes, "idle"), "its nodes are idle")

    def environment(self) -> dict[str, str]:
        """What a client needs to find this cluster."""
        return {**os.environ, "SLURM_CONF": str(self.conf)}

    def client(self, *words: str) -> str:
        """What a Slurm command prints.

        Raises:
            CalledProcessError: if it fails.
        """
        return subprocess.run(words, env=self.environment(), check=True, capture_output=True, text=True).stdout

    def states(self) -> dict[str, str]:
        """By node: idle, mixed, allocated, down, …"""
        with contextlib.suppress(subprocess.CalledProcessError):
            lines = self.client("sinfo", "-h", "-N", "-p", "main", "-o", "%N %T").splitlines()
            return {name: state.rstrip("*") for name, state in (line.split() for line in lines)}
        return {}

    def jobs(self) -> dict[str, str]:
        """Node by id of the jobs that are not over; empty for one that waits."""
        lines = self.client("squeue", "-h", "-o", "%i|%N").splitlines()
        return dict(line.split("|") for line in lines)

    def start_controller(self) -> None:
        self._run("slurmctld", "-f", str(self.conf))

    def stop_controller(self) -> None:
        """End the controller, as an update of it does: its jobs run on, and the next one knows them."""
        self._kill(self.folder / "slurmctld.pid", signal.SIGTERM)

    def restart_controller(self) -> None:
        """Start it again, and wait until it knows its nodes."""
        self.start_controller()
        self.wait_for_nodes()

    def wait_for_nodes(self) -> None:
        """Return when the controller gives jobs to all nodes."""
        self._wait_until(lambda: set(self.states().values()) <= {"idle", "mixed", "allocated"}, "all nodes are up")

    def start_node(self, node: str) -> None:
        self._run("slurmd", "-f", str(self.conf), "-N", node)

    def replace_node(self, node: str) -> None:
        """Start its daemon unless it runs, and wait until it is given jobs."""
        if not self.processes_of(node):
            self.start_node(node)
        self.wait_for_nodes()

    def seats(self) -> dict[int, str]:
        """Node by process id of each seat."""
        found = [(process, node) for node in self.nodes for process in self.processes_of(node)]
        return {process.pid: node for process, node in found if is_seat(process)}

    def nothing_left(self, seconds: float) -> None:
        """Return when it has no jobs, and no process of one, within so many seconds."""
        end = time.monotonic() + seconds
        while self.jobs() or any(len(self.processes_of(node)) > 1 for node in self.nodes):
            assert time.monotonic() < end, self.jobs()
            time.sleep(0.05)

    def processes_of(self, node: str) -> list[psutil.Process]:
        """The node's daemon, its jobs' keepers (slurmstepd) and all processes of the jobs."""
        found: dict[int, psutil.Process] = {}
        for process in psutil.process_iter(["cmdline", "environ", "name"]):
            command, environment = process.info["cmdline"] or [], process.info["environ"] or {}
            if process.info["name"] == "slurmd" and str(self.conf) in command and command[-1] == node:
                found[process.pid] = process
            # A job's first process knows where it is; what it starts may have any environment.
            if environment.get("SLURM_CONF") == str(self.conf) and environment.get("SLURMD_NODENAME") == node:
                with contextlib.suppress(psutil.NoSuchProcess):
                    keepers = [one for one in process.parents() if one.name() == "slurmstepd"]
                    found.update({one.pid: one for one in (*keepers, process, *process.children(recursive=True))})
        return list(found.values())

    def kill_node(self, node: str) -> None:
        """As a power cut: the daemon and all that it runs are gone at once."""
        for process in self.processes_of(node):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def freeze_node(self, node: str) -> list[psutil.Process]:
        """As a machine that hangs: everything on it stops where it is. The processes, for `resume()`."""
        processes = self.processes_of(node)
        for process in processes:
            process.suspend()
        return processes

    def close(self) -> None:
        for name in self.nodes:
            self.kill_node(name)
            self._kill(self.folder / f"{name}.pid")
        self.stop_controller()
        self._kill(self.folder / "munged.pid")

    def __enter__(self) -> "VirtualSlurm":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _write_files(self) -> None:
        for name in ("state", "spool", "gpu"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        (self.folder / "munge.key").touch(mode=0o600)
        (self.folder / "munge.key").write_bytes(secrets.token_bytes(1024))
        for number in range(GPUS * len(self.nodes)):
            subprocess.run(["mknod", self.folder / "gpu" / f"fake{number}", "c", "1", "3"], check=True)
        ports, host = _free_ports(1 + len(self.nodes)), socket.gethostname().partition(".")[0]
        conf = _CONF.format(folder=self.folder, host=host, ports=ports)
        cards = ""
        for index, node in enumerate(self.nodes):
            conf += (
                f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1 + index]} CPUs={CPUS} "
                f"RealMemory=8000 Gres=gpu:{GPUS}\n"
            )
            first = index * GPUS
            cards += f"NodeName={node} Name=gpu File={self.folder}/gpu/fake[{first}-{first + GPUS - 1}]\n"
        self.conf.write_text(conf)
        (self.folder / "gres.conf").write_text(cards)

    def _run(self, program: str, *arguments: str) -> None:
        """Start a daemon, which leaves for the background when it is ready."""
        found = shutil.which(program, path=f"{os.environ['PATH']}:{_SBIN}")
        assert found, f"{program} is not installed"
        done = subprocess.run([found, *arguments], env=self.environment(), capture_output=True, text=True)
        assert done.returncode == 0, f"{program}: {done.stderr}"

    def _kill(self, pid_file: Path, number: signal.Signals = signal.SIGKILL) -> None:
        """End the process of a file that its daemon wrote, and wait until it is gone."""
        with contextlib.suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess):
            process = psutil.Process(int(pid_file.read_text()))
            if process.name() in (*PROGRAMS, "slurmctld"):
                process.send_signal(number)
                self._wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, "gone")
        pid_file.unlink(missing_ok=True)

    def _wait_until(self, condition: "object", what: str, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not condition():  # type: ignore[operator]
            assert time.monotonic() < end, f"the virtual cluster waited in vain: {what}; {self.states()}"
            time.sleep(0.05)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def virtual_slurm(folder: Path, nodes: int = 3) -> Iterator[VirtualSlurm]:
    """Within: the cluster is the one that Slurm's commands of this process talk to."""
    before = os.environ.get("SLURM_CONF")
    with VirtualSlurm(folder, nodes) as cluster:
        os.environ["SLURM_CONF"] = str(cluster.conf)
        try:
            yield cluster
        finally:
            os.environ.pop("SLURM_CONF")
            if before is not None:
                os.environ["SLURM_CONF"] = before


if __name__ == "__main__":
    ends = [signal.SIGINT, signal.SIGTERM]
    with VirtualSlurm(Path(sys.argv[1]), *map(int, sys.argv[2:3])) as running:
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        print(f"export SLURM_CONF={running.conf}", flush=True)
        signal.sigwait(ends)
