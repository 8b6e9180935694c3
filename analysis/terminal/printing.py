"""The leaderboard on a terminal: plain text that reads well at 80 columns, without colour, and through a pipe."""

from collections.abc import Sequence

from rich.console import Console

from medqa_sweeps.analysis.comparing.by_objective import best_trial, objective_table
from medqa_sweeps.analysis.comparing.leaderboard import TOP, Leaderboard
from medqa_sweeps.analysis.comparing.nodes_verdict import nodes_sentences
from medqa_sweeps.analysis.comparing.passages_verdict import passages_sentences
from medqa_sweeps.analysis.comparing.verdict import about_alarms, alarm_lines, cautions, resume_text, verdict
from medqa_sweeps.analysis.reading.studies import Study
from medqa_sweeps.analysis.reading.trial_state import count_text
from medqa_sweeps.analysis.terminal.tables import legend, not_ranked, objective, plain, ranking
from medqa_sweeps.command_line import command
from medqa_sweeps.wording import counted


def print_boards(boards: Sequence[Leaderboard], title: str, top: int = TOP) -> None:
    """Print what a study, several, or a single run show so far: a leaderboard per set of validation questions."""
    console = Console()
    if len(boards) > 1:
        _say(
            console,
            f"These trials answered {len(boards)} different sets of validation questions. Scores are compared within a "
            "set only.",
        )
        console.print()
    for index, board in enumerate(boards):
        part = f" (questions, set {index + 1} of {len(boards)})" if len(boards) > 1 else ""
        print_board(board, title + part, console, top)
        if index + 1 < len(boards):
            console.print()


def print_board(board: Leaderboard, title: str, console: Console | None = None, top: int = TOP) -> None:
    """Print one leaderboard with everything that could not be ranked."""
    console = console or Console()
    _say(console, f"{title}: {count_text(trial.state for trial in board.study.trials)}", style="bold")
    console.print()
    _say(console, verdict(board))
    if said := passages_sentences(board):
        console.print()
        _say(console, " ".join(said))
    console.print()
    if board.rows:
        table = ranking(board, console)
        console.print(table)
        _say(console, legend(table), style="dim")
        _print_objective(console, board, top)
    _print_alarms(console, board)
    _print_others(console, board.study, top)
    _print_notes(console, board)


def _print_objective(console: Console, board: Leaderboard, top: int) -> None:
    """The configs by what was optimised, or the Pareto front; nothing where that is accuracy."""
    by_metric = objective_table(board, top)
    if by_metric is not None:
        console.print()
        _say(console, by_metric.caption, style="bold")
        console.print(objective(by_metric))


def _print_alarms(console: Console, board: Leaderboard) -> None:
    lines = alarm_lines(board)
    if lines:
        console.print()
        _say(console, f"! {about_alarms(board)}", style="bold")
    for line in lines:
        _say(console, f"  {line}")


def _print_others(console: Console, study: Study, top: int) -> None:
    """The trials that could not be ranked, each with its reason."""
    others = study.others()
    if not others:
        return
    console.print()
    _say(console, f"Not ranked: {counted(len(others), 'trial')}", style="bold")
    console.print(not_ranked(study, others[:top], console))
    if len(others) > top:
        _say(console, f"and {len(others) - top:,} more: {count_text(trial.state for trial in others[top:])}")


def _print_notes(console: Console, board: Leaderboard) -> None:
    notes = [f"No paired test of {row.label}: {row.no_test}." for row in board.rows if row.no_test]
    unreadable = board.study.unreadable
    notes += unreadable[:TOP]
    if len(unreadable) > TOP:
        notes.append(f"and {len(unreadable) - TOP:,} more folders that could not be read.")
    for paragraph in (notes, nodes_sentences(board.study.trials), cautions(board)):
        if paragraph:
            console.print()
        for sentence in paragraph:
            _say(console, sentence)
    for purpose, line in _next_steps(board):
        console.print()
        _say(console, purpose)
        console.print(plain(line), soft_wrap=True)  # one line, so that it can be copied


def _next_steps(board: Leaderboard) -> list[tuple[str, str]]:
    """What to do before the result is believed, each with its command."""
    steps = []
    if unfinished := board.study.to_resume():
        steps.append((resume_text(unfinished), command("resume", board.study.folder)))
    best_of_study = best_trial(board)
    if best_of_study is None:
        return steps
    if len(board.configs) > 1 and not board.study.several:
        first = (
            "To check whether the best configs keep their order with new random seeds, before you use the test "
            "questions:"
        )
        top = str(min(2, len(board.configs)))
        steps.append((first, command("confirm", board.study.folder, "--top", top, "--seeds", "3")))
    again = command("reproduce", best_of_study.directory.path)
    return [*steps, ("To run the best config again and check that it gives the same result:", again)]


def _say(console: Console, sentence: str, style: str = "") -> None:
    text = plain(sentence)
    text.stylize(style)
    console.print(text)
