"""The plots of the page, one file each: a function from the leaderboard to a `Plot`, or None where it makes no sense.

`PLOTS` has them in the order in which a reader asks.

What differs:              pareto_front, differences_to_best
On what it depends:        accuracy_by_setting, parallel_coordinates, importances
How it was learned:        learning_curves, training_loss
What it cost:              accuracy_by_cost, timeline
How far to trust it:       calibration, accuracy_by_group
Where two configs differ:  disagreement

`confirmation` is drawn from a confirming study, so it is no part of `PLOTS`. `plot` says what every plot is;
`optuna_study` makes the study that Optuna's own plots are made of.
"""

from collections.abc import Callable

from analysis.comparing.leaderboard import Leaderboard
from analysis.plots.accuracy_by_cost import accuracy_by_cost
from analysis.plots.accuracy_by_group import accuracy_by_group
from analysis.plots.accuracy_by_setting import accuracy_by_setting
from analysis.plots.calibration import calibration
from analysis.plots.differences_to_best import differences_to_best
from analysis.plots.disagreement import disagreement
from analysis.plots.importances import importances
from analysis.plots.learning_curves import learning_curves
from analysis.plots.parallel_coordinates import parallel_coordinates
from analysis.plots.pareto_front import pareto_front
from analysis.plots.plot import Plot
from analysis.plots.timeline import timeline
from analysis.plots.training_loss import training_loss

PLOTS: tuple[Callable[[Leaderboard], Plot | None], ...] = (
    pareto_front,
    differences_to_best,
    accuracy_by_setting,
    learning_curves,
    training_loss,
    parallel_coordinates,
    importances,
    accuracy_by_cost,
    timeline,
    calibration,
    accuracy_by_group,
    disagreement,
)
