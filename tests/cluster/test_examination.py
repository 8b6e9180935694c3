"""An examination with real processes, files and locks, where both "nodes" are this machine."""

import os
from collections.abc import Collection
from pathlib import Path

import pytest

from medqa_sweeps.cluster.examination import HERE, PROBE, Examined, examine_cluster
from medqa_sweeps.cluster.findings import findings
from medqa_sweeps.errors import ConfigError, InternalError
from medqa_sweeps.pool.children import ForkedChildren
from medqa_sweeps.pool.contract import Pool
from medqa_sweeps.pool.devices import find_devices
from medqa_sweeps.pool.leases import lease
from medqa_sweeps.pool.local import LocalPool
from medqa_sweeps.pool.request import DeviceRequest
from medqa_sweeps.pool.slots import plan_slots

CPU = DeviceRequest(("cpu",))


def pool_in(folder: Path, excluded: Collection[str] = ()) -> Pool:
    leased = lease(find_devices(CPU), folder)
    return LocalPool(ForkedChildren([PROBE]), leased, plan_slots(leased.devices, 1, at_most=1))


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "MEDQA_SWEEPS_CACHE": str(folder / "cache")}


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> Examined:
    folder = tmp_path_factory.mktemp("shared")
    doing: list[str] = []
    found = examine_cluster(lambda excluded: pool_in(folder, excluded), folder, environment(folder), doing.append)
    assert doing[0] == "waiting for a slot" and "trying locks" in doing
    assert [path.name for path in folder.iterdir()] == ["cache"], "something was left behind"
    return found


def test_files_lines_and_clocks_are_exchanged_with_both(examined: Examined) -> None:
    assert len(examined.probes) == 2 and not examined.no_second
    for one in examined.probes:
        assert not one.silent and len(one.files) == len(one.lines) == 10
        assert all(round.asked <= round.seen <= round.answered <= round.heard for round in (*one.files, *one.lines))


def test_a_held_lock_is_refused_everywhere_and_free_when_its_process_is_killed(examined: Examined) -> None:
    assert examined.locks is not None and examined.locks.not_refused == []
    assert examined.locks.refused == [HERE, examined.probes[1].node] and examined.locks.freed_seconds is not None


def test_every_finding_is_a_sentence(examined: Examined) -> None:
    found = findings(examined)
    assert {"Slots", "Folder", "Files", "Locks", "Clock", "GPU", "Versions", "Cache", "Summary"} <= {
        one.topic for one in found
    }
    assert all(one.sentence.endswith(".") for one in found)
    assert all(one.state == "ok" for one in found if one.topic in ("Files", "Locks", "Clock", "Versions"))


def test_a_slot_that_does_not_see_the_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medqa_sweeps.cluster.exchange.ANSWER_SECONDS", 0.2)
    monkeypatch.setattr("medqa_sweeps.cluster.exchange.ask", lambda folder, number, request: None)  # it never appears
    with pytest.raises(ConfigError, match=r"no answer was seen in 0\.2 seconds\. Choose a folder that all nodes share"):
        examine_cluster(lambda excluded: pool_in(tmp_path), tmp_path, environment(tmp_path), lambda doing: None)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("doctor-")]


def test_a_probe_that_ends_by_itself_leaves_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medqa_sweeps.cluster.examination.PROBE", "tests.contracts.no_such_module")
    with pytest.raises(InternalError, match=r"(?s)the probe on .* ended with .*no_such_module"):
        examine_cluster(lambda excluded: pool_in(tmp_path), tmp_path, environment(tmp_path), lambda doing: None)


def test_without_a_second_slot_the_reason_is_kept(tmp_path: Path) -> None:
    def only_one(excluded: Collection[str]) -> Pool:
        if excluded:
            raise ConfigError("only one node is there")
        return pool_in(tmp_path)

    found = examine_cluster(only_one, tmp_path, environment(tmp_path), lambda doing: None)
    assert found.no_second == "only one node is there" and len(found.probes) == 1
    assert found.locks is not None and found.locks.refused == [HERE]
