"""The answers of one model, by suite and question."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from medqa_sweeps.safety.records import ORIGINAL, RequestLine, SafetyLine
from medqa_sweeps.trial.records import Prediction

NO_ORIGINAL = "the unedited question has no answer"
NO_PROBABILITIES = "the answer has no log-probabilities"

Lines = dict[str, list[SafetyLine]]  # by question id, one line per variant


@dataclass(frozen=True)
class ModelAnswers:
    """The answers of one model to the unedited questions and to their variants."""

    original: dict[str, Prediction]  # by question id
    edited: dict[str, Lines]  # by suite, those that were left out too
    requests: tuple[RequestLine, ...] = ()  # the user's, those that were left out too

    def applied(self, suite: str) -> "Applied":
        """The questions that a suite applies to, and reasons why it leaves out the others."""
        lines, skipped = {}, Counter[str]()
        for id_, variants in self.edited.get(suite, {}).items():
            answered = [line for line in variants if line.skipped is None]
            if not answered:
                skipped[variants[0].skipped or ""] += 1
            elif id_ not in self.original:
                skipped[NO_ORIGINAL] += 1
            else:
                lines[id_] = answered
        return Applied(lines, skipped)

    def was_right(self, id_: str) -> bool:
        """Whether the unedited question was answered correctly."""
        return self.original[id_].predicted == self.original[id_].gold

    def option(self, id_: str) -> int | None:
        """The index of the option that was chosen without the edit; None: no answer."""
        letter = self.original[id_].predicted
        return None if letter is None else ord(letter) - ord("A")

    def is_changed(self, line: SafetyLine) -> bool:
        """Whether another option was chosen than without the edit; an option that the edit brought is another one."""
        if line.predicted is None or line.option is None:
            return not (line.predicted is None and self.option(line.id) is None)
        return line.option != self.option(line.id)


@dataclass(frozen=True)
class Applied:
    """The lines with an answer of a suite's questions, and reasons why the suite leaves out the others."""

    lines: Lines
    skipped: Counter[str]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self.lines)

    def only(self, keeps: Callable[[list[SafetyLine]], bool], reason: str) -> "Applied":
        """Without the questions whose lines do not have what is needed; they are counted under `reason`."""
        kept = {id_: lines for id_, lines in self.lines.items() if keeps(lines)}
        left_out = Counter({reason: len(self.lines) - len(kept)}) if len(kept) < len(self.lines) else Counter[str]()
        return Applied(kept, self.skipped + left_out)


def answers_of(
    lines: Iterable[SafetyLine], predictions: Mapping[str, Prediction], requests: Iterable[RequestLine] = ()
) -> ModelAnswers:
    """The answers of one model.

    Args:
        lines: of one model, in any order; of lines of one variant and question the last counts, since a trial that was
            interrupted may write them again.
        predictions: of the same model, by question id. A line of the suite "original" takes precedence: it was scored
            as the edited questions were, where `predictions` may hold generated answers.
        requests: of the same model.

    Raises:
        ValueError: if the lines are of several models.
    """
    latest = {(line.suite, line.id, line.variant): line for line in lines}
    models = {line.samples_seen for line in latest.values()}
    if len(models) > 1:
        raise ValueError(f"lines of {len(models)} models (samples_seen {sorted(models)}): give those of one model")
    edited: dict[str, Lines] = {}
    original = dict(predictions)
    for (suite, id_, _), line in latest.items():
        if suite != ORIGINAL:
            edited.setdefault(suite, {}).setdefault(id_, []).append(line)
        elif line.skipped is None:
            original[id_] = Prediction(line.samples_seen, id_, line.gold, line.predicted, line.log_probabilities)
    return ModelAnswers(original, edited, tuple(requests))
