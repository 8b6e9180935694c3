"""Trial folders as the quickstart leaves them: base, two evaluations on 400 questions, 26 lines of a loss, a result."""

from collections.abc import Callable, Sequence
from pathlib import Path

from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import MetricsLine, Outcome, Prediction, Result, TrainLine
from tests.alarms.healthy import LETTERS
from tests.analysis.trial_folders import score_of, trial_config

QUESTIONS = 400
RIGHT = [LETTERS[number % 4] for number in range(QUESTIONS)]
WRONG = [LETTERS[(number + 1 + number // 4 % 3) % 4] for number in range(QUESTIONS)]
LEAKS = {"in validation, a near-duplicate in training": 297}

Letters = Sequence[str | None]


def answers(count: int, first: int = 0) -> list[str | None]:
    """Right from question `first` on, `count` times; wrong elsewhere, each letter as often."""
    return [RIGHT[n] if first <= n < first + count else WRONG[n] for n in range(QUESTIONS)]


def quickstart(
    path: Path,
    evaluations: dict[int, Letters] | None = None,
    loss: Callable[[int], float] = lambda line: 1.8 - line / 20,
    flagged: dict[str, int] | None = None,
    outcome: Outcome | None = Outcome.COMPLETED,
    scored_at: int = 2000,
) -> TrialDir:
    """A healthy trial, but for what is given; `outcome` None: it has not ended."""
    trial = TrialDir(path)
    trial.submit(trial_config(), {"questions": {"validation": QUESTIONS, "flagged": flagged or {}}})
    given = evaluations or {0: answers(84, first=300), 1000: answers(195), 2000: answers(249)}
    for samples, letters in given.items():
        trial.append_predictions(_predictions(samples, letters))
    for line in range(26):
        trial.append(_line(line, loss(line)))
    if outcome is not None:
        score = score_of([True, False])
        trial.finish(Result(outcome, "0123456789ab", score=score, samples_seen=scored_at))
    return trial


def _predictions(samples: int, letters: Letters) -> list[Prediction]:
    log_probabilities = dict.fromkeys(LETTERS, -1.4)
    return [
        Prediction(samples, f"q{number}", RIGHT[number], letter, log_probabilities)
        for number, letter in enumerate(letters)
    ]


def _line(number: int, loss: float) -> MetricsLine:
    return TrainLine(80 * (number + 1), 10 * (number + 1), 0.04 * number, 0.0, loss, 1e-3, 1.0, 1.0, 1)
