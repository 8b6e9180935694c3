"""Which devices a process gets. The GPUs are `fake_nvml.py`'s; processes, locks and signals are real."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.pool.devices import Device, find_devices
from medqa_sweeps.pool.leases import Lease, lease
from medqa_sweeps.pool.request import DeviceRequest
from tests.conftest import ROOT
from tests.pool.fake_nvml import Card, FakeNvml

pytestmark = pytest.mark.usefixtures("cache")


def labels(devices: tuple[Device, ...]) -> list[str]:
    return [device.label for device in devices]


HERE = "import sys, time; from pathlib import Path\n"
TAKES = HERE + (
    "from tests.pool.fake_nvml import Card, FakeNvml\n"
    "from medqa_sweeps.pool.devices import find_devices\n"
    "from medqa_sweeps.pool.leases import lease\n"
    "from medqa_sweeps.pool.request import DeviceRequest\n"
    "FakeNvml(*(Card(f'GPU-{index}') for index in range(2))).install()\n"
)


def another(program: str, *arguments: str) -> "subprocess.Popen[str]":
    """A process that sees two cards, as another sweep would."""
    environment = {key: value for key, value in os.environ.items() if key != "CUDA_VISIBLE_DEVICES"}
    return subprocess.Popen(
        [sys.executable, "-c", TAKES + program, *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said_by(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


HOLDS = (
    "import subprocess\n"
    "held = lease(find_devices(DeviceRequest(share=sys.argv[1] == 'share')), Path('theirs'), at_most=1)\n"
    "child = subprocess.Popen(['sleep', '600'], close_fds=False, stdin=subprocess.DEVNULL)\n"
    "print(held.devices[0].label, held.devices[0].lease_index, child.pid, flush=True); sys.stdin.read()\n"
)


@pytest.fixture
def holder() -> Iterator[Callable[[str], tuple["subprocess.Popen[str]", list[str]]]]:
    """Another sweep that holds gpu0, and what it says of it: label, index of the lease, process id of a child."""
    made: list[tuple[subprocess.Popen[str], list[str]]] = []

    def hold(how: str) -> tuple["subprocess.Popen[str]", list[str]]:
        process = another(HOLDS, how)
        made.append((process, said_by(process).split()))
        return made[-1]

    yield hold
    for process, (_, _, child) in made:
        process.kill()
        process.wait()
        os.kill(int(child), signal.SIGKILL)


def take(share: bool = False, at_most: int | None = None) -> Lease:
    return lease(find_devices(DeviceRequest(share=share)), Path("ours"), at_most)


def test_a_gpu_of_another_sweep_is_named_and_not_taken(
    nvml: Callable[..., FakeNvml], holder: Callable[[str], tuple["subprocess.Popen[str]", list[str]]]
) -> None:
    nvml(Card("GPU-0"), Card("GPU-1"))
    process, said = holder("alone")
    assert said[:2] == ["gpu0", "0"]
    with take() as held:
        assert labels(held.devices) == ["gpu1"]
        assert held.skipped[0].startswith(
            f"gpu0 (NVIDIA H100) is taken by the sweep of theirs (process {process.pid}, since 20"
        )
        with pytest.raises(ConfigError, match=r"No GPU is free\. Gpu0 .* the sweep of theirs .*the sweep of ours"):
            take()


def test_a_lease_is_let_go_when_its_process_is_killed_though_its_child_lives(
    nvml: Callable[..., FakeNvml], holder: Callable[[str], tuple["subprocess.Popen[str]", list[str]]]
) -> None:
    nvml(Card("GPU-0"), Card("GPU-1"))
    process, (_, _, child) = holder("alone")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert psutil.pid_exists(int(child))
    with take() as held:
        assert labels(held.devices) == ["gpu0", "gpu1"] and not held.skipped


def test_a_closed_lease_is_free_again_and_leaves_no_note(nvml: Callable[..., FakeNvml], cache: Path) -> None:
    nvml(Card("GPU-0"))
    for _ in range(2):
        with take() as held:
            assert labels(held.devices) == ["gpu0"] and list((cache / "leases").glob("*.json"))
    assert not list((cache / "leases").glob("*.json"))


def test_no_more_is_leased_than_is_needed(nvml: Callable[..., FakeNvml]) -> None:
    nvml(Card("GPU-0"), Card("GPU-1"))
    with take(at_most=1) as first, take() as second:
        assert (labels(first.devices), labels(second.devices)) == (["gpu0"], ["gpu1"])


def test_those_who_share_have_a_lease_each_and_one_who_does_not_is_kept_off(
    nvml: Callable[..., FakeNvml], holder: Callable[[str], tuple["subprocess.Popen[str]", list[str]]]
) -> None:
    nvml(Card("GPU-0"))
    _, said = holder("share")
    assert said[:2] == ["gpu0", "0"]
    with take(share=True) as second, take(share=True) as third:
        assert [second.devices[0].lease_index, third.devices[0].lease_index] == [1, 2]
        second.close()
        with pytest.raises(ConfigError, match=r"the sweep of ours .* and the sweep of theirs"):
            take()
        with take(share=True) as fourth:
            assert fourth.devices[0].lease_index == 1


def test_one_who_does_not_share_is_kept_off_also_where_the_first_lease_is_closed(nvml: Callable[..., FakeNvml]) -> None:
    nvml(Card("GPU-0"))
    with take(share=True) as first, take(share=True):
        first.close()
        with pytest.raises(ConfigError, match="is taken by the sweep of ours"):
            take()


def test_sweeps_that_want_the_same_card_at_once_never_both_have_it(tmp_path: Path) -> None:
    """Three processes, each twenty times: take a card, mark it as one's own, let it go."""
    program = (
        "from medqa_sweeps.errors import ConfigError\n"
        "sys.stdin.readline()\n"
        "had = 0\n"
        "for _ in range(20):\n"
        "    try: held = lease(find_devices(), Path('x'), at_most=1)\n"
        "    except ConfigError: time.sleep(0.001); continue\n"
        "    mark = Path(sys.argv[1]) / held.devices[0].label\n"
        "    mark.touch(exist_ok=False); time.sleep(0.001); mark.unlink()\n"
        "    held.close(); had += 1\n"
        "print(had)"
    )
    processes = [another(program, str(tmp_path)) for _ in range(3)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert sum(int(process.communicate()[0] or -1000) for process in processes) > 0
    assert [process.returncode for process in processes] == [0] * 3, "two held one card"


def test_the_cpu_is_everybodys(nvml: Callable[..., FakeNvml], cache: Path) -> None:
    nvml()
    with take() as first, take() as second:
        assert labels(first.devices) == labels(second.devices) == ["cpu"]
    assert not cache.exists()


def test_leases_that_cannot_be_kept_are_refused_in_a_sentence(nvml: Callable[..., FakeNvml], cache: Path) -> None:
    nvml(Card("GPU-0"))
    cache.mkdir()
    (cache / "leases").write_text("a file where the folder should be")
    with pytest.raises(ConfigError, match=r"cannot be written there .*MEDQA_SWEEPS_CACHE"):
        take()
