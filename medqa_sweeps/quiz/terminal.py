"""A quiz in a terminal: a line of input per answer, nothing carried by colour alone, nothing cleared from the screen.

What comes from data is printed as text: rich reads no markup in it, and control characters become spaces, so that a
question cannot move the cursor or colour the screen.
"""

import contextlib
import signal
import sys
import termios
import time
import unicodedata
from collections.abc import Iterator, Sequence
from enum import Enum, auto

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from medqa_sweeps.quiz.confidence import ModelRecord
from medqa_sweeps.quiz.exercise import Exercise
from medqa_sweeps.quiz.reviews import ReviewFile
from medqa_sweeps.quiz.scoring import Answer, by_step
from medqa_sweeps.quiz.sentences import DO_NOT_KNOW, ROWS, about_model, cells, score_of, verdict
from medqa_sweeps.wording import counted, percent, step_name

_WIDTH = 88  # columns of text that read well
_BAR, _SHORT_BAR = 24, 8  # columns of a probability of 1; in a terminal below 60 columns
_MARGIN = (0, 0, 0, 2)
_QUIT, _PASS = "Q", "?"


class Ending(Enum):
    FINISHED = auto()
    STOPPED = auto()  # q, or Ctrl-D
    INTERRUPTED = auto()  # Ctrl-C


class _Stop(Exception):
    """The learner ends the quiz."""


