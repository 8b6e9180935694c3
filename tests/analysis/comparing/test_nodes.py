"""What a study's nodes did: sums, failures and slow nodes, from the lines of its trials."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from medqa_sweeps.analysis.comparing.leaderboard import leaderboard
from medqa_sweeps.analysis.comparing.nodes_verdict import nodes_sentences
from medqa_sweeps.analysis.comparing.slow_nodes import slow_nodes
from medqa_sweeps.analysis.export import as_json, entries
from medqa_sweeps.analysis.page.trial_tables import leaderboard_html
from medqa_sweeps.analysis.plots.timeline import timeline
from medqa_sweeps.analysis.reading.history import spans
from medqa_sweeps.analysis.reading.nodes import Node, nodes_of
from medqa_sweeps.analysis.reading.studies import read_study
from medqa_sweeps.analysis.reading.trial_state import State, state_without_result
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import AttemptEndLine, AttemptLine, Outcome
from tests.analysis.trial_folders import SAMPLES_SEEN, complete, right_at, submit


def begin(number: int, at: float, samples: int = 0, node: str | None = None, card: str = "GPU 0") -> AttemptLine:
    return AttemptLine(number, samples, at, 1, "login", "cuda", gpu="GPU-5a3f1c2b-0000", node=node, card=card)


def failed(number: int, at: float, samples: int, kind: FailureKind, node: str | None = None) -> AttemptEndLine:
    return AttemptEndLine(number, samples, at, Outcome.FAILED, kind, "it failed", node, "GPU 0" if node else None)


def result(trial: TrialDir, **changes: object) -> None:
    """Change what `complete` wrote."""
    found = json.loads(trial.result_file.read_text())
    trial.result_file.write_text(json.dumps({**found, **changes}))


@pytest.fixture
def three_nodes(tmp_path: Path) -> Path:
    """Trial 0 failed on n1 and completed on n2, and trial 1 was lost on n1 before it began; trial 2 failed for good."""
    trial = complete(tmp_path / "0", right_at(0, 200), lora__r=8)
    for line in (begin(1, 100, node="n1"), failed(1, 160, 1500, FailureKind.DEVICE, "n1"), begin(2, 170, 1000, "n2")):
        trial.append(line)
    result(trial, attempts=2, finished_at=270.0)
    trial = complete(tmp_path / "1", right_at(0, 100), lora__r=16)
    trial.append(failed(1, 90, 0, FailureKind.KILLED, "n1"))
    trial.append(begin(1, 140, node="n3", card="GPU 1"))
    result(trial, attempts=2, finished_at=240.0)
    trial = submit(tmp_path / "2", lora__r=32)
    trial.append(begin(1, 200, node="n2", card="GPU 1"))
    trial.fail(FailureKind.CONFIG, "wrong")
    result(trial, finished_at=210.0)
    return tmp_path


def test_an_attempt_has_an_outcome_besides_its_trial(three_nodes: Path) -> None:
    first, second, third = read_study(three_nodes).trials
    assert [span.state for span in spans(first)] == [State.FAILED, State.COMPLETED]
    assert [span.state for span in spans(second)] == [State.FAILED, State.COMPLETED]
    assert [span.state for span in spans(third)] == [State.FAILED]
    drawn = timeline(leaderboard(read_study(three_nodes)))
    assert drawn is not None and drawn.figure is not None
    bars = {bar.name: dict(zip(bar.y, bar.text, strict=True)) for bar in drawn.figure.data}
    assert bars["failed"]["n1 GPU 0"] in ("0", "1") and "n1 GPU 0" not in bars["completed"]


def test_the_sums_and_the_failures_are_by_node(three_nodes: Path) -> None:
    trials = read_study(three_nodes).trials
    nodes = {node.name: node for node in nodes_of([span for trial in trials for span in spans(trial)])}
    assert {name: (node.attempts, node.gpu_seconds, node.samples) for name, node in nodes.items()} == {
        "n1": (2, 60.0, 1500),
        "n2": (2, 110.0, SAMPLES_SEEN - 1000),
        "n3": (1, 100.0, SAMPLES_SEEN),
    }
    assert nodes["n1"].failures == {FailureKind.DEVICE: 1, FailureKind.KILLED: 1}
    assert not nodes["n2"].failures, "a wrong config is no failure of a node"
    sums, failures = nodes_sentences(trials)
    assert failures == "Failures by node: n1: 2 attempts (1 device, 1 killed)."
    per_second = (1500 + 2 * SAMPLES_SEEN - 1000) / 180
    assert sums == (
        f"5 attempts on 3 nodes (4 devices): 0.1 GPU hours, {per_second:.1f} training samples per second together."
    )


def test_page_and_tables_name_node_and_card(three_nodes: Path) -> None:
    board = leaderboard(read_study(three_nodes))
    plot = timeline(board)
    assert plot is not None and plot.caption.endswith("Failures by node: n1: 2 attempts (1 device, 1 killed).")
    slots, nodes = plot.tables
    assert [row[0] for row in slots.rows] == ["n1 GPU 0", "n2 GPU 0", "n2 GPU 1", "n3 GPU 1"]
    assert [(row[0], row[1], row[2], row[-1]) for row in nodes.rows] == [
        ("n1", "1", "2", "1 device, 1 killed"), ("n2", "2", "2", "none"), ("n3", "1", "1", "none"),
        ("together", "4", "5", "2"),
    ]  # fmt: skip
    assert "n1, n3" in leaderboard_html(board, three_nodes)
    configs = json.loads(as_json(board, entries(board)))["configs"]
    assert [one.get("ran_on") for one in configs][:2] == ["n1 GPU 0; n2 GPU 0", "n1 GPU 0; n3 GPU 1"]


def test_one_device_has_nothing_to_be_told_apart(tmp_path: Path) -> None:
    for number in range(2):
        trial = submit(tmp_path / str(number), seed=number)
        trial.append(AttemptLine(1, 0, 100.0, 1, "host", "cpu"))
        trial.append(failed(1, 130, 0, FailureKind.KILLED))
    study = read_study(tmp_path)
    assert nodes_sentences(study.trials) == []
    plot = timeline(leaderboard(study))
    assert plot is not None and len(plot.tables) == 1


def test_the_cards_of_one_machine_are_told_apart_by_their_failures_alone(tmp_path: Path) -> None:
    for number, card in enumerate(["gpu0", "gpu1", "gpu1"]):
        trial = submit(tmp_path / str(number), seed=number)
        trial.append(begin(1, 100.0, card=card))
        if number:
            trial.append(failed(1, 130, 0, FailureKind.DEVICE))
    assert nodes_sentences(read_study(tmp_path).trials) == ["Failures by card: gpu1: 2 attempts (2 device)."]


def test_a_running_trial_says_where(tmp_path: Path) -> None:
    trial = submit(tmp_path / "0")
    trial.append(dataclasses.replace(begin(3, 1e11, node="n7", card="GPU 2"), host="elsewhere"))
    assert state_without_result(trial)[1].startswith("attempt 3 on n7, GPU 2. ")


# Slow nodes


def ran(folder: Path, node: str, seconds: Sequence[float], first: int, **changes: object) -> None:
    """One completed trial on the node for each time."""
    for number, took in enumerate(seconds, first):
        trial = complete(folder / str(number), right_at(0, 100), seed=number, **changes)
        trial.append(begin(1, 100.0, node=node))
        result(trial, seconds=took, finished_at=100.0 + took)


def slow(folder: Path) -> list[tuple[str, float, int, int]]:
    found = [span for trial in read_study(folder).trials for span in spans(trial)]
    return [(one.name, round(one.ratio, 2), one.trials, one.others) for one in slow_nodes(nodes_of(found))]


def test_a_node_that_does_the_same_work_much_slower_is_named(tmp_path: Path) -> None:
    ran(tmp_path, "n1", (10, 11, 10, 9), 0)
    ran(tmp_path, "n2", (10, 90, 10, 11), 10)  # one of them was delayed
    ran(tmp_path, "n3", (25, 24, 26, 25), 20)
    assert slow(tmp_path) == [("n3", 0.41, 4, 8)]
    assert nodes_sentences(read_study(tmp_path).trials)[-1] == (
        "n3 is slow: its trials trained 0.41 times as many samples per second as the same work elsewhere (median over "
        "the pairs of 4 trials there and 8 elsewhere)."
    )


def test_a_few_trials_or_a_small_difference_are_no_slow_node(tmp_path: Path) -> None:
    ran(tmp_path, "n1", (10, 10, 10, 10), 0)
    ran(tmp_path, "n2", (30, 30, 30), 10)
    ran(tmp_path, "n3", (13, 13, 13, 13), 20)
    assert slow(tmp_path) == []


def test_work_that_takes_longer_is_not_compared_with_other_work(tmp_path: Path) -> None:
    ran(tmp_path, "n1", (10, 10, 10, 10), 0)
    ran(tmp_path, "n2", (30, 30, 30, 30), 10, training__max_length_tokens=2048)
    assert slow(tmp_path) == []
    ran(tmp_path, "n3", (30, 30, 30, 30), 20, lora__r=64)
    assert slow(tmp_path) == [("n3", 0.33, 4, 4)], "a rank costs next to nothing"


def test_a_node_that_is_slower_now_and_then_is_not_slow() -> None:
    nodes = [Node("n1", speeds={"": [1.0, 1.0, 1.0, 1.0]}), Node("n2", speeds={"": [0.3, 0.3, 1.2, 1.2]})]
    assert slow_nodes(nodes) == []
