"""How far each config is behind the best, with paired intervals."""

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.comparing.verdict import TEST_CI
from medqa_sweeps.analysis.plots.plot import COLOURS, GREY, Plot, Table, empty_figure, name_of
from medqa_sweeps.wording import NOT_RESOLVED, WORSE, in_percent, p_in_a_cell

SHOWN = 30


def differences_to_best(board: Leaderboard) -> Plot | None:
    """One line per config that has a paired test against the best; None without one."""
    rows = [row for row in board.rows if row.versus_best is not None][:SHOWN]
    if not rows or board.best is None:
        return None
    figure = empty_figure(f"difference from {board.best.label}, points", "", height=150 + 26 * len(rows))
    for worse, name, colour, symbol in (
        (False, NOT_RESOLVED, GREY, "circle"),
        (True, WORSE, COLOURS[3], "diamond"),
    ):
        some = [row for row in rows if row.worse is worse]
        paired = [row.versus_best for row in some if row.versus_best is not None]
        figure.add_scatter(
            x=[100 * p.difference for p in paired],
            y=[name_of(row) for row in some],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [100 * (p.high - p.difference) for p in paired],
                "arrayminus": [100 * (p.difference - p.low) for p in paired],
                "color": colour,
            },
            mode="markers",
            name=name,
            marker={"color": colour, "symbol": symbol, "size": 10},
            hovertemplate="%{y}: %{x:.1f} points<extra></extra>",
        )
    order = [name_of(row) for row in rows]
    figure.update_yaxes(categoryorder="array", categoryarray=order[::-1], type="category")
    figure.add_vline(x=0, line={"color": COLOURS[0], "width": 2})
    figure.update_layout(showlegend=True, legend={"y": -90 / (60 + 26 * len(rows))})
    resolved = resolved_text(sum(row.worse for row in rows), len(rows), board.best.label)
    caption = f"Each config minus {board.best.label}, on the same questions; {TEST_CI}. {resolved}"
    cells = [
        (row.settings or row.label, *(in_percent(x) for x in (p.difference, p.low, p.high)), p_in_a_cell(p.p_adjusted))
        for row in rows
        if (p := row.versus_best) is not None
    ]
    header = ("config", "points", "low", "high", "p, corrected")
    table = Table("Differences from the best, percentage points", header, cells)
    return Plot("differences", "Against the best", caption, figure, (table,))


def resolved_text(significant: int, shown: int, best: str) -> str:
    """How many are significantly worse, and what that says of the others."""
    chance = f"could be chance ({NOT_RESOLVED})"
    if significant == shown:
        return f"{'It is' if shown == 1 else f'All {shown} are'} significantly {WORSE} than {best}."
    if not significant:
        return f"The difference {chance}." if shown == 1 else f"Each of the {shown} differences {chance}."
    are = "is" if significant == 1 else "are"
    return f"{significant} of {shown} {are} significantly {WORSE}; for the others the difference {chance}."
