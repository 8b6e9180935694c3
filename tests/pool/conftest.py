"""Cards and leases for one test. The GPUs are `fake_nvml.py`'s."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pool.fake_nvml import Card, FakeNvml


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


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leases of this test alone."""
    monkeypatch.setenv("MEDQA_SWEEPS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
