"""Hydra's own suites, which ship with it, over our launchers: any sweeper and any task function can use them."""

from pathlib import Path

import pytest
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.test_utils.launcher_common_tests import BatchedSweeperTestSuite, IntegrationTestSuite, LauncherTestSuite
from hydra.version import VersionBase
from packaging.version import Version

CPU = "hydra.launcher.devices=cpu"


@pytest.fixture(autouse=True)
def hydras_own_version_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its suites expect the working directory of Hydra 1.1; an earlier test of this process may have asked for 1.3."""
    monkeypatch.setattr(VersionBase.instance(), "version_base", Version("1.1"))


def test_hydra_finds_the_launchers() -> None:
    found = {launcher.__name__ for launcher in Plugins.instance().discover(Launcher)}
    assert {"LocalGpusLauncher", "InProcessLauncher", "SlurmLauncher", "RayLauncher"} <= found


@pytest.mark.parametrize(("launcher_name", "overrides"), [("local_gpus", [CPU]), ("in_process", [])])
class TestLaunchers(LauncherTestSuite):
    """Launching, seen from Hydra's basic sweeper."""


@pytest.mark.slurm
@pytest.mark.slow
@pytest.mark.usefixtures("slurm_cluster")
@pytest.mark.parametrize(("launcher_name", "overrides"), [("slurm", [])])
class TestOnACluster(LauncherTestSuite):
    """The same with a job of Slurm for each slot."""


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.usefixtures("ray_cluster")
@pytest.mark.parametrize(("launcher_name", "overrides"), [("ray", [])])
class TestOnRay(LauncherTestSuite):
    """The same with an actor of Ray for each slot."""


@pytest.mark.parametrize(("launcher_name", "overrides"), [("local_gpus", [CPU]), ("in_process", [])])
class TestBatches(BatchedSweeperTestSuite):
    """Three batches of two: Hydra's basic sweeper must be the one over us, since ours has no batches."""

    @pytest.fixture(autouse=True)
    def batches(self, overrides: list[str]) -> None:
        overrides[:] = [*(word for word in overrides if "sweeper" not in word), "hydra.sweeper.max_batch_size=2"]


@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"),
    [
        ({}, ["-m", "hydra/launcher=local_gpus", CPU]),
        ({}, ["-m", "hydra/launcher=in_process"]),
    ],
)
class TestIntegration(IntegrationTestSuite):
    """Whole programs, each with a task name, folders and working directory of its own."""

    @pytest.fixture(autouse=True)
    def importable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
