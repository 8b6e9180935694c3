"""Each confirmed config under its fresh seeds, beside the accuracy that it was chosen by."""

from analysis.confirmation import Confirmed, ConfirmedConfig
from analysis.pictures.picture import COLOURS, GREY, Picture, Table, figure, label
from analysis.verdict import percent


def confirmed_picture(confirmed: Confirmed) -> Picture:
    """Configs in the order of the first study; those without a completed trial have no interval."""
    known = [(config, config.row.accuracy) for config in confirmed.configs if config.row]
    drawn = figure("validation accuracy, %", "", height=150 + 34 * len(confirmed.configs))
    drawn.add_scatter(
        x=[100 * config.chosen_accuracy for config in confirmed.configs],
        y=[label(config.settings) for config in confirmed.configs],
        mode="markers",
        name="chosen with",
        marker={"color": GREY, "symbol": "diamond-open", "size": 10},
        hovertemplate="%{y}: chosen with %{x:.1f} %<extra></extra>",
    )
    drawn.add_scatter(
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
        name="under fresh seeds, 95 % interval",
        marker={"color": COLOURS[0], "size": 10},
        hovertemplate="%{y}: %{x:.1f} % under fresh seeds<extra></extra>",
    )
    drawn.update_yaxes(type="category", range=[len(confirmed.configs) - 0.5, -0.5])
    drawn.update_layout(showlegend=True, legend={"y": -70 / (70 + 34 * len(confirmed.configs))})
    says = (
        "Accuracy that each config was chosen by, and its mean under the fresh seeds with the 95 % interval for other "
        "seeds and other questions. How far the second is left of the first is what the choice had flattered."
    )
    return Picture("confirmed", "Chosen and confirmed", says, drawn, (_table(confirmed),))


def _table(confirmed: Confirmed) -> Table:
    header = (
        "config",
        "chosen with",
        "fresh seeds",
        "95 % interval",
        "seeds",
        "flattered by",
        "to the best",
        "verdict",
    )
    caption = "Fresh seeds, in the order in which the first study had chosen (accuracy in %, differences in points)"
    return Table(caption, header, [_cells(config, confirmed.ranked) for config in confirmed.configs])


def _cells(config: ConfirmedConfig, ranked: tuple[ConfirmedConfig, ...]) -> tuple[str, ...]:
    row, chosen = config.row, percent(config.chosen_accuracy)
    if row is None or config.optimism is None:
        return config.settings, chosen, "", "", f"0 of {config.asked}", "", "", "not completed"
    estimate, paired = row.accuracy, row.versus_best
    versus = "" if paired is None else f"{percent(paired.difference)} ({percent(paired.low)} to {percent(paired.high)})"
    word = "best" if config is ranked[0] else "not compared" if paired is None else "worse"
    return (
        config.settings,
        chosen,
        percent(estimate.accuracy),
        f"{percent(estimate.low)} to {percent(estimate.high)}",
        f"{len(row.trials)} of {config.asked}",
        percent(config.optimism),
        versus,
        "tied" if row.tied_with_best else word,
    )
