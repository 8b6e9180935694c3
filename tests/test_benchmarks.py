"""The cheap benchmarks run their smallest case, so that a change that breaks one is seen before figures are wanted.

mypy reads all of them. What they reach by a string (a word of a command, a function that is replaced) it cannot see.
"""

import importlib
import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import (
    bm25_case,
    clusters,
    growth,
    luck_of_the_best,
    record,
    refill,
    report,
    schedulers,
    scheduling,
    start,
)
from benchmarks.cases import composed
from medqa_sweeps.analysis.comparing.leaderboard import leaderboard
from medqa_sweeps.analysis.reading.studies import read_study

HERE = Path(record.__file__).parent
WITH_OPTIONS = [path.stem for path in sorted(HERE.glob("*.py")) if "ArgumentParser(" in path.read_text()]
STORING = [path.stem for path in sorted(HERE.glob("*.py")) if "record import store" in path.read_text()]


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where figures are stored meanwhile."""
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


def figures_of(benchmark: Any, words: str, results: Path, monkeypatch: pytest.MonkeyPatch, engine: str = "") -> Any:
    """`engine`: whose result is read, if the benchmark stores one for each cluster."""
    name = benchmark.__name__.split(".")[-1]
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *words.split()])
    benchmark.main()
    stored = f"{name}_{engine}" if engine else name
    return json.loads((results / f"{stored}.json").read_text())["figures"]


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_a_benchmark_tells_its_options(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--help"])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"benchmarks.{name}").main()
    assert ended.value.code == 0


@pytest.mark.parametrize("name", STORING)
def test_a_benchmark_that_stores_figures_is_in_the_readme(name: str) -> None:
    assert f"python -m benchmarks.{name}" in (HERE / "README.md").read_text()


def test_growth(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = figures_of(growth, "--trials 20 --tpe-trials 20 --storage memory journal", results, monkeypatch)
    assert len(rows) == 6 and all(len(row["sweep"]) == len(row["optuna_alone"]) == growth.TENTHS for row in rows)


def test_scheduling(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "--trials 2 --slots 2 --means 0 --only ours"
    [row] = figures_of(scheduling, words, results, monkeypatch)["runs"]
    assert row["trials"] == 2 and "failed" not in row


@pytest.mark.parametrize(
    ("ended", "then", "said"),
    [(1, "print('a job was lost')", "a job was lost\n"), (2, "time.sleep(600)", "ended by us after 2 s: ")],
)
def test_a_scheduler_that_loses_a_job_or_hangs_has_failed(
    ended: int, then: str, said: str, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(*case: Any) -> list[str]:
        diary = case[-1]
        program = f"import time; open({str(diary)!r} + '.ended', 'w').write('{{}}\\n' * {ended}); {then}"
        return [sys.executable, "-c", program]

    monkeypatch.setattr(schedulers, "command", command)
    words = "--trials 2 --means 0 --only ours --patience 2"
    [row] = figures_of(scheduling, words, results, monkeypatch)["runs"]
    assert (row["never_ended"], row["failed"]) == (2 - ended, said)


ON_SLURM, ON_RAY = pytest.param("slurm", marks=pytest.mark.slurm), pytest.param("ray", marks=pytest.mark.ray)


@pytest.mark.parametrize("engine", [ON_SLURM, ON_RAY])
def test_scheduling_on_a_cluster(engine: str, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = f"--engine {engine} --trials 2 --slots 2 --means 0 --only ours"
    [row] = figures_of(scheduling, words, results, monkeypatch, engine)["runs"]
    assert row["trials"] == 2 and "failed" not in row and row["lost_seconds_a_job"] > 0


@pytest.mark.parametrize("engine", [ON_SLURM, pytest.param("ray", marks=[pytest.mark.ray, pytest.mark.slow])])
def test_refill_on_a_cluster(engine: str, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = figures_of(refill, f"--engine {engine} --only stand-in --trials 3", results, monkeypatch)
    assert list(figures) == [f"stand-in, completed, {engine}", f"stand-in, pruned, {engine}"]
    assert figures[f"stand-in, pruned, {engine}"]["decision to next first step"]["count"] == 1


def test_a_cluster_without_its_programs_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(clusters.os, "geteuid", lambda: 0)
    assert clusters.startable(clusters.ENGINES) == ["local"]
    said = capsys.readouterr().out
    assert re.search("^slurm is missing: no .*srun.* on this machine", said) and "ray is missing: it is this" in said


@pytest.mark.variant
@pytest.mark.parametrize("checked", [True, False])
def test_start(checked: bool) -> None:
    assert start._start(["lora.r=8,16"], checked)["cpu_seconds"] > 0


@pytest.mark.parametrize("words", refill.WORDS.values(), ids=refill.WORDS)
@pytest.mark.parametrize("engine", clusters.ENGINES)
def test_what_refill_asks_for_composes(engine: str, words: list[str]) -> None:
    assert composed(["experiment=quickstart", "tracking=none", *words, *refill.PRUNE_ALL, *refill.launcher(engine)])


@pytest.mark.variant
def test_the_study_of_the_report_has_a_leaderboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "ANSWERS", 2)
    report.write_study(tmp_path / "study", 12)
    board = leaderboard(read_study(tmp_path / "study"))
    assert board.rows and {"r", "lr", "dropout"} <= set(board.names.values())


def test_luck_of_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(luck_of_the_best, "STUDIES", 2)
    found = luck_of_the_best.luck("one 10 points ahead", 4, 2, 0.01)
    assert np.isfinite([found.in_truth, found.estimated, found.of_questions]).all()


def test_our_side_of_retrieval_finds_what_it_ranks() -> None:
    figures = bm25_case.ours(["fever and rash", "cough", "rash"], ["A rash", "cough or fever"])
    assert figures["found"] == 4 and figures["index_peak_bytes"] <= figures["peak_bytes"]
