"""How devices are divided into slots. The GPUs are `fake_nvml.py`'s."""

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from medqa_sweeps import hardware
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.pool.devices import Device
from medqa_sweeps.pool.slots import (
    MAX_SLOTS,
    FreeResources,
    SlotPlan,
    describe,
    free_resources,
    plan_slots,
    slot_on,
    with_more_slots,
)
from tests.pool.fake_nvml import GIB, LOST, STRANGER, Card, FakeNvml

pytestmark = pytest.mark.usefixtures("cache")

GPUS = [Device(f"GPU-{index}", "NVIDIA H100", 80 * GIB, f"gpu{index}") for index in range(4)]
CPU = Device("cpu", "a processor", 64 * GIB, "cpu")
peaks = st.none() | st.integers(1 << 20, 100 * GIB)
counts = st.integers(1, 40)


@st.composite
def machines(draw: st.DrawFn) -> tuple[list[Device], FreeResources]:
    devices = draw(st.sampled_from([[CPU], GPUS[:1], GPUS[:2], GPUS]))
    some_bytes = st.integers(0, 80 * GIB)
    gpu_bytes = {device.id: draw(some_bytes) for device in devices if not device.is_cpu}
    return devices, FreeResources(draw(st.integers(1, 64)), draw(some_bytes), gpu_bytes)


@given(machines(), peaks, st.lists(peaks, max_size=3), st.none() | counts)
@settings(deadline=None)
def test_auto_never_plans_more_memory_than_there_is_nor_more_threads_than_cores(
    machine: tuple[list[Device], FreeResources], first: int | None, later: list[int | None], at_most: int | None
) -> None:
    """Except that one trial is always tried, and has a thread. The same when more is learnt on the way."""
    devices, free = machine
    plan = plan_slots(devices, "auto", at_most, first, free)
    _check(plan, None, at_most, first, free)
    for peak in later:
        larger = with_more_slots(plan, peak, free)
        _check(larger, plan, at_most, peak, free)
        plan = larger


def _check(
    plan: SlotPlan, earlier: SlotPlan | None, at_most: int | None, peak: int | None, free: FreeResources
) -> None:
    there = earlier.slots if earlier else ()
    assert plan.slots[: len(there)] == there, "what is there stays as it is"
    assert len({slot.name for slot in plan.slots}) == len(plan.slots) > 0
    assert len(plan.slots) <= (at_most or len(plan.slots))
    assert plan.threads * len(plan.slots) <= max(free.cores, len(plan.slots))
    assert len(plan.slots) <= max(free.cores, len(plan.devices))
    for device in plan.devices:
        before, now = ([slot for slot in slots if slot.device_id == device.id] for slots in (there, plan.slots))
        if device.is_cpu:
            each, has = peak or 1, free.memory_bytes
        else:
            each, has = (peak or 0) + GIB, free.gpu_bytes[device.id]
            assert len(now) <= (1 if peak is None else MAX_SLOTS) or now == before
        assert now == before or len(now) == 1 or len(now) * each <= has


@given(machines(), counts, st.none() | counts)
@settings(deadline=None)
def test_a_number_of_slots_is_taken_at_its_word(
    machine: tuple[list[Device], FreeResources], each: int, at_most: int | None
) -> None:
    devices, free = machine
    plan = plan_slots(devices, each, at_most, None, free)
    assert len(plan.slots) == min(each * len(devices), at_most or sys.maxsize)
    assert plan.threads * len(plan.slots) <= max(free.cores, len(plan.slots))
    indices = [int(slot.name.partition(".")[2]) for slot in plan.slots]
    assert indices == sorted(indices), "every device has its first slot before any has its second"


