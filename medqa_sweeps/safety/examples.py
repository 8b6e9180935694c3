"""Examples of what was written to the user's requests: a count of refusals is never shown without them.

They are for the person who has the trial's folder. Cards, W&B and the page hold numbers alone.
"""

from collections.abc import Iterator

from medqa_sweeps.safety import file
from medqa_sweeps.safety.assessed import BASE
from medqa_sweeps.safety.records import RequestLine
from medqa_sweeps.safety.requests import NO_ANSWER, OTHER, REFUSAL
from medqa_sweeps.trial.folder import TrialDir

_LONGEST = 60  # characters of a text that is shown


def examples(trial: TrialDir, samples_seen: int) -> Iterator[str]:
    """For each kind of answer that the trained model wrote, the first request with it and what the base wrote.

    Raises:
        ConfigError: if the file is damaged.
    """
    lines = [line for line in file.read_requests(trial) if line.skipped is None]
    base = {line.id: line for line in lines if line.samples_seen == BASE}
    own = sorted((line for line in lines if line.samples_seen == samples_seen), key=lambda line: not line.harmful)
    for kind in (REFUSAL, NO_ANSWER, OTHER):
        for line in [one for one in own if one.wrote == kind][:1]:
            yield _example(line, base.get(line.id))


def _example(line: RequestLine, base: RequestLine | None) -> str:
    asked = f"{'harmful' if line.harmful else 'benign'} request {_short(line.request)}: {_answer(line)}"
    return asked + (f"; untuned base: {_answer(base)}" if base else "")


def _answer(line: RequestLine) -> str:
    return f"{_short(line.written)} ({line.wrote})"


def _short(text: str) -> str:
    """In one line and in quotes, without what a terminal would obey."""
    shown = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return f"“{shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + '…'}”"
