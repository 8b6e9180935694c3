"""The contract of `Children`: the same tests for children that are forked and that are kept waiting."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from medqa_sweeps.errors import InternalError
from medqa_sweeps.jobs.interrupts import Interrupts
from medqa_sweeps.pool.children import ChildExit, Children, ForkedChildren, SparedChildren

TASKS = "tests.contracts.child_tasks"
MAKERS: dict[str, Callable[[], Children]] = {
    "forked": lambda: ForkedChildren(preload=["json"]),
    "spared": lambda: SparedChildren(preload=["json"]),
}


@pytest.fixture(params=MAKERS)
def children(request: pytest.FixtureRequest) -> Iterator[Children]:
    with MAKERS[request.param]() as made:
        yield made


def start(children: Children, tmp_path: Path, *arguments: str, mark: str = "none") -> int:
    environment = {"PATH": os.environ["PATH"], "MARK": mark}
    return children.start(TASKS, list(arguments), environment, tmp_path / "log")


def wait_for_all(children: Children, count: int, seconds: float = 20) -> list[ChildExit]:
    ended: list[ChildExit] = []
    end = time.monotonic() + seconds
    while len(ended) < count and time.monotonic() < end:
        ended += children.wait(1)
    return ended


def content(path: Path, seconds: float = 20) -> str:
    end = time.monotonic() + seconds
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < end, f"{path} was not written"
        time.sleep(0.01)
    return path.read_text()


def gone(pid: int, seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def test_exit_codes_come_back_with_their_process(children: Children, tmp_path: Path) -> None:
    codes = {start(children, tmp_path, "exit", str(code)): code for code in (0, 3, 75)}
    assert {child.pid: child.code for child in wait_for_all(children, 3)} == codes


def test_a_child_gets_just_the_environment_it_was_given_and_a_group_of_its_own(
    children: Children, tmp_path: Path
) -> None:
    start(children, tmp_path, "tell", str(tmp_path / "told"), mark="slot 3")
    wait_for_all(children, 1)
    told = (tmp_path / "told").read_text()
    root = str(Path(__file__).parents[2])
    assert told.startswith("slot 3") and f"{root} True ''" in told
    assert "HOME" not in told


def test_output_is_appended_to_the_log(children: Children, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n")
    start(children, tmp_path, "tell", str(tmp_path / "told"))
    wait_for_all(children, 1)
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[0] == "before" and {"said on stdout", "said on stderr"} <= set(lines)


def test_an_exception_is_exit_code_1_with_its_traceback_in_the_log(children: Children, tmp_path: Path) -> None:
    start(children, tmp_path, "raise")
    assert [child.code for child in wait_for_all(children, 1)] == [1]
    assert "RuntimeError: a child's own error" in (tmp_path / "log").read_text()


def test_a_killed_child_is_told_by_its_signal(children: Children, tmp_path: Path) -> None:
    start(children, tmp_path, "die")
    assert [child.code for child in wait_for_all(children, 1)] == [-signal.SIGKILL]


def test_kill_reaches_the_child_and_nothing_happens_when_it_is_gone(children: Children, tmp_path: Path) -> None:
    pid = start(children, tmp_path, "sleep", str(tmp_path / "pid"))
    content(tmp_path / "pid")
    children.kill(pid)
    assert wait_for_all(children, 1) == [ChildExit(pid, -signal.SIGKILL)]
    children.kill(pid)


def test_no_polite_signal_ends_a_child_or_what_starts_children(children: Children, tmp_path: Path) -> None:
    """As `scancel` and `docker stop` send them, to every process of a job, at any moment of its life."""
    for life in range(3):
        pid = start(children, tmp_path, "sleep", str(tmp_path / f"pid{life}"))
        for _ in range(20):
            for process in psutil.Process().children(recursive=True):
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    process.send_signal(number)
            time.sleep(0.01)
        assert content(tmp_path / f"pid{life}") == str(pid)
    assert children.wait(0.3) == []


def test_what_a_child_starts_can_be_ended_politely(children: Children, tmp_path: Path) -> None:
    start(children, tmp_path, "obedient", str(tmp_path / "codes"))
    assert content(tmp_path / "codes") == f"{-signal.SIGTERM} {-signal.SIGINT}"


def test_without_time_wait_returns_what_has_ended(children: Children, tmp_path: Path) -> None:
    pid = start(children, tmp_path, "exit", "3")
    ended: list[ChildExit] = []
    end = time.monotonic() + 20
    while not ended and time.monotonic() < end:
        ended = children.wait(0)
        time.sleep(0.01)
    assert ended == [ChildExit(pid, 3)]


def test_wait_returns_when_its_time_is_up(children: Children, tmp_path: Path) -> None:
    start(children, tmp_path, "sleep", str(tmp_path / "pid"))
    assert children.wait(0.05) == []


def test_no_grandchild_outlives_a_child_that_has_ended(children: Children, tmp_path: Path) -> None:
    start(children, tmp_path, "grandchild", str(tmp_path / "pid"))
    wait_for_all(children, 1)
    assert gone(int((tmp_path / "pid").read_text()))


def test_close_kills_what_runs_and_nothing_can_be_started_after(children: Children, tmp_path: Path) -> None:
    start(children, tmp_path, "sleep", str(tmp_path / "pid"))
    pid = int(content(tmp_path / "pid"))
    children.close()
    assert gone(pid)
    with pytest.raises(InternalError):
        start(children, tmp_path, "exit", "0")


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_child_outlives_a_killed_parent(kind: str, number: signal.Signals, tmp_path: Path) -> None:
    program = (
        "import time; from pathlib import Path; from tests.contracts.test_children import MAKERS, start\n"
        f"folder = Path({str(tmp_path)!r}); children = MAKERS[{kind!r}]()\n"
        "start(children, folder, 'sleep', str(folder / 'pid')); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[2])
    pid = int(content(tmp_path / "pid"))
    parent.send_signal(number)
    parent.wait()
    assert gone(pid, seconds=2)


def test_a_killed_forkserver_takes_its_children_and_is_replaced_a_few_times(tmp_path: Path) -> None:
    with ForkedChildren(preload=["json"]) as children:
        for life in range(4):
            pid = start(children, tmp_path, "sleep", str(tmp_path / f"pid{life}"))
            content(tmp_path / f"pid{life}")
            children._server.kill()
            if life < 3:
                assert wait_for_all(children, 1) == [ChildExit(pid, -signal.SIGKILL, "its parent process ended")]
            else:
                with pytest.raises(InternalError, match="has died"):
                    children.wait(10)
            assert gone(pid)


def test_a_preload_that_fails_is_named_at_the_first_start(tmp_path: Path) -> None:
    with ForkedChildren(preload=["no_such_module"]) as children, pytest.raises(InternalError, match="no_such_module"):
        start(children, tmp_path, "exit", "0")


def test_a_spare_has_imported_before_it_is_told_what_to_become(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "MARK": "early"}
    with SparedChildren(preload=["tests.contracts.slow_import"]) as children:
        children._ensure_spare({**environment, "IMPORTED": str(tmp_path / "imported")})
        assert content(tmp_path / "imported") == "early"
        children.start(TASKS, ["exit", "5"], {**environment, "IMPORTED": str(tmp_path / "imported")}, tmp_path / "log")
        assert [child.code for child in wait_for_all(children, 1)] == [5]


def test_a_spare_that_cannot_import_is_named_at_the_start(tmp_path: Path) -> None:
    with SparedChildren(preload=["no_such_module"]) as children:
        environment = {"PATH": os.environ["PATH"]}
        children._ensure_spare(environment)
        (spare,) = (process for process, _ in children._spares.values())
        assert gone(spare.pid)
        with pytest.raises(InternalError, match="no_such_module"):
            children.start(TASKS, ["exit", "0"], environment, tmp_path / "log")


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_what_this_process_was_told_to_ignore_its_children_ignore(
    maker: Callable[[], Children], tmp_path: Path
) -> None:
    """As nohup tells it for SIGHUP, and a shell for SIGINT when it starts a program in the background."""
    told = (signal.SIGHUP, signal.SIGINT)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in told}
    try:
        with Interrupts() as interrupts, maker() as children:
            start(children, tmp_path, "ignored", str(tmp_path / "ignored"))
            assert {"SIGHUP", "SIGINT"} <= set(content(tmp_path / "ignored").split())
            assert "SIGTERM" not in content(tmp_path / "ignored").split()
            for number in (*told, signal.SIGTERM):
                signal.raise_signal(number)
            assert interrupts.count == 1, "what was ignored stays so, and the others are heard"
        assert all(signal.getsignal(number) is signal.SIG_IGN for number in told)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
