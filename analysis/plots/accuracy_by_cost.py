"""What accuracy costs, in trainable parameters and in training tokens, and the configs that nothing cheaper beats.

Not in minutes: those are of a machine that other trials shared.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from medqa_sweeps.analysis.comparing.configs import Config, settings_text
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.plots.plot import COLOURS, Plot, Table, empty_figure, label
from medqa_sweeps.analysis.plots.reference_lines import add_reference_lines
from medqa_sweeps.analysis.reading.history import tokens_of
from medqa_sweeps.study.objective import Direction
from medqa_sweeps.study.pareto import pareto_front
from medqa_sweeps.wording import compact, counted, in_percent, listed

POINTS = 2000
FEW = 8  # values, each of which is a tick of its axis
READ = 200  # configs whose histories are read for their tokens
_DIFFERENT = 1.1  # tokens are measured as speed times time: smaller ratios are noise


@dataclass(frozen=True)
class Cost:
    """One measure of cost, of a config."""

    name: str
    of: Callable[[Config], float]  # mean over seeds; 0: not known
    most: int  # configs that are asked for it, the best first


def accuracy_by_cost(board: Leaderboard) -> Plot | None:
    """A panel per cost that differs between configs, with its Pareto front; None where none does."""
    known = [(cost, found) for cost in COSTS if (found := _different(cost, board.configs))]
    if not known:
        return None
    figure = make_subplots(rows=len(known), cols=1, vertical_spacing=min(0.3, 0.36 / len(known)))
    same = empty_figure("", "", height=90 + 300 * len(known)).layout.to_plotly_json()
    figure.update_layout({name: value for name, value in same.items() if name not in ("xaxis", "yaxis")})
    tables = [_draw(board, cost, of_config, figure, panel) for panel, (cost, of_config) in enumerate(known, start=1)]
    figure.update_layout(legend={"y": -0.3 / len(known)})
    read = f" Tokens are those of the best {READ} of {len(board.configs):,} configs." * (
        len(board.configs) > READ and any(cost is TOKENS for cost, _ in known)
    )
    caption = (
        f"Validation accuracy against {listed([cost.name for cost, _ in known])}. The Pareto front joins the configs "
        "that no other config beats in both; neighbours on it may be equal, as their difference was not tested."
        f"{read} {add_reference_lines(figure, board, len(known))}"
    ).strip()
    return Plot("cost", "Accuracy and cost", caption, figure, tables)


def _different(cost: Cost, configs: Sequence[Config]) -> dict[int, float]:
    """The cost by index of the config; empty where it is the same for all or known of one only."""
    found = {index: value for index, config in enumerate(configs[: cost.most]) if (value := cost.of(config)) > 0}
    return found if len(found) > 1 and max(found.values()) >= _DIFFERENT * min(found.values()) else {}


def _draw(board: Leaderboard, cost: Cost, of_config: dict[int, float], figure: go.Figure, panel: int) -> Table:
    front = front_of({index: (value, board.configs[index].accuracy) for index, value in of_config.items()})
    step = max(1, len(of_config) // POINTS)
    styled: tuple[tuple[list[int], dict[str, Any]], ...] = (
        (list(of_config)[::step], {"name": "configs", "mode": "markers", "marker": {"color": COLOURS[4], "size": 7}}),
        (
            front,
            {
                "name": "Pareto front",
                "mode": "lines+markers",
                "line": {"color": COLOURS[3], "shape": "hv"},
                "marker": {"symbol": "diamond", "size": 10, "color": COLOURS[3]},
            },
        ),
    )
    for indices, style in styled:
        figure.add_scatter(
            x=[of_config[index] for index in indices],
            y=[100 * board.configs[index].accuracy for index in indices],
            text=[label(_name(board, index)) for index in indices],
            hovertemplate=f"%{{text}}: %{{y:.1f}}%, %{{x:.3s}} {cost.name}<extra></extra>",
            showlegend=panel == 1,
            row=panel,
            col=1,
            **style,
        )
    axis = {"automargin": True, "zeroline": False}
    different = sorted(set(of_config.values()))
    scale: dict[str, Any] = {"type": "log", "dtick": "D2"} if different[-1] >= 8 * different[0] else {}
    if len(different) <= FEW:
        scale |= {"tickvals": different, "ticktext": [compact(round(value)) for value in different]}
    figure.update_xaxes({**axis, **scale, "title": {"text": cost.name}}, row=panel, col=1)
    figure.update_yaxes({**axis, "title": {"text": "validation accuracy, %"}}, row=panel, col=1)
    cells = [
        (_name(board, index), compact(round(of_config[index])), in_percent(board.configs[index].accuracy))
        for index in front[:30]
    ]
    caption = f"Pareto front by {cost.name}: {len(front)} of {counted(len(of_config), 'config')}"
    return Table(caption, ("config", cost.name, "accuracy, %"), cells)


def front_of(cost_and_accuracy: dict[int, tuple[float, float]]) -> list[int]:
    """The indices that no other one beats in both, the cheapest first."""
    is_on_N = pareto_front(list(cost_and_accuracy.values()), (Direction.MINIMIZE, Direction.MAXIMIZE))
    on = [index for index, is_on in zip(cost_and_accuracy, is_on_N, strict=True) if is_on]
    return sorted(on, key=lambda index: cost_and_accuracy[index])


def parameters_of(config: Config) -> float:
    """Trainable parameters; 0: not known."""
    return float(config.first.result.trainable_weights) if config.first.result else 0.0


def _tokens_of(config: Config) -> float:
    """Trained on, mean over seeds."""
    return tokens_of(config.trials) / len(config.trials)


def _name(board: Leaderboard, index: int) -> str:
    first = board.configs[index].first
    return settings_text(first, board.names) or f"trial {first.name}"


PARAMETERS = Cost("trainable parameters", parameters_of, most=10**9)
TOKENS = Cost("training tokens", _tokens_of, most=READ)
COSTS = (PARAMETERS, TOKENS)