def test_figures_of_a_plan() -> None:
    free = FreeResources(16, 100 * GIB, {"GPU-0": 80 * GIB})
    one = plan_slots(GPUS[:1], "auto", None, None, free)
    assert [slot.name for slot in one.slots] == ["gpu0.0"]
    larger = with_more_slots(one, 11 * GIB, free)
    assert len(larger.slots) == 6, "90 % of 80 GiB hold six times 11 GiB and the contexts' 1 GiB"
    on_cpu = plan_slots([CPU], "auto", None, 20 * GIB, free)
    assert len(on_cpu.slots) == 4, "80 % of 100 GiB hold 20 GiB four times"
    of_three = plan_slots([CPU], 3, None, None, FreeResources(16, 0, {}))
    assert (len(of_three.slots), of_three.threads) == (3, 5)
    of_two = plan_slots([CPU], "auto", 2, None, free)
    assert (len(of_two.slots), of_two.threads) == (2, 8)


@pytest.mark.parametrize("wanted", ["many", 0, -1, 1.5])
def test_what_is_no_number_of_slots(wanted: int | str) -> None:
    with pytest.raises(ConfigError, match=rf"slots_per_device={wanted}: give a number from 1 up, or auto"):
        plan_slots([CPU], wanted, None, None, FreeResources(1, 0, {}))


def test_what_our_descendants_hold_counts_as_free_and_a_lost_card_has_nothing(nvml: Callable[..., FakeNvml]) -> None:
    child = subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"], stdin=-1, stdout=-1)
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        held = {child.pid: 10 * GIB, STRANGER: 5 * GIB}
        fake = nvml(Card("GPU-0", used=15 * GIB, processes=held), Card("GPU-1", error=LOST))
        fake_free = 80 * GIB - 15 * GIB - 80 * GIB // 128
        free = free_resources(GPUS[:2])
        child.kill()
    assert free.gpu_bytes == {"GPU-0": fake_free + 10 * GIB, "GPU-1": 0}
    assert free.cores == hardware.usable_cores()
    fake.cards[0].processes = {}
    with_lost = plan_slots(GPUS[:2], "auto", None, GIB, FreeResources(16, 0, free.gpu_bytes))
    assert [slot.device_id for slot in with_lost.slots].count("GPU-1") == 1, "tried once, and given up by its trial"


def test_the_environment_of_a_slot(cache: Path) -> None:
    sharing = Device("GPU-0", "NVIDIA H100", 80 * GIB, "gpu0", lease_index=1)
    folders = set()
    devices = (*GPUS, sharing, CPU)
    for device, index in itertools.product(devices, range(3)):
        slot = slot_on(device, index, threads=4)
        assert (slot.name, slot.device_id) == (f"{device.label}.{index}", device.id)
        found = slot.environment
        assert found["CUDA_VISIBLE_DEVICES"] == ("" if device.is_cpu else device.id)
        assert found["OMP_NUM_THREADS"] == found["MKL_NUM_THREADS"] == "4"
        assert Path(found["UNSLOTH_COMPILE_LOCATION"]).is_absolute()
        folders.add(found["UNSLOTH_COMPILE_LOCATION"])
    assert len(folders) == 3 * len(devices)


def test_sentences_about_slots() -> None:
    def planned(*of_each: int, slots_per_device: int | str = 1) -> SlotPlan:
        slots = [slot_on(device, n, 2) for device, many in zip(GPUS, of_each, strict=False) for n in range(many)]
        return SlotPlan(tuple(GPUS[: len(of_each)]), slots_per_device, None, 2, tuple(slots))

    assert describe(SlotPlan((CPU,), "auto", None, 2, (slot_on(CPU, 0, 2),)), ["no GPU found"]) == [
        "No GPU found: the CPU, 1 trial at a time, 2 threads each."
    ]
    assert describe(planned(1, slots_per_device="auto")) == [
        "1 GPU (NVIDIA H100): 1 trial at a time until the first has finished."
    ]
    assert describe(planned(2, 2)) == ["2 GPUs (NVIDIA H100): 2 trials at a time on each."]
    assert describe(planned(2, 1), ["gpu3 is taken"]) == [
        "2 GPUs (NVIDIA H100): 1 to 2 trials at a time on each.",
        "Gpu3 is taken.",
    ]
