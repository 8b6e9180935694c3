"""Which devices are found. The GPUs are `fake_nvml.py`'s."""

from collections.abc import Callable

import psutil
import pynvml
import pytest

from medqa_sweeps import hardware
from medqa_sweeps.errors import ConfigError, DeviceFailed
from medqa_sweeps.hardware import GpuUse
from medqa_sweeps.pool.devices import Device, find_devices
from medqa_sweeps.pool.request import DeviceRequest, requested
from tests.pool.fake_nvml import GIB, LOST, STRANGER, Card, FakeNvml


def four_cards() -> list[Card]:
    """Free, of a desktop, computed on, and used by an invisible process."""
    return [
        Card("GPU-aaaa-1"),
        Card("GPU-aaaa-2", used=GIB // 2, name="NVIDIA GeForce RTX 4090"),
        Card("GPU-bbbb", used=30 * GIB, processes={STRANGER: 30 * GIB}),
        Card("GPU-cccc", used=2 * GIB),
    ]


def divided() -> Card:
    parts = {0: Card("MIG-x", total=10 * GIB), 2: Card("MIG-y", total=20 * GIB)}
    return Card("GPU-mig", parts=parts)


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
    assert clause.startswith("GPU 1 does not respond")


@pytest.mark.parametrize("error", [pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED])
def test_no_driver_is_no_gpu(error: int, nvml: Callable[..., FakeNvml]) -> None:
    nvml(driver_error=error)
    assert hardware.survey() == ([], [])
    assert hardware.description()["gpus"] == []


def test_a_driver_that_does_not_answer_is_not_the_same_as_none(nvml: Callable[..., FakeNvml]) -> None:
    nvml(driver_error=pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH)
    gpus, (clause,) = hardware.survey()
    assert not gpus and clause.startswith("the GPU driver does not respond")
    with pytest.raises(ConfigError, match=r"driver does not respond.*hydra\.launcher\.devices=cpu"):
        find_devices()


def test_memory_use_by_process(nvml: Callable[..., FakeNvml]) -> None:
    fake = nvml(Card("GPU-a", total=80 * GIB, used=30 * GIB, processes={7: 29 * GIB, 8: None}))
    assert hardware.gpu_use("GPU-a") == GpuUse(80 * GIB - 30 * GIB - 80 * GIB // 128, 30 * GIB, {7: 29 * GIB, 8: None})
    fake.cards[0].error = LOST
    with pytest.raises(DeviceFailed, match=r"GPU-a does not respond.*nvidia-smi"):
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
    assert of_process.endswith("30.0 GiB are used")
    assert "gpu3" in of_nobody and "invisible from here: 2.0 GiB" in of_nobody


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
    assert "gpu0 (NVIDIA H100) is left out: GPU-a does not respond" in found.skipped[0]


def test_if_no_gpu_is_free_the_error_names_the_holders_and_the_next_step(nvml: Callable[..., FakeNvml]) -> None:
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
        (7, r"GPU 7 does not exist\. Available: 0 NVIDIA H100 GPU-aaaa-1"),
        ("GPU-aaaa", "matches several UUIDs"),
        ([], r"hydra\.launcher\.devices=\[\]: give only auto, only cpu, or only GPUs"),
        ([0, "cpu"], "only auto, only cpu, or only GPUs"),
        (["auto", 0], "only auto, only cpu, or only GPUs"),
        ("", "only auto, only cpu, or only GPUs"),
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
    with pytest.raises(ConfigError, match=r"GPU 0 does not exist\. Available: none"):
        find_devices(requested(0))
    nvml(Card("GPU-a"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert labels(find_devices().devices) == ["cpu"]
    with pytest.raises(ConfigError, match="CUDA_VISIBLE_DEVICES= hides the others"):
        find_devices(requested(0))
