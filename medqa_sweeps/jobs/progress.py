"""One trial's progress in the terminal: a bar, or plain lines where there is no terminal."""

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from medqa_sweeps.trial.records import AttemptLine, MetricsLine, TrainLine, ValidationLine
from medqa_sweeps.wording import accuracy

_LOADING = "loading Unsloth and the model"


class TrialProgress:
    """Shows steps, loss, rate, speed, memory and each report."""

    def __init__(self, steps: int, console: Console) -> None:
        self._steps, self._console = steps, console
        self._last_plain = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(_LOADING, total=steps)

    def __enter__(self) -> "TrialProgress":
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def say(self, sentence: str) -> None:
        """A sentence above the bar."""
        self._console.print(f"  {sentence}", markup=False, highlight=False, soft_wrap=True)

    def show(self, line: MetricsLine) -> None:
        """Take in a line that the trial has written."""
        if isinstance(line, AttemptLine) and line.samples_seen:
            self.say(f"attempt {line.attempt} goes on at {line.samples_seen:,} samples")
        elif isinstance(line, ValidationLine):
            self.say(_report(line))
        elif isinstance(line, TrainLine):
            text = _training(line)
            self._bar.update(self._task, completed=line.step, description=text)
            if not self._console.is_terminal and time.monotonic() - self._last_plain > 10:
                self._last_plain = time.monotonic()
                self.say(f"step {line.step}/{self._steps}: {text}")


def _report(line: ValidationLine) -> str:
    score = line.score
    when = f"epoch {line.epoch:.2f}" if line.samples_seen else "untuned base"
    return f"{when}: accuracy {accuracy(score.accuracy, score.low, score.high, score.questions)}"


def _training(line: TrainLine) -> str:
    loss = "not a number" if line.loss is None else f"{line.loss:.3f}"
    return (
        f"loss {loss}, lr {line.learning_rate:.1e}, {line.tokens_per_second:,.0f} tokens/s, "
        f"{line.memory_bytes / 2**30:.1f} GiB"
    )
