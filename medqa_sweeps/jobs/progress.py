"""One trial's progress: two lines that change in a terminal, and plain lines now and then where there is none.

training step 40 of 250 ━━━━━━╺━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ about 2 min left
loss 0.670, learning rate 2.9e-03, 263 tokens/s, 0.7 GiB
"""

import time

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from medqa_sweeps.trial.passes import in_words
from medqa_sweeps.trial.phase import Phase, PhaseName
from medqa_sweeps.trial.records import AttemptLine, MetricsLine, PassesLine, TrainLine, ValidationLine
from medqa_sweeps.wording import about, accuracy, duration

PLAIN_SECONDS = 30.0  # between two lines of progress where there is no terminal


class TimeLeft:
    """A running trial's own estimate of how long it still takes, counted down until it makes another."""

    def __init__(self) -> None:
        self._ends_at: float | None = None  # monotonic seconds

    def take(self, phase: Phase) -> None:
        """Hear of a phase. One that comes with no estimate leaves the older one, unless an attempt begins with it."""
        if phase.seconds_left is not None:
            self._ends_at = time.monotonic() + phase.seconds_left
        elif phase.before_training:
            self._ends_at = None

    @property
    def seconds(self) -> float | None:
        """0 or more; None: there is no estimate."""
        return None if self._ends_at is None else max(0.0, self._ends_at - time.monotonic())


class TrialProgress:
    """Shows the phase of one trial and how far it is, its loss and speed, and each evaluation. A context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.phase = Phase(PhaseName.IMPORTING)
        self._phase_began = self._last_plain = time.monotonic()
        self._left = TimeLeft()
        self._follows = ""  # what is done after the trial has ended; empty: it has not
        self._training = ""  # loss and speed, as they were last
        self._announced: set[PhaseName] = set()  # phases that have had their plain line
        self._live = Live(get_renderable=self.picture, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> "TrialProgress":
        if self._console.is_terminal:
            self._live.start()
        self._announce()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def say(self, sentence: str) -> None:
        """A sentence above what changes."""
        self._console.print(f"  {sentence}", markup=False, highlight=False, soft_wrap=True)

    def show(self, news: MetricsLine | Phase) -> None:
        """Take in what the trial has written."""
        if isinstance(news, Phase):
            self._enter(news)
        elif isinstance(news, AttemptLine) and news.samples_seen:
            self.say(f"attempt {news.attempt} resumes after {news.samples_seen:,} samples")
        elif isinstance(news, PassesLine):
            self.say(in_words(news))
        elif isinstance(news, ValidationLine):
            self.say(_evaluated(news))
        elif isinstance(news, TrainLine):
            self._training = _trained(news)

    def follow(self, what: str) -> None:
        """The trial has ended, and this is waited for."""
        self._follows, self._left, self._phase_began = what, TimeLeft(), time.monotonic()
        self.phase = Phase(PhaseName.SAVING)

    def update(self) -> None:
        """Called often: says without a terminal, every half minute, how far the trial is."""
        if not self._console.is_terminal and time.monotonic() - self._last_plain > PLAIN_SECONDS:
            self._say_plainly(f"{self._now()}{_after_comma(self._time_left())}{_after_comma(self._training)}")

    def picture(self) -> Group:
        """What a terminal shows, as wide as it is."""
        phase, left = self.phase, self._time_left()
        bar = ProgressBar(phase.total, phase.done) if phase.total else Text("")
        line = Table.grid(padding=(0, 1, 0, 0), expand=True)
        line.add_column(no_wrap=True)
        line.add_column(ratio=1)
        line.add_column(no_wrap=True)
        line.add_row(Text(self._now()), bar, Text(left))
        shows_training = self._training and phase.name is PhaseName.TRAINING
        return Group(line, *([Text(self._training, style="dim", overflow="ellipsis")] if shows_training else []))

    def _enter(self, phase: Phase) -> None:
        if phase.name is not self.phase.name:
            self._phase_began = time.monotonic()
        self.phase = phase
        self._left.take(phase)
        self._announce()

    def _announce(self) -> None:
        """Without a terminal: each phase once. Later evaluations and checkpoints have lines enough."""
        if not self._console.is_terminal and self.phase.name not in self._announced:
            self._announced.add(self.phase.name)
            self._say_plainly(self.phase.in_words())

    def _say_plainly(self, sentence: str) -> None:
        self._last_plain = time.monotonic()
        self.say(sentence)

    def _now(self) -> str:
        """The phase, with how long it has taken while nothing else shows that it moves."""
        seconds = time.monotonic() - self._phase_began
        waits = not self.phase.done and self._left.seconds is None and seconds >= 1
        return (self._follows or self.phase.in_words()) + (f", {duration(seconds)}" if waits else "")

    def _time_left(self) -> str:
        seconds = self._left.seconds
        return "" if seconds is None else f"{about(seconds)} left"


def _after_comma(text: str) -> str:
    return f", {text}" if text else ""


def _evaluated(line: ValidationLine) -> str:
    score = line.score
    when = f"epoch {line.epoch:.2f}" if line.samples_seen else "untuned base"
    return f"{when}: accuracy {accuracy(score.accuracy, score.low, score.high, score.questions)}"


def _trained(line: TrainLine) -> str:
    loss = "not a number" if line.loss is None else f"{line.loss:.3f}"
    return (
        f"loss {loss}, learning rate {line.learning_rate:.1e}, {line.tokens_per_second:,.0f} tokens/s, "
        f"{line.memory_bytes / 2**30:.1f} GiB"
    )
