"""Which settings matter: functional ANOVA, Optuna's, with the uncertainty of its random forests."""

import numpy as np
from optuna.importance import FanovaImportanceEvaluator, get_param_importances

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.plots.optuna_study import optuna_study
from medqa_sweeps.analysis.plots.plot import COLOURS, GREY, Plot, Table, empty_figure, label
from medqa_sweeps.wording import in_percent

LEAST = 10  # trials: of fewer a forest learns nothing
MOST = 200
FORESTS = 4
TREES = 16


def importances(board: Leaderboard) -> Plot | None:
    """One bar per setting; None for few trials, one setting, or equal scores."""
    trials = sum(len(config.trials) for config in board.configs)
    if trials < LEAST or len(board.names) < 2:
        return None
    study, names = optuna_study(board, MOST)
    if len(names) < 2 or len({trial.value for trial in study.trials}) < 2:
        return None
    shares = {name: np.zeros(FORESTS) for name in names}
    for seed in range(FORESTS):
        evaluator = FanovaImportanceEvaluator(n_trees=TREES, seed=seed)
        for name, share in get_param_importances(study, evaluator=evaluator, params=names).items():
            shares[name][seed] = share
    order = sorted(names, key=lambda name: float(shares[name].mean()))
    figure = empty_figure("share of the variance of the accuracy, %", "", height=140 + 32 * len(order))
    figure.add_bar(
        x=[100 * float(shares[name].mean()) for name in order],
        y=[label(name) for name in order],
        error_x={"type": "data", "array": [100 * float(shares[name].std(ddof=1)) for name in order], "color": GREY},
        orientation="h",
        marker={"color": COLOURS[0]},
        hovertemplate="%{y}: %{x:.0f}%<extra></extra>",
    )
    figure.update_yaxes(type="category")
    figure.update_layout(showlegend=False)
    caption = (
        f"How much of the differences between {len(study.trials):,} trials each setting explains on its own and with "
        f"others (fANOVA): mean and standard deviation of {FORESTS} random forests. It holds for the values that were "
        "tried only."
    )
    cells = [
        (name, in_percent(float(shares[name].mean())), in_percent(float(shares[name].std(ddof=1)))) for name in order
    ]
    table = Table("Importances, %", ("setting", "mean", "standard deviation"), cells[::-1])
    return Plot("importances", "Which settings matter", caption, figure, (table,))
