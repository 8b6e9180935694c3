"""A running sweep in the terminal: a live table of what runs above a line of totals; plain lines without a terminal.

trial config device phase           loss  accuracy GiB min
12    r=32   gpu0   training 40/250 0.670          0.7 1.2
12 of 60 done: 9 completed, 2 pruned, 1 failed; best so far trial 7 (r=16), 61.2%; about 14 min left, 600 MB more
"""

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from rich import box
from rich.console import Console, Group
from rich.filesize import decimal
from rich.live import Live
from rich.table import Table
from rich.text import Text

from medqa_sweeps.alarms import about_the_trial, alarm_text
from medqa_sweeps.jobs.contract import JobEnded
from medqa_sweeps.jobs.progress import PLAIN_SECONDS, TimeLeft
from medqa_sweeps.study.best import ScoredConfig, ScoredTrial, comparable, on_front, ranked
from medqa_sweeps.study.objective import BY_ACCURACY, Metric, Objective
from medqa_sweeps.trial.passes import in_words
from medqa_sweeps.trial.phase import Phase
from medqa_sweeps.trial.records import AttemptLine, MetricsLine, Outcome, PassesLine, Score, TrainLine, ValidationLine
from medqa_sweeps.wording import about, duration, listed

_PHASE_WIDTH = 16  # characters, so that columns stand still
_LINES_BESIDE_ROWS = 6  # of a terminal: head and its line, "more", totals on up to two lines, the cursor's
_RANKED_SHARE = 1000  # of the ranked trials: so many of them end before they are ranked anew


