"""The W&B report of a study: verdict and cautions in words, the leaderboard, and the panels that show them."""

from collections.abc import Sequence
from typing import Any

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.comparing.verdict import alarm_lines, cautions, verdict
from medqa_sweeps.analysis.sending.dashboard_panels import (
    accuracy_panels,
    columns_of,
    is_ascending,
    metric_of,
    passages_panels,
    runs_of,
    safety_panels,
    swept,
    swept_panels,
)
from medqa_sweeps.analysis.sending.dashboard_text import LEFT_OUT, leaderboard_table, warning
from medqa_sweeps.tracking.tracker import summary_key

_LONGEST_TITLE = 128  # characters; W&B refuses more
_TABLE = "leaderboard"  # of the summary run


def report(board: Leaderboard, entity: str, project: str, group: str) -> Any:
    """The report of the study whose runs are in `group`, not saved yet."""
    import wandb_workspaces.reports.v2 as wr

    name = board.study.folder.resolve().name
    return wr.Report(
        entity=entity,
        project=project,
        title=f"medqa_sweeps: {name}"[:_LONGEST_TITLE],
        description=warning(board.study),
        blocks=[
            wr.CalloutBlock(text=warning(board.study)),
            wr.H1("Verdict"),
            wr.P(verdict(board)),
            *_list("Alarms", alarm_lines(board)),
            *_list("Cautions", cautions(board)),
            wr.H1("Leaderboard"),
            wr.MarkdownBlock(text=leaderboard_table(board)),
            wr.H1("Runs, by config with seeds folded"),
            wr.PanelGrid(
                runsets=[_trials(board, entity, project, group)],
                panels=[
                    *accuracy_panels(board),
                    *swept_panels(board),
                    *passages_panels(board),
                    *safety_panels(board),
                ],  # it parts those that overlap
            ),
            wr.H1("All trials"),
            wr.P("The table that the study's summary run holds, with trials that failed or were pruned."),
            wr.PanelGrid(
                runsets=[_summary(entity, project, group)],
                panels=[wr.WeavePanelSummaryTable(table_name=_TABLE, layout=wr.Layout(w=24, h=14))],
            ),
            wr.P(LEFT_OUT),
        ],
        width="fluid",
    )


def _list(title: str, lines: Sequence[str]) -> list[Any]:
    import wandb_workspaces.reports.v2 as wr

    return [wr.H2(title), wr.UnorderedList(items=list(lines))] if lines else []


def _trials(board: Leaderboard, entity: str, project: str, group: str) -> Any:
    import wandb_workspaces.reports.v2 as wr

    metric = metric_of(board)
    return wr.Runset(
        entity=entity,
        project=project,
        name="configs",
        filters=runs_of(group, is_summary=False),
        groupby=[f"config.{one.key}" for one in swept(board)],
        order=[wr.OrderBy(wr.SummaryMetric(summary_key(metric)), ascending=is_ascending(metric))],
        pinned_columns=columns_of(board),
    )


def _summary(entity: str, project: str, group: str) -> Any:
    import wandb_workspaces.reports.v2 as wr

    return wr.Runset(entity=entity, project=project, name="summary", filters=runs_of(group, is_summary=True))
