"""What needs no knowledge, beside each accuracy that is drawn: guessing, and always the most frequent letter."""

from collections import Counter
from dataclasses import dataclass

import plotly.graph_objects as go

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.plots.plot import GREY
from medqa_sweeps.analysis.reading.predictions import predictions
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.wording import percent

_SAME = 0.0005  # a share: the two would be written alike


@dataclass(frozen=True)
class ReferenceLevels:
    """Accuracies on the validation questions, shares of 1."""

    chance: float | None  # of guessing; None where the number of options is not known
    majority: float  # of always giving one letter
    letter: str | None  # the most frequent correct answer; None where several are equally frequent

    @property
    def lines(self) -> list[tuple[str, float]]:
        """Name and accuracy of each line."""
        chance = [] if self.chance is None else [(f"chance {percent(self.chance)}", self.chance)]
        if self.is_chance:
            return chance
        return [*chance, (f"always {self.letter or 'one letter'} {percent(self.majority)}", self.majority)]

    @property
    def is_chance(self) -> bool:
        """Whether always giving one letter is as good as guessing."""
        return self.chance is not None and abs(self.majority - self.chance) < _SAME

    @property
    def caption(self) -> str:
        """What the lines are, for a caption."""
        if self.is_chance:
            return f"Dotted line: guessing, or always answering one letter ({percent(self.majority)})."
        guessing = "" if self.chance is None else f"guessing ({percent(self.chance)}) and "
        always = f"always answering {self.letter or 'one letter'} ({percent(self.majority)})"
        return f"Dotted {'line' if self.chance is None else 'lines'}: {guessing}{always}."


def reference_levels(board: Leaderboard) -> ReferenceLevels | None:
    """From the best config's answers, as all configs answered the same questions; None where those are not on file."""
    result = board.best.trial.result if board.best is not None else None
    if board.best is None or result is None:
        return None
    try:
        answered = list(predictions(board.best.trial, result.samples_seen).values())
    except ConfigError:
        return None
    if not answered:
        return None
    (letter, times), *next_letter = Counter(one.gold for one in answered).most_common(2)
    is_tied = bool(next_letter) and next_letter[0][1] == times
    options = [len(one.log_probabilities) for one in answered]
    chance = sum(1 / many for many in options) / len(options) if all(options) else None
    return ReferenceLevels(chance, times / len(answered), None if is_tied else letter)


def add_reference_lines(figure: go.Figure, board: Leaderboard, panels: int = 1) -> str:
    """Draw the levels into each panel, whose y axis is an accuracy in percent; a sentence for the caption, or ""."""
    levels = reference_levels(board)
    if levels is None:
        return ""
    for panel in range(1, panels + 1):
        suffix = "" if panel == 1 else str(panel)
        for (name, share), (x, anchor) in zip(reversed(levels.lines), ((1, "right"), (0, "left")), strict=False):
            figure.add_shape(
                type="line", x0=0, x1=1, xref=f"x{suffix} domain", y0=100 * share, y1=100 * share, yref=f"y{suffix}",
                line={"color": GREY, "width": 1.5, "dash": "dot"}, layer="below",
            )  # fmt: skip
            figure.add_annotation(
                x=x, xref=f"x{suffix} domain", xanchor=anchor, y=100 * share, yref=f"y{suffix}", yanchor="bottom",
                text=name, showarrow=False, font={"size": 11},
            )  # fmt: skip
        axis = figure.layout[f"yaxis{suffix}"]
        axis.autorangeoptions = {"include": [100 * share for _, share in levels.lines]}
    return levels.caption
