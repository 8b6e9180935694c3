"""Which devices a sweep finds, which it gets, and how it divides them. The GPUs are `fake_nvml.py`'s; processes, locks
and signals are real."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pynvml
import pytest
from hypothesis import given, settings, strategies as st

from medqa_sweeps import hardware
from medqa_sweeps.errors import ConfigError, DeviceFailed
from medqa_sweeps.hardware import GpuUse
from medqa_sweeps.pool.devices import (
    MAX_SLOTS,
    Device,
    Lease,
    Room,
    Slot,
    describe,
    find_devices,
    lease,
    measure_room,
    plan_slots,
)
from medqa_sweeps.pool.local import Machine
from medqa_sweeps.pool.request import DeviceRequest, requested
from tests.conftest import ROOT
from tests.pool.fake_nvml import GIB, Card, FakeNvml

STRANGER = 1  # a process that is there and is not ours
LOST = pynvml.NVML_ERROR_GPU_IS_LOST


def four_cards() -> list[Card]:
    """Free, of a desktop, computed on, and full of what cannot be seen from here."""
    return [
        Card("GPU-aaaa-1"),
        Card("GPU-aaaa-2", used=GIB // 2, name="NVIDIA GeForce RTX 4090"),
        Card("GPU-bbbb", used=30 * GIB, processes={STRANGER: 30 * GIB}),
        Card("GPU-cccc", used=2 * GIB),
    ]


def divided() -> Card:
    parts = {0: Card("MIG-x", total=10 * GIB), 2: Card("MIG-y", total=20 * GIB)}
    return Card("GPU-mig", parts=parts)


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FakeNvml]]:
    """Puts cards into this process; at the end, whatever was opened has been closed."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    made: list[FakeNvml] = []

    def put(*cards: Card, driver_error: int | None = None) -> FakeNvml:
        made.append(FakeNvml(*cards, driver_error=driver_error).install(monkeypatch.setattr))
        return made[-1]

    yield put
    assert [fake.opened for fake in made] == [0] * len(made), "NVML stays open"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leases of this test alone."""
    monkeypatch.setenv("MEDQA_SWEEPS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def labels(devices: tuple[Device, ...]) -> list[str]:
    return [device.label for device in devices]


# What NVML says


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        (None, [0, 1, 2, 3]),
        ("", []),
        (" ", []),
        ("2,0", [2, 0]),
        (" 1 , 1 ", [1]),
        ("0,9,1", [0]),  # CUDA's rule: what is unknown hides the rest
        ("-1,0", []),
        ("GPU-bbbb,0", [2, 0]),
        ("GPU-b", [2]),
        ("GPU-zzzz,0", []),
    ],
)
def test_cuda_visible_devices_counts_as_cuda_does(
    visible: str | None, found: list[int], nvml: Callable[..., FakeNvml], monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml(*four_cards())
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    gpus, silent = hardware.survey()
    assert [gpu.index for gpu in gpus] == found and not silent
    assert [gpu.uuid for gpu in gpus] == [four_cards()[index].uuid for index in found]


def test_a_divided_card_is_its_instances(nvml: Callable[..., FakeNvml], monkeypatch: pytest.MonkeyPatch) -> None:
    nvml(Card("GPU-whole"), divided())
    parts = [(gpu.uuid, gpu.index, gpu.instance, gpu.memory_bytes // GIB) for gpu in hardware.gpus()]
    assert parts == [("GPU-whole", 0, None, 80), ("MIG-x", 1, 0, 10), ("MIG-y", 1, 2, 20)]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-y")
    assert [gpu.uuid for gpu in hardware.gpus()] == ["MIG-y"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert [gpu.uuid for gpu in hardware.gpus()] == ["MIG-x", "MIG-y"]


def test_a_silent_card_is_named_and_hides_no_other(nvml: Callable[..., FakeNvml]) -> None:
    nvml(Card("GPU-a"), Card("GPU-b", error=LOST), Card("GPU-c"))
    gpus, silent = hardware.survey()
    assert [(gpu.uuid, gpu.index) for gpu in gpus] == [("GPU-a", 0), ("GPU-c", 2)]
    (clause,) = silent
    assert clause.startswith("GPU 1 does not answer")


@pytest.mark.parametrize("error", [pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED])
def test_no_driver_is_no_gpu(error: int, nvml: Callable[..., FakeNvml]) -> None:
    nvml(driver_error=error)
    assert hardware.survey() == ([], [])
    assert hardware.description()["gpus"] == []


def test_a_driver_that_does_not_answer_is_not_the_same_as_none(nvml: Callable[..., FakeNvml]) -> None:
    nvml(driver_error=pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH)
    gpus, (clause,) = hardware.survey()
    assert not gpus and clause.startswith("the GPU driver does not answer")
    with pytest.raises(ConfigError, match=r"driver does not answer.*hydra\.launcher\.devices=cpu"):
        find_devices()


def test_who_holds_how_much(nvml: Callable[..., FakeNvml]) -> None:
    fake = nvml(Card("GPU-a", total=80 * GIB, used=30 * GIB, processes={7: 29 * GIB, 8: None}))
    assert hardware.gpu_use("GPU-a") == GpuUse(80 * GIB - 30 * GIB - 80 * GIB // 128, 30 * GIB, {7: 29 * GIB, 8: None})
    fake.cards[0].error = LOST
    with pytest.raises(DeviceFailed, match=r"GPU-a does not answer.*nvidia-smi"):
        hardware.gpu_use("GPU-a")
    with pytest.raises(DeviceFailed, match="GPU-gone"):
        hardware.gpu_use("GPU-gone")


# Finding


def test_what_others_compute_on_is_left_to_them(nvml: Callable[..., FakeNvml]) -> None:
    nvml(*four_cards())
    found = find_devices()
    assert labels(found.devices) == ["gpu0", "gpu1"] and not found.request.share
    of_process, of_nobody = found.skipped
    assert of_process.startswith("gpu2 (NVIDIA H100) is in use by process 1 (")
    assert of_process.endswith("30.0 GiB are taken")
    assert "gpu3" in of_nobody and "cannot be seen from here: 2.0 GiB" in of_nobody


def test_a_process_with_a_context_makes_a_card_busy_however_little_it_holds(nvml: Callable[..., FakeNvml]) -> None:
    nvml(Card("GPU-a", used=GIB // 4, processes={STRANGER: None}), Card("GPU-b"))
    assert labels(find_devices().devices) == ["gpu1"]


def test_the_server_of_the_multi_process_service_is_nobody(
    nvml: Callable[..., FakeNvml], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil.Process, "name", lambda process: "nvidia-cuda-mps-server")
    nvml(Card("GPU-a", processes={STRANGER: GIB // 8}))
    assert labels(find_devices().devices) == ["gpu0"]


def test_what_is_shared_may_be_busy_but_not_silent(nvml: Callable[..., FakeNvml]) -> None:
    fake = nvml(*four_cards())
    fake.cards[0].error = LOST
    found = find_devices(DeviceRequest(share=True))
    assert labels(found.devices) == ["gpu1", "gpu2", "gpu3"] and found.request.share
    assert [clause[:5] for clause in found.skipped] == ["GPU 0"]


def test_a_card_that_vanishes_while_one_looks_is_left_out(
    nvml: Callable[..., FakeNvml], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the survey and the question who computes there."""
    fake = nvml(Card("GPU-a"), Card("GPU-b"))
    survey = hardware.survey

    def survey_and_lose() -> tuple[list[hardware.Gpu], list[str]]:
        seen = survey()
        fake.cards[0].error = LOST
        return seen

    monkeypatch.setattr(hardware, "survey", survey_and_lose)
    found = find_devices()
    assert labels(found.devices) == ["gpu1"]
    assert "gpu0 (NVIDIA H100) is left out: GPU-a does not answer" in found.skipped[0]


