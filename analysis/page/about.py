"""The head of the page: what study this is, and a paragraph of methods for a paper. From the records; nothing is
guessed."""

import time
from collections.abc import Iterable, Sequence

from medqa_sweeps.analysis.comparing.configs import SEED
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.comparing.verdict import about_the_data, test_questions_text
from medqa_sweeps.analysis.reading.grounds import Grounds, grounds_of
from medqa_sweeps.analysis.reading.studies import Trial
from medqa_sweeps.analysis.reading.trial_state import count_text
from medqa_sweeps.wording import CI, SYNTHETIC_QUESTIONS, counted, data_set, duration, listed, sentences, setting

_VALUES = 6  # of a setting that are named; of more, how many there are
_TESTED = (
    "Differences from the best config were tested in pairs, question by question ({test}; Tukey's range test, "
    "step-down; family-wise error rate 5%)."
)
_SCORED_BY = {
    "log_probability": "the log-probability of the option letters",
    "generate": "the letter in the generated text",
}


def facts(board: Leaderboard, grounds: Grounds) -> list[tuple[str, str]]:
    """Name and text of each fact that the records hold."""
    results = [trial.result for trial in board.study.trials if trial.result is not None]
    ended = max((result.finished_at for result in results), default=0.0)
    worked = sum(result.seconds for result in results)
    found = [
        ("Date", _dates(grounds.began, ended)),
        ("Base model", _all(grounds.bases) + (", 4-bit" if _value(board, "model.load_in_4bit") == "true" else "")),
        ("Data", _data(board, grounds)),
        ("Prompt", _named(board, "prompt.name")),
        ("Split", _split(board)),
        ("Seeds", _seeds(board)),
        ("Hardware", _all(grounds.hardware)),
        ("Time", _time(grounds.began, ended, worked)),
        ("Commit", _all(grounds.commits)),
        ("Command", _all(grounds.commands, most=2)),
    ]
    return [(name, text) for name, text in found if text]


def methods(board: Leaderboard, grounds: Grounds) -> str:
    """A paragraph; "" where the records do not hold what it says, or trials differ in how many questions they had."""
    data = _named(board, "data.name")
    if not (grounds.bases and len(grounds.questions) == 1 and board.configs and data):
        return ""
    train, validation = grounds.questions[0]
    bits = " (4-bit weights)" if _value(board, "model.load_in_4bit") == "true" else ""
    engine = _value(board, "engine.name").capitalize()
    by = _SCORED_BY.get(_value(board, "evaluation.method"))
    swept = [_swept(board, key) for key in board.names if key != SEED]
    trained_on = data_set(data, board.study.is_synthetic)
    clauses = [
        f"LoRA adapters of {listed(grounds.bases)}{bits} were trained{engine and f' with {engine}'} on ",
        f"{counted(train, 'question')} of {trained_on} under {counted(len(board.configs), 'config')}",
        f" that differ in {listed(swept, most=8)}" if swept else "",
        _with_seeds(board),
        _length(board),
        f", and scored{f' by {by}' if by else ''} on {counted(validation, 'validation question')}",
        f" (medqa_sweeps, commit {listed(grounds.commits)})" if grounds.commits else "",
    ]
    return " ".join(["".join(clauses) + ".", *_left_out(board), *_how_compared(board), *_reservations(board)])


def _length(board: Leaderboard) -> str:
    """How long each trained, where all were asked for the same."""
    steps, epochs = _value(board, "training.max_steps"), _value(board, "training.epochs")
    if steps:
        return f" for {steps} steps each"
    return f" for {epochs} {'epoch' if epochs == '1' else 'epochs'} each" if epochs else ""


def _left_out(board: Leaderboard) -> list[str]:
    """The trials that have no part in the comparison."""
    others = [trial.state for trial in board.study.others()]
    if not others:
        return []
    every = len(board.study.trials)
    return [f"Of {counted(every, 'trial')}, {every - len(others):,} are reported; the others: {count_text(others)}."]


