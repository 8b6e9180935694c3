"""What accuracy costs, and the configs that nothing cheaper beats."""

from analysis.comparing.configs import Config, settings_text
from analysis.comparing.leaderboard import Leaderboard
from analysis.plots.plot import COLOURS, Plot, Table, empty_figure, label
from medqa_sweeps.study.objective import Direction
from medqa_sweeps.study.pareto import pareto_front
from medqa_sweeps.wording import in_percent

POINTS = 2000


def accuracy_by_cost(board: Leaderboard) -> Plot | None:
    """One point per config and the Pareto front; None for fewer than two configs with a duration."""
    timed = [config for config in board.configs if minutes_of(config) > 0]
    if len(timed) < 2:
        return None
    front = front_of(timed)
    step = max(1, len(timed) // POINTS)
    some = timed[::step]
    figure = empty_figure("minutes of work a trial", "validation accuracy, %")
    figure.add_scatter(
        x=[minutes_of(config) for config in some],
        y=[100 * config.accuracy for config in some],
        mode="markers",
        name="configs",
        text=[label(settings_text(config.first, board.names)) for config in some],
        hovertemplate="%{text}: %{y:.1f}% in %{x:.1f} min<extra></extra>",
        marker={"color": COLOURS[4], "size": 7},
    )
    figure.add_scatter(
        x=[minutes_of(config) for config in front],
        y=[100 * config.accuracy for config in front],
        mode="lines+markers",
        name="Pareto front: none is both cheaper and more accurate",
        text=[label(settings_text(config.first, board.names)) for config in front],
        hovertemplate="%{text}: %{y:.1f}% in %{x:.1f} min<extra></extra>",
        line={"color": COLOURS[3], "shape": "hv"},
        marker={"symbol": "diamond", "size": 10, "color": COLOURS[3]},
    )
    caption = (
        f"Accuracy against minutes of work. {len(front)} of {len(timed):,} configs are on the Pareto front, as "
        "measured: neighbours on it may well be equal."
    )
    cells = [
        (
            settings_text(config.first, board.names) or config.first.name,
            f"{minutes_of(config):.1f}",
            in_percent(config.accuracy),
        )
        for config in front[:30]
    ]
    table = Table("The Pareto front", ("config", "minutes", "accuracy, %"), cells)
    return Plot("cost", "Cost and accuracy", caption, figure, (table,))


def minutes_of(config: Config) -> float:
    """Of work, mean over seeds."""
    return sum(trial.result.seconds for trial in config.trials if trial.result) / 60 / len(config.trials)


def front_of(configs: list[Config]) -> list[Config]:
    """Those that no other one beats in both, the cheapest first."""
    both = [(minutes_of(config), config.accuracy) for config in configs]
    is_on_N = pareto_front(both, (Direction.MINIMIZE, Direction.MAXIMIZE))
    return sorted((config for config, is_on in zip(configs, is_on_N, strict=True) if is_on), key=minutes_of)