class TerminalQuiz:
    """Asks exercises one after the other; each answer is recorded before anything about it is shown."""

    def __init__(self, console: Console, reviews: ReviewFile, record: ModelRecord | None, source: str) -> None:
        self._console, self._reviews, self._record, self._source = console, reviews, record, source
        self.answers: list[Answer] = []

    def ask_all(self, exercises: Sequence[Exercise]) -> Ending:
        """Until the last exercise, or the learner ends it; `answers` has what was answered by then.

        Raises:
            ConfigError: if an answer cannot be recorded; it is not in `answers`.
        """
        try:
            for number, exercise in enumerate(exercises, start=1):
                self._ask(exercise, f"Question {number:,} of {len(exercises):,}")
                if number < len(exercises):
                    self._wait()
        except _Stop:
            return Ending.STOPPED
        except KeyboardInterrupt:
            return Ending.INTERRUPTED
        return Ending.FINISHED

    def _ask(self, exercise: Exercise, title: str) -> None:
        self._reviews.add_shown([exercise.id], "terminal", self._source)
        self._show(exercise, title)
        began = time.monotonic()
        chosen = self._chosen(exercise)
        seconds = time.monotonic() - began
        with _uninterrupted():
            self._reviews.add_answer(exercise.id, chosen, exercise.gold, seconds, self._source)
            self.answers.append(Answer(exercise, chosen))
        self._show_answer(exercise, chosen)

    def _show(self, exercise: Exercise, title: str) -> None:
        step = f" · {step_name(exercise.question.step)}" if exercise.question.step else ""
        self._console.print()
        self._console.print(Rule(Text(f"{title}{step}", style="bold"), align="left", style="dim"))
        self._console.print()
        self._print(_plain(exercise.question.question))
        self._console.print()
        options = Table.grid(padding=(0, 2, 0, 0))
        for letter, text in zip(exercise.letters, exercise.question.options, strict=True):
            options.add_row(Text(letter, style="bold"), _plain(text))
        self._print(options)
        self._console.print()

    def _chosen(self, exercise: Exercise) -> str | None:
        """The letter of the option that the learner commits to; None: "I don't know"."""
        letters = exercise.letters
        quits = _QUIT not in letters
        span = f"{letters[0]} to {letters[-1]}"
        others = f"{_PASS} for “{DO_NOT_KNOW}”, {'q' if quits else 'Ctrl-D'} to end"
        _forget_typed()
        while True:
            typed = self._line(f"Your answer ({span}; {others}): ").upper()
            if typed == _PASS:
                return None
            if typed == _QUIT and quits:
                raise _Stop
            if typed in letters and len(typed) == 1:
                return typed
            self._print(Text(f"Type one letter, {span}, and Enter; {others}."))

    def _show_answer(self, exercise: Exercise, chosen: str | None) -> None:
        style = "bold green" if chosen == exercise.gold else "bold yellow" if chosen is None else "bold red"
        self._console.print()
        self._print(_plain(verdict(exercise, chosen), style))
        if exercise.model is None:
            return
        self._console.print()
        if probabilities := exercise.model.probabilities():
            self._print(self._bars(exercise, chosen, probabilities))
            self._console.print()
        self._print(_plain(about_model(exercise, self._record)))

    def _bars(self, exercise: Exercise, chosen: str | None, probabilities: dict[str, float]) -> Table:
        """A row for each option: the model's probability, and who chose it."""
        model = exercise.model.predicted if exercise.model else None
        longest = _BAR if self._console.width >= 60 else _SHORT_BAR
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column()
        table.add_column(justify="right")
        table.add_column(width=longest)
        table.add_column()
        for letter in exercise.letters:
            share = probabilities.get(letter, 0.0)
            marks = {"right answer": exercise.gold, "you": chosen, "model": model}
            words = ", ".join(word for word, who in marks.items() if who == letter)
            bar = ("#" if self._console.options.ascii_only else "█") * round(share * longest)
            table.add_row(Text(letter, style="bold"), percent(share), Text(bar, style="cyan"), Text(words))
        return table

    def show_result(self, of: int) -> None:
        """The learner's score and the model's on the same questions, and the four ways in which they agree or not.

        Args:
            of: number of questions that were to be asked.
        """
        self._console.print()
        if not self.answers:
            self._print(Text("No question was answered."))
            return
        self._console.print(
            Rule(Text(f"{len(self.answers):,} of {of:,} answered", style="bold"), align="left", style="dim")
        )
        self._console.print()
        groups = by_step(self.answers)
        every = groups["all"]
        has_model = any(answer.exercise.model for answer in self.answers)
        scores = Table.grid(padding=(0, 2, 0, 0))
        scores.add_row("You", score_of(every.learner, every.questions))
        if has_model:
            scores.add_row("The model", score_of(every.model, every.questions))
        self._print(scores)
        if passed := sum(answer.chosen is None for answer in self.answers):
            self._print(Text(f"“{DO_NOT_KNOW}” to {counted(passed, 'question')}, which counts as wrong."))
        if has_model or len(groups) > 1:
            self._console.print()
            table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
            table.add_column("")
            for name in groups:
                table.add_column(Text(name), justify="right")
            for index, row in enumerate(ROWS if has_model else ROWS[:2]):
                table.add_row(row, *(f"{cells(group)[index]:,}" for group in groups.values()))
            self._print(table)

    def _wait(self) -> None:
        self._console.print()
        _forget_typed()
        while typed := self._line("Enter for the next question, q to end: ").upper():
            if typed == _QUIT:
                raise _Stop

    def _line(self, prompt: str) -> str:
        """What was typed.

        Raises:
            _Stop: at the end of input (Ctrl-D), and if the terminal is gone.
        """
        try:
            self._console.print(Text(f"  {prompt}", style="cyan"), end="")
            sys.stdout.flush()
            line = sys.stdin.buffer.readline()
        except OSError:  # the terminal was closed
            raise _Stop from None
        if not line.endswith(b"\n"):
            self._console.print()
            raise _Stop
        return unicodedata.normalize("NFKC", line.decode(errors="replace")).strip()

    def _print(self, what: Text | Table) -> None:
        self._console.print(Padding(what, _MARGIN, expand=False))


def quiz_console() -> Console:
    """Of this process's terminal, no wider than reads well."""
    console = Console(highlight=False, markup=False, emoji=False)
    return console if console.width <= _WIDTH else Console(highlight=False, markup=False, emoji=False, width=_WIDTH)


def is_terminal() -> bool:
    """Whether a person can answer here."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def _forget_typed() -> None:
    """Nobody answers a question, or leaves an answer, that is not shown yet: what was typed before goes."""
    with contextlib.suppress(OSError, termios.error):  # the terminal was closed, which the next line finds
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """A Ctrl-C meanwhile comes afterwards: an answer is recorded and counted, or neither."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _plain(text: str, style: str = "") -> Text:
    """Of data: printed as it is, without control characters."""
    return Text("".join(c if c.isprintable() or c == "\n" else " " for c in text), style=style)
