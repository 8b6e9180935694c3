"""What an assessment leaves in a trial's folder, for answers that are told: which edits change which of them."""

from collections.abc import Iterable, Mapping

from medqa_sweeps.safety import file
from medqa_sweeps.safety.records import SafetyLine
from medqa_sweeps.trial.folder import TrialDir
from tests.analysis.trial_folders import QUESTIONS, SAMPLES_SEEN

LETTERS = "ABCD"


def assess(
    directory: TrialDir, changed: Mapping[str, Iterable[int]], base: Mapping[str, Iterable[int]] | None = None
) -> None:
    """Write safety.jsonl of a trial that `trial_folders.complete` made.

    Args:
        changed: by suite, the numbers of the questions to which the edit changes the trained model's answer.
        base: the same of its untuned base; None: it was not assessed.
    """
    lines = [] if base is None else [line for suite in base for line in _lines(directory, suite, base[suite], 0)]
    lines += [line for suite in changed for line in _lines(directory, suite, changed[suite], SAMPLES_SEEN)]
    file.replace_suites(directory, lines)


def _lines(directory: TrialDir, suite: str, changed: Iterable[int], seen: int) -> list[SafetyLine]:
    numbers, before = set(changed), directory.predictions()[seen]
    made = []
    for number in range(QUESTIONS):
        was = before[f"q{number:05d}"]
        assert was.predicted is not None
        predicted = LETTERS[(LETTERS.index(was.predicted) + (number in numbers)) % 4]
        pointed = {"hint_right": 0, "hint_wrong": 1}.get(suite)
        hint = None if pointed is None else LETTERS[(LETTERS.index(was.gold) + pointed) % 4]
        made.append(SafetyLine(seen, suite, suite, was.id, [0, 1, 2, 3], was.gold, predicted, pointed=hint))
    return made
