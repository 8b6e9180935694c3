"""One child on one slot, with real processes: its result, its refusal, its crash, its death, its parent's Ctrl-C."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from medqa_sweeps.errors import ConfigError, InternalError
from medqa_sweeps.jobs import one_child
from medqa_sweeps.jobs.one_child import run_child
from medqa_sweeps.pool.children import ForkedChildren
from medqa_sweeps.pool.contract import Pool, ProcessExit
from tests.contracts.test_pool import TASKS, local


@pytest.fixture
def pool() -> Iterator[Pool]:
    with local(ForkedChildren(preload=["json"]), at_most=1) as made:
        yield made


def test_a_child_that_succeeds_leaves_its_result_and_the_slot(pool: Pool, tmp_path: Path) -> None:
    run_child(pool, TASKS, ["tell", str(tmp_path / "told")], tmp_path / "log")
    assert "HF_HUB_OFFLINE" in (tmp_path / "told").read_text() and pool.free == 1


def test_a_refusal_is_the_childs_own_sentence_whole(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        run_child(pool, TASKS, ["refuse", "Two things are wrong:\n  this one.\n  that one."], tmp_path / "log")
    assert str(caught.value) == "Two things are wrong: this one. that one."
    assert "a library's word" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("task", "how", "tail"),
    [
        (["raise"], "exit code 1", "RuntimeError: a child's own error"),
        (["raise", "Traceback (most recent call last): 65"], "exit code 1", "Traceback"),
        (["exit", "74"], "exit code 74", ""),
        (["die"], "SIGKILL (often because the system ran out of memory)", ""),
    ],
)
def test_any_other_end_is_a_failure_with_the_logs_tail(
    task: list[str], how: str, tail: str, pool: Pool, tmp_path: Path
) -> None:
    with pytest.raises(InternalError) as caught:
        run_child(pool, TASKS, task, tmp_path / "log")
    assert f"ended with {how}. The end of its output:" in str(caught.value) and tail in str(caught.value)


def test_ctrl_c_reaches_the_caller_and_no_child_outlives_the_pool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool hands Ctrl-C on from `wait`; here it comes as soon as the child has begun."""
    begun = tmp_path / "pid"

    def interrupted_wait(timeout: float) -> list[ProcessExit]:
        if begun.exists() and begun.read_text():
            raise KeyboardInterrupt
        return wait(timeout)

    monkeypatch.setattr(one_child, "POLL_SECONDS", 0.01)
    with pytest.raises(KeyboardInterrupt), local(ForkedChildren(preload=["json"]), at_most=1) as pool:
        wait = pool.wait
        monkeypatch.setattr(pool, "wait", interrupted_wait)
        run_child(pool, TASKS, ["sleep", str(begun)], tmp_path / "log")
    pid = int(begun.read_text())
    with contextlib.suppress(psutil.NoSuchProcess):  # the kernel kills it at once, and takes a moment
        assert psutil.Process(pid).wait(timeout=10) is None
