"""How the trial was selected, and every reading of the locked test questions; people are never named."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from medqa_sweeps.card.records import Records
from medqa_sweeps.card.tables import table
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.study.best import ScoredConfig, ranked_in
from medqa_sweeps.study.confirmation import (
    confirmation_beside,
    confirmed_accuracies,
    confirmed_study,
    read_confirmation,
)
from medqa_sweeps.study.ledger import Reading, readings, readings_beside
from medqa_sweeps.study.objective import objective_in
from medqa_sweeps.trial.records import Score
from medqa_sweeps.wording import CI, counted, in_percent, limits, percent

_BIASED = "The validation score of a selected config is biased upwards, since these questions selected it."
_SINGLE = "A single run, compared with no other."
_JUST_ENDED = (
    "This card was written when the training ended. The model may have been selected afterwards, among other configs, "
    "on these same validation questions."
)
_TEST_UNREAD = "The locked test questions were not read."
_DATE = "%Y-%m-%d"


def selection(records: Records) -> Iterator[str]:
    yield from ("## How it was selected", "")
    yield from _selected(records)
    yield ""


def _selected(records: Records) -> Iterator[str]:
    result = records.result
    ended = f"The training was {result.outcome}" if result.outcome != "completed" else "The training was completed"
    if result.planned_samples and result.samples_seen < result.planned_samples:
        ended += f" after {result.samples_seen:,} of {result.planned_samples:,} planned training samples"
    yield f"{ended}."
    if records.study is None:
        yield _SINGLE if records.is_export else _JUST_ENDED
        return
    folder, number = records.study.path, int(records.trial.path.name)
    configs = _ranked(folder)
    at = next((at for at, config in enumerate(configs) if number in [one.number for one in config.trials]), None)
    if at is None:
        yield f"It is trial {number} of a study and is not ranked there: its planned training was not finished."
        return
    yield from _place(folder, configs, at)
    yield from _confirms(folder)
    yield from _confirmed(folder, configs[at])
    yield _BIASED


def _ranked(folder: Path) -> list[ScoredConfig]:
    with contextlib.suppress(ConfigError):
        return ranked_in(folder)
    return []


def _place(folder: Path, configs: list[ScoredConfig], at: int) -> Iterator[str]:
    objective, config = objective_in(folder), configs[at]
    seeds = f", on average over {len(config.trials)} seeds" if len(config.trials) > 1 else ", one seed"
    others = counted(len(configs), "config")
    rank = "the best" if at == 0 else f"number {at + 1:,}"
    by = " and ".join(objective.names)
    yield f"Its config is {rank} of {others} by validation {by}{seeds}: {objective.describe_all(config.means)}."
    if len(configs) > 1:
        values = [one.mean for one in configs]
        first = objective.metrics[0]
        yield (
            f"The {others} range from {first.describe(min(values))} to {first.describe(max(values))} ({first.title})."
        )
    if len(config.trials) == 1:
        yield "Another seed could give another score and another order."


def _confirms(folder: Path) -> Iterator[str]:
    """That the study itself confirms another."""
    with contextlib.suppress(ConfigError):
        if confirmation := read_confirmation(folder):
            yield (
                f"This study trained the best {counted(len(confirmation.configs), 'config')} of an earlier one again, "
                f"with new seeds; there they had been selected among {confirmation.chosen_among:,}."
            )


def _confirmed(folder: Path, config: ScoredConfig) -> Iterator[str]:
    """What new seeds gave where a later study confirms this one."""
    numbers = {trial.number for trial in config.trials}
    with contextlib.suppress(ConfigError):
        beside = confirmation_beside(folder)
        found = read_confirmation(beside) if beside else None
        chosen = next((one for one in found.configs if numbers & set(one.trials)), None) if found else None
        accuracies = confirmed_accuracies(beside, chosen.again) if beside and chosen else []
        if accuracies:
            mean = percent(sum(accuracies) / len(accuracies))
            yield (
                f"Trained again with {counted(len(accuracies), 'new seed')}, this config averages {mean} on the same "
                f"questions ({percent(min(accuracies))} to {percent(max(accuracies))} by seed)."
            )


def final_test(records: Records) -> Iterator[str]:
    """The readings of the test questions, as date, count and score."""
    yield from ("## Final test", "")
    if records.study is None:
        unread = _TEST_UNREAD if records.is_export else "The locked test questions had not been read."
        yield from (unread, "")
        return
    try:
        ledgers = _ledgers(records.study.path)
        found = [one for ledger in ledgers for one in readings(ledger)]
    except ConfigError:
        yield from ("The record of the readings is damaged, so what they gave is not known.", "")
        return
    if not found:
        yield from (_TEST_UNREAD, "")
        return
    header = ("date", "model", "questions", "correct, %", CI, "untuned base, %")
    found.sort(key=lambda reading: reading.request.time)
    yield from table(header, [row for one in found for row in _rows(one, records)])
    listed_too = sum(len(readings(ledger)) for ledger in ledgers[1:])
    beside = max(0, readings_beside(ledgers[0], found[0]) - listed_too)
    others = f" Other studies beside this one have read them {counted(beside, 'time')}." if beside else ""
    yield f"Each reading after the first makes selection bias more likely; the first is the one to publish.{others}"
    yield ""


def _ledgers(study: Path) -> list[Path]:
    """The folders whose readings count: the study's, and of a confirming study the one that it confirms."""
    confirmation = read_confirmation(study)
    return [study, confirmed_study(study, confirmation)] if confirmation else [study]


def was_tested(records: Records) -> bool:
    """Whether this very model has a score on the test questions."""
    with contextlib.suppress(ConfigError):
        ledgers = _ledgers(records.study.path) if records.study else []
        return any(one.scores and _is_this(one, records) for ledger in ledgers for one in readings(ledger))
    return False


def _is_this(reading: Reading, records: Records) -> bool:
    sha = records.result.adapter_sha256
    return sha is not None and reading.request.adapter_sha256 == sha


def _rows(reading: Reading, records: Records) -> Iterator[tuple[str, ...]]:
    when = time.strftime(_DATE, time.gmtime(reading.request.time))
    which, scores = "this one" if _is_this(reading, records) else "another trial", reading.scores
    if scores is None:
        yield when, which, "", "ended without a score", "", ""
        return
    yield when, which, *_cells(scores.trained, scores.base, "")
    if scores.undisputed_trained and scores.undisputed_base:
        yield when, which, *_cells(scores.undisputed_trained, scores.undisputed_base, " with undisputed labels")


def _cells(trained: Score, base: Score, which: str) -> tuple[str, ...]:
    interval = limits(trained.low, trained.high)
    return f"{trained.questions:,}{which}", in_percent(trained.accuracy), interval, in_percent(base.accuracy)
