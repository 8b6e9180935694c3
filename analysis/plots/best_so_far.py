"""The accuracy of each trial in the order in which trials ended, and the highest so far."""

from itertools import accumulate

from medqa_sweeps.analysis.comparing.configs import accuracy_of, settings_text
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.plots.plot import COLOURS, GREY, Plot, Table, empty_figure, label
from medqa_sweeps.analysis.plots.reference_lines import add_reference_lines
from medqa_sweeps.analysis.reading.studies import Trial
from medqa_sweeps.wording import counted, in_percent

LEAST = 5  # trials: of fewer the table of the leaderboard says it all
POINTS = 2000


def best_so_far(board: Leaderboard) -> Plot | None:
    """A dot per trial and a step line; None for fewer than 5 trials or unknown times of their ends."""
    trials = in_order_of_ending(board)
    if len(trials) < LEAST:
        return None
    accuracies = [100 * accuracy_of(trial) for trial in trials]
    highest = list(accumulate(accuracies, max))
    steps = [index for index in range(len(trials)) if index == 0 or highest[index] > highest[index - 1]]
    figure = empty_figure("trials completed", "validation accuracy, %")
    some = range(0, len(trials), max(1, len(trials) // POINTS))
    figure.add_scatter(
        x=[index + 1 for index in some],
        y=[accuracies[index] for index in some],
        mode="markers",
        name="trials",
        text=[label(_named(board, trials[index])) for index in some],
        hovertemplate="%{text}: %{y:.1f}%<extra></extra>",
        marker={"color": GREY, "size": 6, "opacity": 0.7},
    )
    figure.add_scatter(
        x=[*(index + 1 for index in steps), len(trials)],
        y=[*(highest[index] for index in steps), highest[-1]],
        mode="lines",
        name="highest so far",
        line={"color": COLOURS[3], "shape": "hv", "width": 2.5},
        hovertemplate="after %{x}: %{y:.1f}%<extra></extra>",
    )
    caption = (
        f"Validation accuracy of {counted(len(trials), 'completed trial')} in the order in which they ended, and the "
        f"highest so far. The highest was reached after "
        f"{counted(steps[-1] + 1, 'completed trial')}. {add_reference_lines(figure, board)}"
    )
    cells = [(_named(board, trials[at]), f"{at + 1:,}", in_percent(accuracies[at] / 100)) for at in steps[-30:]]
    table = Table("Trials that raised the highest accuracy", ("config", "trials completed", "accuracy, %"), cells)
    return Plot("sofar", "Highest single trial so far", caption.strip(), figure, (table,))


def in_order_of_ending(board: Leaderboard) -> list[Trial]:
    """The ranked trials whose end has a time, the earliest first."""
    known = [trial for config in board.configs for trial in config.trials if trial.result and trial.result.finished_at]
    return sorted(known, key=lambda trial: trial.result.finished_at if trial.result else 0.0)


def _named(board: Leaderboard, trial: Trial) -> str:
    settings = settings_text(trial, board.names)
    return f"trial {trial.name} ({settings})" if settings else f"trial {trial.name}"