def test_if_none_is_free_it_says_who_has_them_and_what_to_do(nvml: Callable[..., FakeNvml]) -> None:
    nvml(*four_cards()[2:])
    with pytest.raises(ConfigError) as raised:
        find_devices()
    for said in ("No GPU is free. Gpu0", "process 1", "gpu1", "share_devices=true", "hydra.launcher.devices=cpu"):
        assert said in str(raised.value)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("auto", ["gpu0", "gpu1"]),
        (["auto"], ["gpu0", "gpu1"]),
        (1, ["gpu1"]),
        ("1", ["gpu1"]),
        ([1, 0], ["gpu1", "gpu0"]),
        ([1, "GPU-AAAA-2"], ["gpu1"]),
        ("gpu-aaaa-1", ["gpu0"]),
        ("cpu", ["cpu"]),
        (["cpu"], ["cpu"]),
    ],
)
def test_devices_by_name(wanted: str | int | list[str | int], found: list[str], nvml: Callable[..., FakeNvml]) -> None:
    nvml(*four_cards())
    assert labels(find_devices(requested(wanted)).devices) == found


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (7, r"GPU 7 is not there\. There are: 0 NVIDIA H100 GPU-aaaa-1"),
        ("GPU-aaaa", "is the beginning of several"),
        ([], r"hydra\.launcher\.devices=\[\]: give auto, cpu, or GPUs alone"),
        ([0, "cpu"], "auto, cpu, or GPUs alone"),
        (["auto", 0], "auto, cpu, or GPUs alone"),
        ("", "auto, cpu, or GPUs alone"),
        (2, "No GPU is free"),
    ],
)
def test_devices_that_are_not_to_be_had(
    wanted: str | int | list[str | int], said: str, nvml: Callable[..., FakeNvml]
) -> None:
    nvml(*four_cards())
    with pytest.raises(ConfigError, match=said):
        find_devices(requested(wanted))


