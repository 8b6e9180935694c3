"""What was found out about a cluster, in sentences: whether a sweep may rely on it, and the next step where not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from medqa_sweeps.cluster.examination import HERE, RELEASE_SECONDS, Examined, Locks, Probed
from medqa_sweeps.cluster.exchange import ANSWER_SECONDS
from medqa_sweeps.cluster.timing import longest, offset_of
from medqa_sweeps.doctor import GPU, Finding
from medqa_sweeps.installation import LAUNCH
from medqa_sweeps.wording import listed

_SLOW_SECONDS = 5.0  # there and back; a sweep on one machine looks five times a second
_CLOCK_SECONDS = 1.0
# Disks that several machines share, by the name of their file system; FUSE may be either.
_SHARED_DISKS = ("nfs", "lustre", "gpfs", "beegfs", "cifs", "smb", "ceph", "glusterfs", "afs", "orangefs", "wekafs")
_MOUNT = "Mount it with locks (NFS without nolock or local_lock, Lustre with flock), or choose another disk"


def findings(examined: Examined) -> list[Finding]:
    """One finding per topic, and per node where nodes differ; the last says whether a sweep can run."""
    found = [
        _slots(examined),
        _disks(examined),
        *(_delays(one) for one in examined.probes),
        _locks(examined.locks, examined.probes[0].node),
        *(_clock(one) for one in examined.probes if one.files),
    ]
    found += _by_node({one.node: [*_hardware(one), *_software(one, examined.here)] for one in examined.probes})
    return [*found, _summary(found)]


def _by_node(each: Mapping[str, Sequence[Finding]]) -> list[Finding]:
    """The findings about single nodes, behind their names; what holds for several stands once."""
    nodes: dict[Finding, list[str]] = {}
    for node, of_node in each.items():
        for one in of_node:
            nodes.setdefault(one, []).append(node)
    return [replace(one, sentence=f"{' and '.join(names)}: {one.sentence}") for one, names in nodes.items()]


def _slots(examined: Examined) -> Finding:
    names = " and ".join(one.slot for one in examined.probes)
    if examined.no_second:
        left_out = "what holds between nodes was not tried"
        return Finding("Slots", "note", f"{names}; no slot on another node ({examined.no_second}): {left_out}.")
    return Finding("Slots", "ok", f"{names}.")


def _disks(examined: Examined) -> Finding:
    kinds = {HERE: examined.here["disk"], **{one.node: one.described["disk"] for one in examined.probes}}
    said = ", ".join(f"{kind or 'an unknown file system'} on {name}" for name, kind in kinds.items())
    without = [name for name, kind in kinds.items() if {"nolock", "localflock", "noflock"} & set(kind.split(","))]
    if without:
        return Finding("Folder", "note", f"{said}; mounted without locks on {listed(without)}. {_MOUNT}.")
    return Finding("Folder", "ok", f"{said}.")


def _delays(one: Probed) -> Finding:
    topic, where = "Files", f"between {HERE} and {one.node}"
    if one.silent:
        seen = f"{one.silent} was not seen in {ANSWER_SECONDS:.0f} s {where}"
        return Finding(topic, "problem", f"{seen}: choose a folder that all nodes share (--folder, hydra.sweep.dir).")
    appear, grow = longest(one.files), longest(one.lines)
    said = f"{where} a new file is seen and answered within {appear:.2f} s, a new line within {grow:.2f} s"
    if max(appear, grow) > _SLOW_SECONDS:
        return Finding(topic, "note", f"{said}: accuracies, pruning and `stop` are as late as that.")
    return Finding(topic, "ok", f"{said}.")


def _locks(locks: Locks | None, node: str) -> Finding:
    if locks is None:
        return Finding("Locks", "problem", f"not tried: {node} did not answer in {ANSWER_SECONDS:.0f} s.")
    if locks.not_refused:
        return Finding(
            "Locks",
            "problem",
            f"{listed(locks.not_refused)} got a lock that {node} held, so two processes can write to a trial if "
            f"a node that was given up still works. {_MOUNT}.",
        )
    said = f"a lock that {node} held was refused to {listed(locks.refused)}"
    later = "the next attempt of a trial whose node dies waits as long as that, 10 minutes at most"
    if locks.freed_seconds is None:
        return Finding(
            "Locks", "note", f"{said}, and not free {RELEASE_SECONDS:.0f} s after its process was killed: {later}."
        )
    freed = f"{said}, and free {locks.freed_seconds:.1f} s after its process was killed"
    if locks.by_file:
        return Finding("Locks", "note", f"{freed}; the disk has no locks, so that a file names the holder.")
    return Finding("Locks", "note" if locks.freed_seconds > _SLOW_SECONDS else "ok", f"{freed}.")


def _clock(one: Probed) -> Finding:
    offset = offset_of(one.files)
    side = "ahead of" if offset.seconds > 0 else "behind"
    said = f"that of {one.node} is {abs(offset.seconds):.2f} s (± {offset.error:.2f}) {side} that of {HERE}"
    if abs(offset.seconds) - offset.error > _CLOCK_SECONDS:
        return Finding(
            "Clock", "note", f"{said}: times in records and the timeline are off by it. NTP keeps clocks equal."
        )
    return Finding("Clock", "ok", f"{said}.")


def _hardware(one: Probed) -> Iterator[Finding]:
    granted = one.described["gpus"]
    for topic, state, sentence in one.described["findings"]:
        if topic == GPU and state != "ok" and granted:
            unseen = f"GPU {granted} was granted, and none is seen there: trials would run on the CPU"
            yield Finding(GPU, "problem", f"{unseen}. `nvidia-smi` on the node may show why.")
        else:
            yield Finding(topic, state, sentence)


def _software(one: Probed, here: Mapping[str, Any]) -> Iterator[Finding]:
    ours, theirs = ({"Python": it["python"], **it["versions"]} for it in (here, one.described))
    other = [
        f"{name} {theirs[name] or 'is missing'} instead of {ours[name]}" for name in ours if theirs[name] != ours[name]
    ]
    if other:
        digits = "Results can differ in their last digits; install the same there"
        yield Finding("Versions", "note", f"{', '.join(other)}, which {HERE} has. {digits}.")
    else:
        yield Finding("Versions", "ok", f"the same as {HERE}, Python {ours['Python']}.")
    yield _cache(one)


def _cache(one: Probed) -> Finding:
    if obstacle := one.described["cache_obstacle"]:
        return Finding("Cache", "problem", obstacle)
    kind = one.described["cache_disk"]
    said = f"{one.described['cache']} ({kind or 'an unknown file system'})"
    if kind.startswith(_SHARED_DISKS):
        better = "compiled kernels load faster from a disk of the node: hydra.launcher.cache=/local/scratch"
        return Finding("Cache", "note", f"{said}; {better}.")
    return Finding("Cache", "ok", f"{said}.")


def _summary(found: Sequence[Finding]) -> Finding:
    problems = list(dict.fromkeys(one.topic for one in found if one.state == "problem"))
    if problems:
        return Finding("Summary", "problem", f"a sweep cannot rely on this cluster: see {listed(problems)}.")
    return Finding("Summary", "ok", f"a sweep can run here: `{LAUNCH} -m lora.r=8,16` and these settings.")
