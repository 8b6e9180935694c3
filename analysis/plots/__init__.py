"""The plots of the page, one file each: a function from the leaderboard to a `Plot`, or None where it makes no sense.

`PLOTS` has them in the order in which a reader asks.

What differs:              pareto_front, differences_to_best, seeds
On what it depends:        accuracy_by_setting, heat_maps, parallel_coordinates, importances
How it was learned:        best_so_far, learning_curves, training_loss
What it cost:              accuracy_by_cost, timeline
How far to trust it:       calibration, letter_shares, accuracy_by_group, safety_suites, passage_controls
Where two configs differ:  disagreement

`confirmation` is drawn from a confirming study, so it is not in `PLOTS`. `plot` says what every plot is;
`reference_lines` draws chance and majority; `optuna_study` makes the study that Optuna's own plots are made of.
"""

from collections.abc import Callable

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.plots.accuracy_by_cost import accuracy_by_cost
from medqa_sweeps.analysis.plots.accuracy_by_group import accuracy_by_group
from medqa_sweeps.analysis.plots.accuracy_by_setting import accuracy_by_setting
from medqa_sweeps.analysis.plots.best_so_far import best_so_far
from medqa_sweeps.analysis.plots.calibration import calibration
from medqa_sweeps.analysis.plots.differences_to_best import differences_to_best
from medqa_sweeps.analysis.plots.disagreement import disagreement
from medqa_sweeps.analysis.plots.heat_maps import heat_maps
from medqa_sweeps.analysis.plots.importances import importances
from medqa_sweeps.analysis.plots.learning_curves import learning_curves
from medqa_sweeps.analysis.plots.letter_shares import letter_shares
from medqa_sweeps.analysis.plots.parallel_coordinates import parallel_coordinates
from medqa_sweeps.analysis.plots.pareto_front import pareto_front
from medqa_sweeps.analysis.plots.passage_controls import passage_controls
from medqa_sweeps.analysis.plots.plot import Plot
from medqa_sweeps.analysis.plots.safety_suites import safety_suites
from medqa_sweeps.analysis.plots.seeds import seeds
from medqa_sweeps.analysis.plots.timeline import timeline
from medqa_sweeps.analysis.plots.training_loss import training_loss

PLOTS: tuple[Callable[[Leaderboard], Plot | None], ...] = (
    pareto_front,
    differences_to_best,
    seeds,
    accuracy_by_setting,
    heat_maps,
    best_so_far,
    learning_curves,
    training_loss,
    parallel_coordinates,
    importances,
    accuracy_by_cost,
    timeline,
    calibration,
    letter_shares,
    accuracy_by_group,
    safety_suites,
    passage_controls,
    disagreement,
)