def test_the_number_of_a_divided_card_is_all_its_instances(nvml: Callable[..., FakeNvml]) -> None:
    nvml(Card("GPU-whole"), divided())
    assert labels(find_devices(requested(1)).devices) == ["gpu1-mig0", "gpu1-mig2"]
    assert labels(find_devices(requested("MIG-y")).devices) == ["gpu1-mig2"]


def test_without_a_gpu_it_is_the_cpu_unless_a_gpu_was_named(
    nvml: Callable[..., FakeNvml], monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml()
    found = find_devices()
    assert labels(found.devices) == ["cpu"] and found.devices[0].is_cpu and found.skipped == ("no GPU found",)
    with pytest.raises(ConfigError, match=r"GPU 0 is not there\. There are: none"):
        find_devices(requested(0))
    nvml(Card("GPU-a"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert labels(find_devices().devices) == ["cpu"]
    with pytest.raises(ConfigError, match="CUDA_VISIBLE_DEVICES= hides the others"):
        find_devices(requested(0))


# Leasing

HERE = "import sys, time; from pathlib import Path\n"
TAKES = HERE + (
    "from tests.pool.fake_nvml import Card, FakeNvml; from medqa_sweeps.pool.devices import *\n"
    "FakeNvml(*(Card(f'GPU-{place}') for place in range(2))).install()\n"
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
    "print(held.devices[0].label, held.devices[0].seat, child.pid, flush=True); sys.stdin.read()\n"
)


@pytest.fixture
def holder() -> Iterator[Callable[[str], tuple["subprocess.Popen[str]", list[str]]]]:
    """Another sweep that holds gpu0, and what it says of that: label, seat, and the number of a child of it."""
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


def test_what_another_sweep_holds_is_named_and_not_taken(
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


def test_those_who_share_have_a_seat_each_and_one_who_does_not_is_kept_off(
    nvml: Callable[..., FakeNvml], holder: Callable[[str], tuple["subprocess.Popen[str]", list[str]]]
) -> None:
    nvml(Card("GPU-0"))
    _, said = holder("share")
    assert said[:2] == ["gpu0", "0"]
    with take(share=True) as second, take(share=True) as third:
        assert [second.devices[0].seat, third.devices[0].seat] == [1, 2]
        second.close()
        with pytest.raises(ConfigError, match=r"the sweep of ours .* and the sweep of theirs"):
            take()
        with take(share=True) as fourth:
            assert fourth.devices[0].seat == 1


def test_one_who_does_not_share_is_kept_off_also_where_the_first_seat_is_empty(nvml: Callable[..., FakeNvml]) -> None:
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
    with pytest.raises(ConfigError, match=r"cannot be kept there .*MEDQA_SWEEPS_CACHE"):
        take()


# Dividing

GPUS = [Device(f"GPU-{place}", "NVIDIA H100", 80 * GIB, f"gpu{place}") for place in range(4)]
CPU = Device("cpu", "a processor", 64 * GIB, "cpu")
peaks = st.none() | st.integers(1 << 20, 100 * GIB)
counts = st.integers(1, 40)


@st.composite
def rooms(draw: st.DrawFn) -> tuple[list[Device], Room]:
    devices = draw(st.sampled_from([[CPU], GPUS[:1], GPUS[:2], GPUS]))
    room = st.integers(0, 80 * GIB)
    gpu_bytes = {device.id: draw(room) for device in devices if not device.is_cpu}
    return devices, Room(draw(st.integers(1, 64)), draw(room), gpu_bytes)


@given(rooms(), peaks, st.lists(peaks, max_size=3), st.none() | counts)
@settings(deadline=None)
def test_auto_never_plans_more_memory_than_there_is_nor_more_threads_than_cores(
    place: tuple[list[Device], Room], first: int | None, later: list[int | None], trials: int | None
) -> None:
    """Except that one trial is always tried, and has a thread. The same when more is learnt on the way."""
    devices, room = place
    slots: list[Slot] = []
    for peak in [first, *later]:
        grown = plan_slots(devices, "auto", trials, peak, room, slots)
        assert grown[: len(slots)] == slots, "what is there stays as it is"
        assert len({(slot.device_id, slot.index) for slot in grown}) == len(grown) > 0
        assert len(grown) <= (trials or len(grown))
        assert sum(slot.threads for slot in grown) <= max(room.cores, len(grown))
        assert len(grown) <= max(room.cores, len(devices))
        for device in devices:
            before, now = ([slot for slot in plan if slot.device == device] for plan in (slots, grown))
            if device.is_cpu:
                each, has = peak or 1, room.memory_bytes
            else:
                each, has = (peak or 0) + GIB, room.gpu_bytes[device.id]
                assert len(now) <= (1 if peak is None else MAX_SLOTS) or now == before
            assert now == before or len(now) == 1 or len(now) * each <= has
        slots = grown


@given(rooms(), counts, st.none() | counts)
@settings(deadline=None)
def test_a_number_of_slots_is_taken_at_its_word(
    place: tuple[list[Device], Room], each: int, trials: int | None
) -> None:
    devices, room = place
    slots = plan_slots(devices, each, trials, None, room)
    assert len(slots) == min(each * len(devices), trials or sys.maxsize)
    assert sum(slot.threads for slot in slots) <= max(room.cores, len(slots))
    indices = [slot.index for slot in slots]
    assert indices == sorted(indices), "every device has its first slot before any has its second"


def test_figures_of_a_plan() -> None:
    room = Room(16, 100 * GIB, {"GPU-0": 80 * GIB})
    one = plan_slots(GPUS[:1], "auto", None, None, room)
    assert [slot.name for slot in one] == ["gpu0.0"]
    grown = plan_slots(GPUS[:1], "auto", None, 11 * GIB, room, one)
    assert len(grown) == 6, "90 % of 80 GiB hold six times 11 GiB and the contexts' 1 GiB"
    assert len(plan_slots([CPU], "auto", None, 20 * GIB, room)) == 4, "80 % of 100 GiB hold 20 GiB four times"
    assert [slot.threads for slot in plan_slots([CPU], 3, None, None, Room(16, 0, {}))] == [5, 5, 5]
    assert [slot.threads for slot in plan_slots([CPU], "auto", 2, None, room)] == [8, 8]


@pytest.mark.parametrize("wanted", ["many", 0, -1, 1.5])
def test_what_is_no_number_of_slots(wanted: int | str) -> None:
    with pytest.raises(ConfigError, match=rf"slots_per_device={wanted}: a number from 1 up, or auto"):
        plan_slots([CPU], wanted, None, None, Room(1, 0, {}))


def test_room_counts_what_our_descendants_hold_and_a_lost_card_has_none(nvml: Callable[..., FakeNvml]) -> None:
    child = subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"], stdin=-1, stdout=-1)
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        held = {child.pid: 10 * GIB, STRANGER: 5 * GIB}
        fake = nvml(Card("GPU-0", used=15 * GIB, processes=held), Card("GPU-1", error=LOST))
        fake_free = 80 * GIB - 15 * GIB - 80 * GIB // 128
        room = measure_room(GPUS[:2])
        child.kill()
    assert room.gpu_bytes == {"GPU-0": fake_free + 10 * GIB, "GPU-1": 0}
    assert room.cores == hardware.usable_cores()
    fake.cards[0].processes = {}
    with_lost = plan_slots(GPUS[:2], "auto", None, GIB, Room(16, 0, room.gpu_bytes))
    assert [slot.device_id for slot in with_lost].count("GPU-1") == 1, "tried once, and given up by its trial"


def test_the_environment_of_a_slot(cache: Path) -> None:
    sharing = Device("GPU-0", "NVIDIA H100", 80 * GIB, "gpu0", seat=1)
    slots = [Slot(device, index, 4) for device in (*GPUS, sharing, CPU) for index in range(3)]
    for slot in slots:
        found = slot.environment()
        assert found["CUDA_VISIBLE_DEVICES"] == ("" if slot.device.is_cpu else slot.device_id)
        assert found["OMP_NUM_THREADS"] == found["MKL_NUM_THREADS"] == "4"
        assert Path(found["UNSLOTH_COMPILE_LOCATION"]).is_absolute()
    assert len({slot.environment()["UNSLOTH_COMPILE_LOCATION"] for slot in slots}) == len(slots)


def test_sentences_about_slots() -> None:
    def planned(*of_each: int) -> list[Slot]:
        return [Slot(device, n, 2) for device, many in zip(GPUS, of_each, strict=False) for n in range(many)]

    assert describe([Slot(CPU, 0, 2)], ["no GPU found"]) == [
        "No GPU found: the CPU, 1 trial at a time, 2 threads each."
    ]
    assert describe(planned(1), growing=True) == [
        "1 GPU (NVIDIA H100): 1 trial at a time until the first has finished."
    ]
    assert describe(planned(2, 2)) == ["2 GPUs (NVIDIA H100): 2 trials at a time on each."]
    assert describe(planned(2, 1), ["gpu3 is taken"]) == [
        "2 GPUs (NVIDIA H100): 1 to 2 trials at a time on each.",
        "Gpu3 is taken.",
    ]


# All of it together


def test_a_machine_of_gpus_starts_its_children_where_they_belong_and_gives_all_back(
    nvml: Callable[..., FakeNvml], tmp_path: Path
) -> None:
    nvml(Card("GPU-a"), Card("GPU-b", used=50 * GIB), Card("GPU-c"))
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), "CUDA_VISIBLE_DEVICES": "the job's own"}
    tell = "import os\ndef main(words): return open(words[0], 'w').write(os.environ['CUDA_VISIBLE_DEVICES']) and 0\n"
    (tmp_path / "tell_where.py").write_text(tell)
    with Machine(tmp_path, trials=8, preload=["json"]) as machine:
        first, second = machine.describe()
        assert first == "2 GPUs (NVIDIA H100): 1 trial at a time on each until the first has finished."
        assert second.startswith("Gpu1 (NVIDIA H100) is in use by")
        answers = [tmp_path / "0", tmp_path / "1"]
        where = [
            machine.start(key, "tell_where", [str(answer)], given, tmp_path / "log")
            for key, answer in enumerate(answers)
        ]
        gone: list[int] = []
        while len(gone) < 2:
            gone += [one.code for one in machine.wait(10)]
        assert gone == [0, 0], (tmp_path / "log").read_text()
        assert {slot.device_id for slot in where} == {"GPU-a", "GPU-c"}
        assert [answer.read_text() for answer in answers] == [slot.device_id for slot in where]
        with pytest.raises(ConfigError, match="is taken by the sweep of"):
            lease(find_devices(requested(0)), tmp_path)
    with lease(find_devices(), tmp_path) as again:
        assert labels(again.devices) == ["gpu0", "gpu2"]


def test_slots_are_opened_for_the_largest_trial_seen_not_for_the_last(
    nvml: Callable[..., FakeNvml], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "usable_cores", lambda: 16)
    nvml(Card("GPU-a"))
    with Machine(tmp_path, preload=["json"]) as machine:
        machine.learn(30 * GIB)
        assert len(machine.slots) == 2
        machine.learn(4 * GIB)
        assert len(machine.slots) == 2, "the larger one may come again"


def test_a_fixed_number_of_slots_learns_nothing(nvml: Callable[..., FakeNvml], tmp_path: Path) -> None:
    nvml(Card("GPU-a"))
    with Machine(tmp_path, slots_per_device=1, preload=["json"]) as machine:
        machine.learn(GIB)
        assert len(machine.slots) == 1
