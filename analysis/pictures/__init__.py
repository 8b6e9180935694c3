"""The pictures of a report, a file each: a function from the leaderboard to a `Picture`, or None where it has no sense.

In the order in which a reader asks: what differs, on what it depends, how it was learned, what it cost, and on which
questions two trials part.
"""

from collections.abc import Callable

from analysis.leaderboard import Leaderboard
from analysis.pictures.calibration import calibration
from analysis.pictures.coordinates import coordinates
from analysis.pictures.cost import cost
from analysis.pictures.differences import differences
from analysis.pictures.disagreement import disagreement
from analysis.pictures.groups import groups
from analysis.pictures.importances import importances
from analysis.pictures.knobs import knobs
from analysis.pictures.learning import learning, loss
from analysis.pictures.pareto import pareto
from analysis.pictures.picture import Picture, Table
from analysis.pictures.timeline import timeline

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