def _how_compared(board: Leaderboard) -> list[str]:
    """The intervals and the test, by name."""
    one_seed = board.spread is None
    intervals = "Wilson's score interval" if one_seed else "t interval over seeds and questions"
    test = "McNemar's mid-p test" if one_seed else "t test over seeds and questions"
    tested = [_TESTED.format(test=test)] if any(row.versus_best for row in board.rows) else []
    return [f"Each accuracy has a {CI} ({intervals}).", *tested]


def _reservations(board: Leaderboard) -> list[str]:
    """What a reviewer would ask about the score of the best."""
    several = len(board.configs) > 1
    biased = "The best config was selected on these same questions, so its accuracy is biased upwards."
    raised = [f"{row.label}: {', '.join(alarm.sentence for alarm in row.alarms)}" for row in board.rows if row.alarms]
    return [
        *([biased] if several else []),
        *(sentences(alarm.sentence) for alarm in about_the_data(board)),
        *([f"Alarms: {listed(raised)}."] if raised else []),
        *test_questions_text(board),
    ]


def read_grounds(board: Leaderboard) -> Grounds:
    """What the trials of the board stood on."""
    return grounds_of(board.study)


def _all(texts: Iterable[str], most: int = 3) -> str:
    shown = list(texts)
    more = [f"{len(shown) - most:,} more"] if len(shown) > most else []
    return "; ".join([*shown[:most], *more])


def _values(trials: Sequence[Trial], key: str) -> list[str]:
    values = {setting(t.settings[key]): t.settings[key] for t in trials if t.settings.get(key) is not None}
    numbers = all(isinstance(value, int | float) for value in values.values())
    return [text for text, _ in sorted(values.items(), key=lambda one: one[1])] if numbers else list(values)


def _value(board: Leaderboard, key: str) -> str:
    """Of a setting that is the same in all trials; "" else."""
    values = _values(board.study.trials, key)
    return values[0] if len(values) == 1 else ""


def _named(board: Leaderboard, key: str) -> str:
    return _in_words(_values(board.study.trials, key))


def _in_words(values: Sequence[str]) -> str:
    return (
        listed(values, _VALUES)
        if len(values) <= _VALUES
        else f"{len(values):,} values from {values[0]} to {values[-1]}"
    )


def _swept(board: Leaderboard, key: str) -> str:
    """Of the configs that are reported, no others."""
    values = _values([trial for config in board.configs for trial in config.trials], key)
    return f"{board.names[key]} ({', '.join(values) if len(values) <= _VALUES else _in_words(values)})"


def _seeds(board: Leaderboard) -> str:
    """`1 (seed 0)`, `3 (seeds 0, 1 and 2)`; "" where none is recorded."""
    values = _values(board.study.trials, SEED)
    return f"{len(values):,} (seed{'s' * (len(values) > 1)} {_named(board, SEED)})" if values else ""


def _with_seeds(board: Leaderboard) -> str:
    values = _values(board.study.trials, SEED)
    return f" with seed{'s' * (len(values) > 1)} {_named(board, SEED)}" if values else ""


def _split(board: Leaderboard) -> str:
    name, seed = _named(board, "split.name"), _named(board, "split.seed")
    return f"{name}, seed {seed}" if name and seed and name != "official" else name


def _data(board: Leaderboard, grounds: Grounds) -> str:
    counts = [f"{train:,} training and {validation:,} validation questions" for train, validation in grounds.questions]
    synthetic = SYNTHETIC_QUESTIONS if board.study.is_synthetic else ""
    name = ", ".join(filter(None, (_named(board, "data.name"), synthetic)))
    return ": ".join(filter(None, (name, _all(counts, most=2))))


def _dates(began: float | None, ended: float) -> str:
    if began is None:
        return ""
    first, last = (time.strftime("%Y-%m-%d %H:%M", time.gmtime(moment)) for moment in (began, max(began, ended)))
    if last == first:
        return f"{first} UTC"
    return f"{first} to {last[11:] if last[:10] == first[:10] else last} UTC"


def _time(began: float | None, ended: float, worked: float) -> str:
    from_start = f"{duration(ended - began)} from the first start to the last end" if began and ended > began else ""
    together = f"{duration(worked)} of training runs added up" if worked else ""
    return "; ".join(filter(None, (from_start, together)))
