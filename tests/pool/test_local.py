"""This machine's pool, all of it together. The GPUs are `fake_nvml.py`'s; processes and locks are real."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from medqa_sweeps import hardware
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.pool.devices import find_devices
from medqa_sweeps.pool.leases import lease
from medqa_sweeps.pool.local import local_pool
from medqa_sweeps.pool.request import requested
from tests.pool.fake_nvml import GIB, Card, FakeNvml

pytestmark = pytest.mark.usefixtures("cache")


def test_a_pool_of_gpus_starts_its_children_where_they_belong_and_gives_all_back(
    nvml: Callable[..., FakeNvml], tmp_path: Path
) -> None:
    nvml(Card("GPU-a"), Card("GPU-b", used=50 * GIB), Card("GPU-c"))
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), "CUDA_VISIBLE_DEVICES": "the job's own"}
    tell = "import os\ndef main(words): return open(words[0], 'w').write(os.environ['CUDA_VISIBLE_DEVICES']) and 0\n"
    (tmp_path / "tell_where.py").write_text(tell)
    with local_pool(tmp_path, ["json"], at_most=8) as pool:
        first, second = pool.describe()
        assert first == "2 GPUs (NVIDIA H100): 1 trial at a time on each until the first has finished."
        assert second.startswith("Gpu1 (NVIDIA H100) is in use by")
        answers = [tmp_path / "0", tmp_path / "1"]
        where = [pool.start("tell_where", [str(answer)], given, tmp_path / "log").slot for answer in answers]
        gone: list[int] = []
        while len(gone) < 2:
            gone += [one.code for one in pool.wait(10)]
        assert gone == [0, 0], (tmp_path / "log").read_text()
        assert {slot.device_id for slot in where} == {"GPU-a", "GPU-c"}
        assert [answer.read_text() for answer in answers] == [slot.device_id for slot in where]
        with pytest.raises(ConfigError, match="is taken by the sweep of"):
            lease(find_devices(requested(0)), tmp_path)
    with lease(find_devices(), tmp_path) as again:
        assert [device.label for device in again.devices] == ["gpu0", "gpu2"]


def test_slots_are_added_for_the_largest_peak_not_for_the_last(
    nvml: Callable[..., FakeNvml], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "usable_cores", lambda: 16)
    nvml(Card("GPU-a"))
    with local_pool(tmp_path, ["json"]) as pool:
        pool.note_peak_memory(30 * GIB)
        assert len(pool.slots) == pool.free == 2
        pool.note_peak_memory(4 * GIB)
        assert len(pool.slots) == 2, "the larger one may come again"


def test_a_fixed_number_of_slots_learns_nothing(nvml: Callable[..., FakeNvml], tmp_path: Path) -> None:
    nvml(Card("GPU-a"))
    with local_pool(tmp_path, ["json"], slots_per_device=1) as pool:
        pool.note_peak_memory(GIB)
        assert len(pool.slots) == 1
