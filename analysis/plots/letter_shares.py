"""How often each config gives each letter, beside how often it is the right answer."""

from collections import Counter

from medqa_sweeps.analysis.comparing.discordant import FIRST_SEED
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.plots.plot import COLOURS, GREY, Plot, Table, empty_figure, label, name_of
from medqa_sweeps.analysis.reading.predictions import predictions
from medqa_sweeps.analysis.reading.studies import Trial
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.trial.records import Prediction
from medqa_sweeps.wording import percent

SHOWN = 8
_NONE = "no letter"  # generated text that held none
RIGHT = "correct answers"


def letter_shares(board: Leaderboard) -> Plot | None:
    """A stacked bar per config, per untuned base and of the right answers; None where no answers are on file."""
    shown = [(name_of(row), row.trial, _last(row.trial)) for row in board.rows[:SHOWN]]
    shown += [(label(base.label), base.trial, 0) for base in board.bases[:2]]
    known = [(name, answers) for name, trial, at in shown if (answers := _answers(trial, at))]
    if not known:
        return None
    right = known[0][1]
    shares = {RIGHT: _shares([one.gold for one in right])}
    shares |= {name: _shares([one.predicted or _NONE for one in answers]) for name, answers in known}
    letters = sorted({letter for of_one in shares.values() for letter in of_one} - {_NONE})
    columns = [*letters, *([_NONE] if any(_NONE in of_one for of_one in shares.values()) else [])]
    figure = empty_figure("share of the validation questions, %", "", height=150 + 34 * len(shares))
    for index, letter in enumerate(columns):
        pattern = ("", "/", ".", "x")[index // len(COLOURS) % 4]  # more letters than colours: told apart by hatching
        figure.add_bar(
            y=list(shares),
            x=[100 * of_one.get(letter, 0.0) for of_one in shares.values()],
            name=letter,
            orientation="h",
            marker={"color": GREY if letter == _NONE else COLOURS[index % len(COLOURS)], "pattern": {"shape": pattern}},
            hovertemplate=f"%{{y}}: {letter} %{{x:.1f}}%<extra></extra>",
        )
    figure.update_layout(barmode="stack", legend={"y": -80 / (80 + 34 * len(shares)), "traceorder": "normal"})
    figure.update_xaxes(range=[0, 100])
    figure.update_yaxes(type="category", autorange="reversed")
    caption = (
        "Share of each letter among the answers of a config; the first bar is the share of each letter among the "
        "correct answers. A config that gives one letter far more often than that has a preference for the letter."
    )
    if any(len(row.trials) > 1 for row in board.rows[:SHOWN]):
        caption += f" {FIRST_SEED}"
    cells = [(name, *(percent(of_one.get(letter, 0.0)) for letter in columns)) for name, of_one in shares.items()]
    table = Table("Share of each letter", ("config", *columns), cells)
    return Plot("letters", "Answers by letter", caption, figure, (table,))


def _last(trial: Trial) -> int:
    return trial.result.samples_seen if trial.result is not None else 0


def _answers(trial: Trial, samples_seen: int) -> list[Prediction]:
    try:
        return list(predictions(trial, samples_seen).values())
    except ConfigError:
        return []


def _shares(letters: list[str]) -> dict[str, float]:
    return {letter: times / len(letters) for letter, times in Counter(letters).items()}