@dataclass
class Row:
    """What is known of a running trial."""

    number: int
    settings: str
    began: float  # monotonic seconds
    device: str = ""
    phase: Phase | None = None
    time_left: TimeLeft = field(default_factory=TimeLeft)
    loss: float | None = None
    score: Score | None = None  # at the last evaluation
    memory_bytes: int = 0

    def take(self, news: MetricsLine | Phase) -> None:
        if isinstance(news, Phase):
            self.phase = news
            self.time_left.take(news)
        elif isinstance(news, AttemptLine):
            self.device = news.device_for_users
        elif isinstance(news, TrainLine):
            self.loss, self.memory_bytes = news.loss, news.memory_bytes
        elif isinstance(news, ValidationLine) and news.samples_seen:
            self.score = news.score

    @property
    def phase_cell(self) -> str:
        return self.phase.in_a_cell() if self.phase else ""

    @property
    def spent(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began


class SweepTable:
    """Implements the loop's `View`; `look` is shown the trials' lines. A context manager.

    Args:
        is_replay: whether the lines are read again, by `status`, and not news.
    """

    def __init__(
        self, console: Console, total: int, objective: Objective = BY_ACCURACY, is_replay: bool = False
    ) -> None:
        self._console, self.total, self._objective, self._is_replay = console, total, objective, is_replay
        self._rows: dict[int, Row] = {}
        self._counts: Counter[str] = Counter()
        self._scored: list[ScoredTrial] = []
        self._labels: dict[int, str] = {}  # what sets each of those apart
        self._best, self._ranked = "", 0  # what leads; of how many trials
        self._seconds: list[float] = []  # that ended trials took here
        self._disk_bytes: list[int] = []  # that they have left
        self._said_of_data: set[str] = set()  # alarms that many trials share
        self._said_of_passes: set[str] = set()
        self._slots = 1  # most trials that have run at a time
        self._began = time.monotonic()
        self._last_plain = -math.inf  # the first line comes at once: it says what is waited for
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None

    def __enter__(self) -> "SweepTable":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live:
            self._live.stop()

    def look(self, number: int, news: MetricsLine | Phase) -> None:
        if number in self._rows:
            self._rows[number].take(news)
        if (
            isinstance(news, PassesLine)
            and not self._is_replay
            and (passes := in_words(news)) not in self._said_of_passes
        ):
            self._said_of_passes.add(passes)  # most trials share them
            self.say(f"trial {number}: {passes}")

    def started(self, number: int, settings: str, seconds_ago: float = 0.0) -> None:
        self._rows[number] = Row(number, settings, time.monotonic() - seconds_ago)
        self._slots = max(self._slots, len(self._rows))

    def earlier(self, ended: JobEnded, settings: str) -> None:
        self._counts[_how_counted(ended)] += 1
        scored = _scored(ended)
        if scored is not None:
            self._scored.append(scored)
            self._labels[ended.number] = settings

    def ended(self, ended: JobEnded, settings: str) -> None:
        row = self._rows.pop(ended.number, None)
        if row and ended.outcome in (Outcome.COMPLETED, Outcome.PRUNED):
            self._seconds.append(row.spent)
            self._disk_bytes.append(ended.disk_bytes)
        self.earlier(ended, settings)
        self.say(f"trial {ended.number} {settings}".rstrip() + f": {self._how(ended)}")
        self._say_of_data(ended)

    def say(self, sentence: str) -> None:
        self._console.print(Text(sentence), soft_wrap=True)

    def update(self) -> None:
        if self._live:
            self._live.update(self.picture(), refresh=True)
        elif time.monotonic() - self._last_plain > PLAIN_SECONDS:
            self._last_plain = time.monotonic()
            now = self._running_now()
            self.say(self.totals() + f"; {now}" * bool(now))

    @property
    def running(self) -> Sequence[int]:
        """Numbers of the trials that have rows."""
        return list(self._rows)

    @property
    def finished(self) -> int:
        """Trials that have ended for good."""
        return sum(self._counts.values()) - self._counts[Outcome.INTERRUPTED]

    def totals(self) -> str:
        """The line above, as it stands."""
        done = self.finished
        parts = [f"{count} {outcome}" for outcome, count in self._counts.items()]
        text = f"{done:,} of {self.total:,} done" + (f": {', '.join(parts)}" if parts else "")
        return text + self._best_so_far() + self._to_come(done)

    def _running_now(self) -> str:
        """What each running trial does, or what the first one waits for; empty where nobody says."""
        if not self._rows and not self._counts:
            seconds = time.monotonic() - self._began
            return "importing libraries before the first trial starts" + f", {duration(seconds)}" * (seconds >= 1)
        return listed([f"trial {row.number} {row.phase_cell}" for row in self._rows.values() if row.phase])

    def _best_so_far(self) -> str:
        """The config that leads, by its mean over seeds, or the Pareto front; empty before any trial can be ranked."""
        fresh = len(self._scored) - self._ranked
        if fresh and (fresh >= self._ranked / _RANKED_SHARE or self.finished >= self.total):
            self._best, self._ranked = self._leader(), len(self._scored)
        return self._best

    def _leader(self) -> str:
        configs = ranked(comparable(self._scored)[0], self._objective)
        if self._objective.is_pareto:
            return f"; Pareto front: {_numbers(on_front(configs, self._objective))}"
        best = configs[0]
        seeds = len(best.trials)
        label, value = self._labels[best.first.number], self._objective.describe(best.mean)
        if seeds > 1:
            text = " ".join(one for one in label.split() if not one.startswith("seed="))
            return f"; best so far {text or 'the config'}, {value} on average over {seeds} seeds"
        return f"; best so far trial {best.first.number}{f' ({label})' if label else ''}, {value}"

    def _say_of_data(self, ended: JobEnded) -> None:
        """Once for all trials on the same questions, not with each of them."""
        for alarm in ended.alarms:
            if alarm.about_data and alarm.sentence not in self._said_of_data:
                self._said_of_data.add(alarm.sentence)
                self.say(alarm_text([alarm]))

    def _how(self, ended: JobEnded) -> str:
        alarm = alarm_text(about_the_trial(ended.alarms))
        return self._outcome(ended) + f"; {alarm}" * bool(alarm) + f"; it {ended.resumes}" * bool(ended.resumes)

    def _outcome(self, ended: JobEnded) -> str:
        if not ended.failure and ended.message.startswith(ended.outcome):  # "pruned after 136 of 1,024 samples"
            return ended.message
        if ended.same_as is not None:
            return f"repeated: {ended.message}"
        if ended.stopped and ended.value is not None:
            return f"{ended.message}, {self._objective.describe(ended.value)} then"
        value = f", {self._objective.describe(ended.value)}" if ended.outcome is Outcome.COMPLETED else ""
        kind = f" ({ended.failure})" if ended.failure else ""
        why = f": {ended.message}" if ended.message else ""
        return f"{ended.outcome}{kind}{value}{why}"

    def _to_come(self, done: int) -> str:
        """Time and disk that the rest will take; empty while nothing is known of them, or nothing is to come."""
        seconds = self._seconds_left(done)
        if seconds is None or done >= self.total:
            return ""
        disk_bytes = sum(self._disk_bytes) * (self.total - done) // max(1, len(self._disk_bytes))
        disk = f", {decimal(disk_bytes, precision=0)} still to be written" if disk_bytes else ""
        return f"; {about(seconds)} left{disk}"

    def _seconds_left(self, done: int) -> float | None:
        """By what trials of this study have taken, and what running ones expect to take; None while no trial knows."""
        expected = [row.phase.seconds_in_all for row in self._rows.values() if row.phase and row.phase.seconds_in_all]
        known = [*self._seconds, *expected]
        if not known:
            return None
        mean = sum(known) / len(known)
        own = [row.time_left.seconds for row in self._rows.values()]
        left = [
            max(0.0, mean - row.spent) if seconds is None else seconds
            for row, seconds in zip(self._rows.values(), own, strict=True)
        ]
        to_start = max(0, self.total - done - len(left))
        return max(*left, (sum(left) + mean * to_start) / self._slots, 0.0)

    def picture(self) -> Group:
        if not self._rows:
            waits = self._running_now()
            return Group(*([Text(waits)] if waits else []), Text(self.totals(), style="bold"))
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        table.add_column("trial")
        table.add_column("config", overflow="fold")
        metrics = self._objective.metrics
        table.add_column("device", justify="right", no_wrap=True)
        table.add_column("phase", min_width=_PHASE_WIDTH if any(row.phase for row in self._rows.values()) else None)
        for name in ("loss", *(metric.column for metric in metrics), "GiB", "min"):
            table.add_column(name, justify="right", no_wrap=True)
        shown, more = self._rows_that_fit()
        for row in shown:
            cells = (
                str(row.number),
                row.settings,
                row.device,
                row.phase_cell,
                "" if row.loss is None else f"{row.loss:.3f}",
                *(_cell(metric, row.score) for metric in metrics),
                f"{row.memory_bytes / 2**30:.1f}" if row.memory_bytes else "",
                f"{row.spent / 60:.1f}",
            )
            table.add_row(*(Text(cell) for cell in cells))
        hint = [Text(f"and {more:,} more that run")] if more else []
        return Group(table, *hint, Text(self.totals(), style="bold"))

    def _rows_that_fit(self) -> tuple[Sequence[Row], int]:
        """The first rows, as many as the terminal has lines for, and how many there are besides."""
        most = max(1, self._console.height - _LINES_BESIDE_ROWS)
        rows = list(islice(self._rows.values(), most))
        return rows, len(self._rows) - len(rows)


def _how_counted(ended: JobEnded) -> str:
    if ended.same_as is not None:
        return "repeated"
    return "stopped on request" if ended.stopped else str(ended.outcome)


def _scored(ended: JobEnded) -> ScoredTrial | None:
    """A job that is no trial has no seed, and is a config of its own."""
    if ended.scored is not None or ended.signature is not None or ended.same_as is not None:
        return ended.scored
    if ended.outcome is not Outcome.COMPLETED or not isinstance(ended.value, int | float | list | tuple):
        return None
    first, *others = ended.value if isinstance(ended.value, list | tuple) else [ended.value]
    return ScoredTrial(ended.number, f"job {ended.number}", 0, first, others=tuple(others))


def _cell(metric: Metric, score: Score | None) -> str:
    value = None if score is None else metric.of(score)
    return "" if value is None else metric.describe(value)


def _numbers(configs: Sequence[ScoredConfig]) -> str:
    """`trials 1, 4 and 6`, by number, the first seed of each config."""
    numbers = sorted(config.first.number for config in configs)
    return f"trial{'s' * (len(numbers) > 1)} {listed(list(map(str, numbers)))}"
