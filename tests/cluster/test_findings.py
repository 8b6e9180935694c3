"""What `doctor --cluster` says of what was found out: pure functions of an examination."""

from dataclasses import replace
from typing import Any

import pytest

from medqa_sweeps.cluster.examination import HERE, Examined, Locks, Probed
from medqa_sweeps.cluster.findings import findings
from medqa_sweeps.cluster.timing import Round, longest, offset_of

DESCRIBED: dict[str, Any] = {
    "python": "3.11.7",
    "versions": {"torch": "2.14.1", "peft": "0.21.2"},
    "findings": [["GPU", "ok", "H100, 79 of 80 GiB free."]],
    "gpus": "0",
    "cache": "/scratch/cache",
    "cache_obstacle": "",
    "cache_disk": "ext4",
    "disk": "nfs4",
}
QUICK = [Round(100.0, 100.02, 100.02, 100.04), Round(101.0, 101.01, 101.01, 101.02)]


def probed(node: str = "n1", **changes: Any) -> Probed:
    return replace(Probed(node, f"{node} GPU 0, job 7", DESCRIBED, QUICK, QUICK), **changes)


def examined(**changes: Any) -> Examined:
    both = [probed("n1"), probed("n2")]
    return replace(Examined(DESCRIBED, both, Locks(False, [], [HERE, "n2"], 0.1)), **changes)


def said(found: Examined) -> dict[str, tuple[str, str]]:
    """State and sentence by topic; of several, the last that is not ok."""
    told: dict[str, tuple[str, str]] = {}
    for one in findings(found):
        if one.topic not in told or one.state != "ok":
            told[one.topic] = (one.state, one.sentence)
    return told


def test_a_healthy_cluster_is_ok_in_every_topic() -> None:
    told = said(examined())
    assert {state for state, _ in told.values()} == {"ok"}
    assert told["Slots"][1] == "n1 GPU 0, job 7 and n2 GPU 0, job 7."
    assert "within 0.04 s" in told["Files"][1] and "refused to this machine and n2" in told["Locks"][1]


def test_clocks_are_compared_by_the_quickest_round() -> None:
    slow, quick = Round(100.0, 105.9, 105.9, 101.0), Round(200.0, 205.05, 205.15, 200.2)
    assert offset_of([slow, quick]).seconds == pytest.approx(5.0) and offset_of([slow, quick]).error < 0.06
    assert longest([slow, quick]) == pytest.approx(1.0)
    state, sentence = said(examined(probes=[probed(files=[slow, quick]), probed("n2")]))["Clock"]
    assert state == "note" and "that of n1 is 5.00 s (± 0.05) ahead of that of this machine" in sentence
    behind = [Round(200.0, 190.1, 190.1, 200.2)]
    assert "10.00 s (± 0.10) behind" in said(examined(probes=[probed(files=behind)]))["Clock"][1]


CASES: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "a lock that reaches no other machine": (
        {"locks": Locks(False, ["n2"], [HERE], 0.1)}, "Locks", "problem", "n2 got a lock that n1 held",
    ),
    "a lock that outlives its process": ({"locks": Locks(False, [], [HERE], 91.0)}, "Locks", "note", "free 91.0 s"),
    "a lock that is never free": ({"locks": Locks(False, [], [HERE], None)}, "Locks", "note", "10 minutes at most"),
    "a disk without locks": ({"locks": Locks(True, [], [HERE], 0.1)}, "Locks", "note", "a file names the holder"),
    "a probe that did not answer": ({"locks": None}, "Locks", "problem", "n1 did not answer in 120 s"),
    "one node": ({"no_second": "none came"}, "Slots", "note", "no slot on another node (none came)"),
    "a file that is not seen": (
        {"probes": [probed(silent="a file that appears", files=[])]}, "Files", "problem", "all nodes share",
    ),
    "lines that come late": (
        {"probes": [probed(lines=[Round(0, 1, 1, 31)])]}, "Files", "note", "a new line within 31.00 s",
    ),
    "a mount without locks": (
        {"here": {**DESCRIBED, "disk": "nfs,nolock"}}, "Folder", "note", "mounted without locks on this machine",
    ),
    "another version": (
        {"here": {**DESCRIBED, "versions": {"torch": "2.15.0", "peft": "0.21.2"}}},
        "Versions", "note", "n1 and n2: torch 2.14.1 instead of 2.15.0, which this machine has",
    ),
    "a package that a node lacks": (
        {"probes": [probed(described={**DESCRIBED, "versions": {"torch": "", "peft": "0.21.2"}})]},
        "Versions", "note", "torch is missing instead of 2.14.1",
    ),
    "a node whose GPU is not seen": (
        {"probes": [probed(described={**DESCRIBED, "findings": [["GPU", "note", "none found."]]})]},
        "GPU", "problem", "n1: GPU 0 was granted, and none is seen",
    ),
    "a node without a GPU": (
        {"probes": [probed(described={**DESCRIBED, "gpus": "", "findings": [["GPU", "note", "none found."]]})]},
        "GPU", "note", "n1: none found.",
    ),
    "a cache on a shared disk": (
        {"probes": [probed(described={**DESCRIBED, "cache_disk": "nfs4"})]}, "Cache", "note", "hydra.launcher.cache=",
    ),
    "a cache that cannot be written": (
        {"probes": [probed(described={**DESCRIBED, "cache_obstacle": "no room"})]}, "Cache", "problem", "n1: no room",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_fault_is_named_with_its_state(name: str) -> None:
    changes, topic, state, part = CASES[name]
    told = said(examined(**changes))
    assert told[topic][0] == state and part in told[topic][1]
    assert [other for other, (found, _) in told.items() if found != "ok" and other not in (topic, "Summary")] == []
    assert told["Summary"][0] == ("problem" if state == "problem" else "ok")
