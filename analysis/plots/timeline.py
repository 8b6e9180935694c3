"""Which trial ran where and when, and when slots were idle."""

import datetime
import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.comparing.nodes_verdict import failures_text, hours_text, troubles
from medqa_sweeps.analysis.plots.plot import COLOURS, GREY, Plot, Table, empty_figure, label
from medqa_sweeps.analysis.reading.history import Span, spans
from medqa_sweeps.analysis.reading.nodes import Node, nodes_of, samples_per_second
from medqa_sweeps.analysis.reading.trial_state import State
from medqa_sweeps.wording import counted

_FULL = 0.995  # of the time: no gap is seen
BARS = 1500  # beyond, neighbours on a lane are drawn as one
_COLOUR_OF = {
    State.COMPLETED: COLOURS[0],
    State.STOPPED: COLOURS[4],
    State.REPEATED: GREY,
    State.PRUNED: COLOURS[1],
    State.FAILED: COLOURS[3],
    State.INTERRUPTED: COLOURS[5],
    State.RUNNING: COLOURS[2],
    State.WAITING: GREY,
}


@dataclass
class Bar:
    """One or more attempts, one after the other on a lane."""

    began: float
    ended: float
    state: State
    names: str


def timeline(board: Leaderboard) -> Plot | None:
    """One lane per device, or per slot of a CPU, with the attempts that ran there; None where nothing has begun."""
    found = sorted((span for trial in board.study.trials for span in spans(trial)), key=lambda span: span.began)
    if not found:
        return None
    lanes = _without_host(lanes_of(found), found)
    began, ended = min(span.began for span in found), max(span.ended for span in found)
    tick = (ended - began) / max(1, BARS // len(lanes)) if len(found) > BARS else 0.0
    figure = empty_figure("", "", height=130 + 34 * len(lanes))
    bars = {lane: _merged(some, tick) for lane, some in lanes.items()}
    for state in State:
        chosen = [(lane, bar) for lane, of_lane in bars.items() for bar in of_lane if bar.state is state]
        if chosen:
            figure.add_bar(
                y=[label(lane) for lane, _ in chosen],
                base=[_moment(bar.began) for _, bar in chosen],
                x=[1000 * max(bar.ended - bar.began, 0.001) for _, bar in chosen],
                orientation="h",
                name=str(state),
                text=[label(bar.names, 20) if len(found) <= 60 else "" for _, bar in chosen],
                insidetextanchor="middle",
                textposition="inside",
                hovertext=[label(bar.names) for _, bar in chosen],
                hovertemplate="%{hovertext}<extra></extra>",
                marker={"color": _COLOUR_OF[state], "line": {"color": "rgba(255,255,255,0.7)", "width": 1}},
            )
    figure.update_layout(barmode="overlay", showlegend=True, legend={"y": -75 / (60 + 34 * len(lanes))})
    figure.update_xaxes(type="date", nticks=6, tickangle=0)
    order = [label(lane) for lane in lanes]  # else in the order in which their first bars are drawn
    figure.update_yaxes(type="category", autorange="reversed", categoryorder="array", categoryarray=order)
    cells = [_row(lane, some, began, ended) for lane, some in lanes.items()]
    busy = sum(span.ended - span.began for span in found) / max(1e-9, (ended - began) * len(lanes))
    merged = (
        f" {len(found):,} attempts are too many to draw one by one: neighbours with the same outcome share a bar."
        if tick
        else ""
    )
    is_full = len(found) == len(lanes) or busy > _FULL
    gaps = "" if is_full else " Gaps are idle time or the start of a process."
    nodes = nodes_of(found)
    caption = (
        f"{counted(len(found), 'attempt')} on {counted(len(lanes), 'slot')} in {_length(ended - began)}; the slots "
        f"were busy {busy:.0%} of the time.{gaps}{merged} Times are in UTC."
    )
    header = ("slot", "attempts", "busy", "longest gap")
    tables = [Table("Slots and their idle time", header, cells), *_of_nodes(nodes, found)]
    return Plot("timeline", "Timeline", " ".join([caption, *troubles(nodes)]), figure, tables)


def lanes_of(found: list[Span]) -> dict[str, list[Span]]:
    """Spans in the order of their beginning, by device; what overlaps on one device goes on lanes of its own."""
    by_device: dict[str, list[list[Span]]] = defaultdict(list)
    for span in found:
        free = [lane for lane in by_device[span.device] if lane[-1].ended <= span.began + 0.5]
        if free:
            free[0].append(span)
        else:
            by_device[span.device].append([span])
    return {
        device if len(lanes) == 1 else f"{device} #{number}": lane
        for device, lanes in sorted(by_device.items(), key=lambda one: _by_number(one[0]))
        for number, lane in enumerate(lanes)
    }


def _by_number(name: str) -> list[tuple[bool, int, str]]:
    """`gpu2` before `gpu10`."""
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", name)]


def _without_host(lanes: dict[str, list[Span]], found: list[Span]) -> dict[str, list[Span]]:
    """With the devices alone, where all are of one machine."""
    if len({span.machine for span in found}) > 1:
        return lanes
    return {name.removeprefix(f"{lane[0].machine} "): lane for name, lane in lanes.items()}


def _merged(some: list[Span], tick: float) -> list[Bar]:
    bars: list[Bar] = []
    for span in some:
        last = bars[-1] if bars else None
        if last is not None and tick and last.state is span.state and span.began - last.ended < tick:
            last.ended = max(last.ended, span.ended)
            last.names = f"{last.names.split(' to ')[0]} to {span.trial.name}"
        else:
            bars.append(Bar(span.began, span.ended, span.state, span.trial.name))
    return bars


def _row(lane: str, some: list[Span], began: float, ended: float) -> tuple[str, ...]:
    busy = sum(span.ended - span.began for span in some)
    gaps = [later.began - earlier.ended for earlier, later in pairwise(some)]
    gap = _length(max(0.0, *gaps, 0.0)) if gaps else "none"
    return lane, f"{len(some):,}", f"{busy / max(1e-9, ended - began):.0%}", gap


def _of_nodes(nodes: list[Node], found: list[Span]) -> list[Table]:
    """What each node did, with sums; none where one device did all."""
    if len(nodes) < 2:
        return []
    speeds = samples_per_second(nodes, found)
    rows = [
        (
            *(node.name, str(len(node.cards)), f"{node.attempts:,}", hours_text([node])),
            *(f"{speed:.1f}", failures_text(node) or "none"),
        )
        for node, speed in zip(nodes, speeds, strict=True)
    ]
    failed = sum(node.failures.total() for node in nodes)
    cards = len({(span.machine, span.card) for span in found})
    total = ("together", str(cards), f"{len(found):,}", hours_text(nodes), f"{sum(speeds):.1f}", str(failed or "none"))
    header = ("node", "devices", "attempts", "time on them", "training samples per second of the study", "failures")
    return [Table("Nodes", header, [*rows, total])]


def _moment(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="milliseconds")[:23]


def _length(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )
