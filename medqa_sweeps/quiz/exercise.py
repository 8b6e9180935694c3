"""A question to practise with, and the model's answer to it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from string import ascii_uppercase

from medqa_sweeps.data import UNLABELLED, Question
from medqa_sweeps.data.flags import speaks_of_image
from medqa_sweeps.quiz.confidence import ModelRecord
from medqa_sweeps.trial.records import Prediction
from medqa_sweeps.wording import counted


@dataclass(frozen=True)
class Exercise:
    """A question that has a gold answer."""

    question: Question
    model: Prediction | None = None  # None: no model was asked

    @property
    def id(self) -> str:
        return self.question.id

    @property
    def letters(self) -> str:
        """Of the options, in their order: `ABCD`."""
        return ascii_uppercase[: len(self.question.options)]

    @property
    def gold(self) -> str:
        """The letter of the right option."""
        return self.letters[self.question.gold]

    def text_of(self, letter: str) -> str:
        """Of the option with this letter."""
        return self.question.options[self.letters.index(letter)]


@dataclass(frozen=True)
class ExerciseSet:
    """Everything that can be asked from one source."""

    name: str  # `quickstart/0`, or the file's name; no folder of this machine, as pages and Anki files travel
    noun: str  # `question` or `validation question`
    exercises: list[Exercise]
    left_out: Counter[str]  # number of questions, by reason
    record: ModelRecord | None = None  # None: there is no model
    synthetic_questions: bool = False
    synthetic_model: bool = False  # trained on synthetic questions
    alarms: list[str] = field(default_factory=list)  # sentences on why the trial's score may mislead
    notes: list[str] = field(default_factory=list)  # sentences on what the model's score is worth

    def described(self, count: int) -> str:
        """`400 validation questions of quickstart/0`."""
        return f"{counted(count, self.noun)} of {self.name}"


WITHOUT_GOLD = "without a right answer in the data"
OF_AN_IMAGE = "about an image, which is not there"
REPEATED = "repeating an earlier question"


def askable(questions: Iterable[Question]) -> tuple[list[Question], Counter[str]]:
    """The questions that a learner can answer and learn from, and how many were left out for which reason."""
    kept, left_out, seen = [], Counter[str](), set[str]()
    for question in questions:
        if question.gold == UNLABELLED:
            left_out[WITHOUT_GOLD] += 1
        elif question.id in seen:
            left_out[REPEATED] += 1
        elif speaks_of_image(question.question):
            left_out[OF_AN_IMAGE] += 1
        else:
            kept.append(question)
        seen.add(question.id)
    return kept, left_out
