"""What every plot is: a figure, a caption that says the same in words, and a table of its numbers."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, field

import plotly.graph_objects as go

from medqa_sweeps.analysis.comparing.leaderboard import Row

# Okabe & Ito's colours, distinguishable for the colour-blind, without black and yellow: they show on light and dark.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star")
GREY = "#7F7F7F"
_LONGEST = 40  # characters of a text in a figure
_TERMS = {"lora.r": "LoRA rank", "optimizer.lr": "learning rate"}  # where a short name is not the field's term


@dataclass(frozen=True)
class Table:
    """Cells as text; nothing is escaped yet."""

    caption: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Plot:
    """A part of the page; its texts are not escaped yet."""

    name: str  # unique in the page, letters and dashes
    title: str
    caption: str  # what is to be seen, for those who do not see it
    figure: go.Figure | None = None
    tables: Sequence[Table] = field(default_factory=tuple)


def label(text: str, longest: int = _LONGEST) -> str:
    """For a figure: Plotly reads some tags in its texts, so that what comes from data must be escaped."""
    return html.escape(text if len(text) <= longest else text[: longest - 1] + "…", quote=False)


def name_of(row: Row) -> str:
    """A config, for a figure: `r=16`, or `trial 3: r=16 lr=0.0001` where sentences call it by its trial.

    Long settings begin with the trial, too: cut off, two of them may be the same text, and a figure would draw both as
    one.
    """
    text = row.settings or row.label
    by_trial = row.label != text or len(text) > _LONGEST
    return label(f"trial {row.trial.name}: {text}" if by_trial else text)


def axis_title(key: str, name: str) -> str:
    """Of a setting: its short name, with the term that a reader knows it by."""
    return f"{_TERMS[key]} ({name})" if key in _TERMS else name


def empty_figure(x: str, y: str, height: int = 380) -> go.Figure:
    """An empty figure with named axes. Colours of text and grid come from the page, light or dark."""
    empty = go.Figure()
    empty.update_layout(
        template="none",
        height=height,
        margin={"l": 60, "r": 16, "t": 16, "b": 56},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": -0.22, "yanchor": "top", "x": 0},
        hovermode="closest",
        font={"size": 13},
        dragmode=False,
    )
    empty.update_xaxes(title={"text": label(x)}, automargin=True, zeroline=False)
    empty.update_yaxes(title={"text": label(y)}, automargin=True, zeroline=False)
    return empty
