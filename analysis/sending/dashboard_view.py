"""The saved view of a study: its runs grouped by config with seeds folded, sections of panels, the leaderboard."""

from collections.abc import Iterator
from typing import Any

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.sending.dashboard_panels import (
    X_AXIS,
    accuracy_panels,
    columns_of,
    fields,
    is_ascending,
    line,
    lines_of,
    metric_of,
    passages_panels,
    runs_of,
    safety_panels,
    swept,
    swept_panels,
    titles,
)
from medqa_sweeps.analysis.sending.dashboard_text import answer, leaderboard_table
from medqa_sweeps.tracking.tracker import summary_key

_MOST_RUNS = 50  # lines in a panel


def view(board: Leaderboard, entity: str, project: str, group: str) -> Any:
    """The workspace of the study whose runs are in `group`, not saved yet."""
    import wandb_workspaces.workspaces as ws

    metric = metric_of(board)
    return ws.Workspace(
        entity=entity,
        project=project,
        name=f"medqa_sweeps: {board.study.folder.resolve().name}",
        sections=list(_sections(board)),
        settings=ws.WorkspaceSettings(x_axis=X_AXIS, max_runs=max(1, min(_MOST_RUNS, len(board.configs)))),
        runset_settings=ws.RunsetSettings(
            filters=runs_of(group, is_summary=False),
            groupby=[ws.Config(one.key) for one in swept(board)],
            order=[ws.Ordering(ws.Summary(summary_key(metric)), ascending=is_ascending(metric))],
            pinned_columns=columns_of(board),
        ),
        auto_generate_panels=False,
    )


def _sections(board: Leaderboard) -> Iterator[Any]:
    import wandb_workspaces.reports.v2 as wr
    import wandb_workspaces.workspaces as ws

    wide = wr.Layout(x=0, y=0, w=24, h=14)
    yield _section("The answer", [wr.MarkdownPanel(markdown=answer(board), layout=wide)], 1)
    yield _section("Leaderboard", [wr.MarkdownPanel(markdown=leaderboard_table(board), layout=wide)], 1)
    yield _section("Accuracy", accuracy_panels(board), 2)
    if panels := swept_panels(board):
        yield _section("What was swept", panels, 1)
    scores = [line(title, name, index % 2 == 0) for index, (name, title) in enumerate(titles(board).items())]
    if scores:
        yield _section("Probabilities", scores, 2)
    groups = [
        lines_of(title, f"^validation/{name}/", index % 2 == 0) for index, (name, title) in enumerate(fields(board))
    ]
    if groups:
        yield _section("Groups of questions", groups, 2)
    if panels := passages_panels(board):
        yield _section("Passages and their controls", panels, 1)
    if panels := safety_panels(board):
        yield _section("Safety beside accuracy", panels, 2)
    training = [
        line("Training loss, nats per token", "train/loss", True),
        line("Learning rate", "train/learning_rate", False),
        line("Gradient norm before clipping", "train/gradient_norm", True),
        line("Tokens per second", "train/tokens_per_second", False),
    ]
    yield ws.Section(name="Training", panels=training, is_open=False, layout_settings=_grid(2))


def _section(name: str, panels: list[Any], columns: int) -> Any:
    import wandb_workspaces.workspaces as ws

    return ws.Section(name=name, panels=panels, is_open=True, layout_settings=_grid(columns))


def _grid(columns: int) -> Any:
    import wandb_workspaces.workspaces as ws

    return ws.SectionLayoutSettings(columns=columns, rows=1)
