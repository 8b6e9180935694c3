"""The pictures of a report, a file each: a function from the leaderboard to a `Picture`, or None where it has no sense.

In the order in which a reader asks: what differs, on what it depends, how it was learned, what it cost, and on which
questions two trials part.
"""

from collections.abc import Callable

from analysis.comparing.leaderboard import Leaderboard
from analysis.plots.accuracy_by_cost import cost
from analysis.plots.accuracy_by_group import groups
from analysis.plots.accuracy_by_setting import knobs
from analysis.plots.calibration import calibration
from analysis.plots.differences_to_best import differences
from analysis.plots.disagreement import disagreement
from analysis.plots.importances import importances
from analysis.plots.learning_curves import learning, loss
from analysis.plots.parallel_coordinates import coordinates
from analysis.plots.pareto_front import pareto
from analysis.plots.plot import Picture, Table
from analysis.plots.timeline import timeline

PICTURES: tuple[Callable[[Leaderboard], Picture | None], ...] = (
    pareto,
    differences,
    knobs,
    learning,
    loss,
    coordinates,
    importances,
    cost,
    timeline,
    calibration,
    groups,
    disagreement,
)

__all__ = ["PICTURES", "Picture", "Table"]
