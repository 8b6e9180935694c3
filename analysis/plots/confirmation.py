"""Each confirmed config under its new seeds, beside the accuracy that it was selected at."""

from medqa_sweeps.analysis.comparing.confirmation_result import Confirmed, ConfirmedConfig
from medqa_sweeps.analysis.plots.plot import COLOURS, GREY, Plot, Table, empty_figure, label
from medqa_sweeps.statistics import PairedDifference
from medqa_sweeps.wording import CI, in_percent, limits, signed_points


def confirmation_plot(confirmed: Confirmed) -> Plot:
    """Configs in the order of the first study; those without a completed trial have no interval."""
    known = [(config, config.row.accuracy) for config in confirmed.configs if config.row]
    figure = empty_figure("validation accuracy, %", "", height=150 + 34 * len(confirmed.configs))
    figure.add_scatter(
        x=[100 * config.chosen_accuracy for config in confirmed.configs],
        y=[label(config.settings) for config in confirmed.configs],
        mode="markers",
        name="when selected",
        marker={"color": GREY, "symbol": "diamond-open", "size": 10},
        hovertemplate="%{y}: selected at %{x:.1f}%<extra></extra>",
    )
    figure.add_scatter(
        x=[100 * estimate.accuracy for _, estimate in known],
        y=[label(config.settings) for config, _ in known],
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [100 * (estimate.high - estimate.accuracy) for _, estimate in known],
            "arrayminus": [100 * (estimate.accuracy - estimate.low) for _, estimate in known],
            "color": COLOURS[0],
        },
        mode="markers",
        name=f"under new seeds, {CI}",
        marker={"color": COLOURS[0], "size": 10},
        hovertemplate="%{y}: %{x:.1f}% under new seeds<extra></extra>",
    )
    figure.update_yaxes(type="category", range=[len(confirmed.configs) - 0.5, -0.5])
    figure.update_layout(showlegend=True, legend={"y": -70 / (70 + 34 * len(confirmed.configs))})
    caption = (
        f"Accuracy of each config when it was selected, and its mean under the new seeds with the {CI} for other "
        "seeds and other questions."
    )
    if not any(config.chosen_by for config in confirmed.configs):
        caption += " The distance between the two is the optimism of the selection."
    return Plot("confirmed", "Selected and confirmed", caption, figure, (_table(confirmed),))


def _table(confirmed: Confirmed) -> Table:
    header = (
        "config",
        "when selected",
        "new seeds",
        CI,
        "seeds",
        "optimism, points",
        "difference from the best",
        "verdict",
    )
    caption = "Configs in the order of the first study (accuracy in %, differences in points)"
    return Table(caption, header, [_cells(config, confirmed.ranked) for config in confirmed.configs])


def _versus(paired: PairedDifference) -> str:
    return f"{signed_points(paired.difference)} ({signed_points(paired.low)} to {signed_points(paired.high)})"


def _cells(config: ConfirmedConfig, ranked: tuple[ConfirmedConfig, ...]) -> tuple[str, ...]:
    row, chosen = config.row, in_percent(config.chosen_accuracy)
    if row is None:
        return config.settings, chosen, "", "", f"0 of {config.asked}", "", "", "not completed"
    estimate, paired = row.accuracy, row.versus_best
    versus = "" if paired is None else _versus(paired)
    return (
        config.settings,
        chosen,
        in_percent(estimate.accuracy),
        limits(estimate.low, estimate.high),
        f"{len(row.trials)} of {config.asked}",
        "" if config.optimism is None else in_percent(config.optimism),
        versus,
        "best" if config is ranked[0] else row.verdict,
    )
