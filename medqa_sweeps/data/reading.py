"""The questions of a data config: records from their source, one after the other, checked.

Nothing is dropped: a record becomes a `Question`, is set aside with its place and the reason (`quarantine`), or stops
the run. Imports no torch; `datasets` only for the hub, `pyarrow` only for Parquet.
"""

import filecmp
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Literal

from medqa_sweeps.config import DataConfig
from medqa_sweeps.data.checking import checked_question, cleaned_texts
from medqa_sweeps.data.counting import Counting, counting_of
from medqa_sweeps.data.duplicates import Print, print_of
from medqa_sweeps.data.files import existing_files, file_records, matching_files
from medqa_sweeps.data.hub import hub_records
from medqa_sweeps.data.question import Quarantined, QuestionSet
from medqa_sweeps.data.record import ALONE, GOLD, BadRecord, Record
from medqa_sweeps.data.shapes import Parts, parts_of
from medqa_sweeps.errors import DataError

Part = Literal["train", "validation"]
_ORDERED = "its options depend on their order, and data.ordered_options=quarantine."
_NUMBERING = (
    " The gold answers are written in another way than the options' names: if they number the options, write every one "
    "as a whole number, and data.answer_base says whether the first is 0 or 1."
)
_SET_ASIDE = " Or data.on_bad_record=quarantine: such records are set aside."


def read_questions(config: DataConfig, part: Part) -> QuestionSet:
    """The questions of `part`. There is deliberately no way here to the test part: no sweep reads it.

    Raises:
        DataError: if there is no such part, a file is missing, empty or of an unknown type, a record is bad (with
            file, line and reason) and is not to be set aside, none is good, `part` names the test questions, or the
            hub has neither network nor cache.
        ConfigError: if a bundled file is asked for that is not shipped.
    """
    source = {"train": config.train, "validation": config.validation}[part]
    if source is None:
        raise DataError(
            f"data.{part} is null, so {config.name} has no {part} questions of its own. Name a file or a split of the "
            "hub, or let split=random or split=kfold make the validation questions from the others."
        )
    _refuse_test(config, part, source)
    found, counting = _checked(config, _records(config, source, f"data.{part}"))
    if part == "train" and found.questions and config.answer_base is not None and counting.base is None:
        _refuse_unused_base(config)
    if not found.questions:
        first = found.quarantined[0]
        count = f"{len(found.quarantined):,} of {len(found.quarantined):,} records are bad"
        raise DataError(f"data.{part}={source}: {count}. The first: {first.place}: {first.reason}")
    return found


def file_in_both_parts(config: DataConfig) -> Path | None:
    """A file of the training part that is one of the validation part, or a copy of one; None: there is none.

    Of a data set on the hub nothing is known here.
    """
    if config.hub_id or not config.train or not config.validation:
        return None
    pairs = product(matching_files(config.train), matching_files(config.validation))
    return next((one for one, other in pairs if _same(one, other)), None)


def read_test_questions(config: DataConfig) -> QuestionSet:
    """The locked test questions. For `medqa_sweeps/worker/final.py` alone, which first writes each reading to the
    study's ledger; a test holds that nothing else calls it.

    Raises:
        DataError: as `read_questions`, or if the data set has no test part.
    """
    refuse_missing_test(config)
    return _checked(config, _records(config, str(config.test), "data.test"))[0]


def refuse_missing_test(config: DataConfig) -> None:
    """Nothing if the locked test questions are where the config says. None of them is read; the hub is not asked.

    Raises:
        DataError: if there is no test part, or a file of it is missing or a Git-LFS pointer.
    """
    if config.test is None:
        raise DataError(
            f"data.test is null, so {config.name} has no test questions. Name a file or a split of the hub."
        )
    if not config.hub_id:
        existing_files(config.test, "data.test")


def read_test_prints(config: DataConfig) -> list[Print]:
    """Hashes of the test questions and of their word 5-grams, to find them among others; neither text nor answer.

    Raises:
        DataError: if a file is missing or broken, a record is none of a question's, or the hub cannot be reached.
    """
    assert config.test is not None
    prints = []
    for record in _records(config, config.test, "data.test"):
        try:
            _, question, options, _ = cleaned_texts(parts_of(_fields(record), config.format), config.ordered_options)
        except BadRecord as bad:
            raise DataError(f"{record.place}: {bad}") from None
        prints.append(print_of(question, options))
    return prints


def _records(config: DataConfig, source: str, key: str) -> Iterator[Record]:
    return hub_records(config, source) if config.hub_id else file_records(source, config.hub_subsets, key)


def _checked(config: DataConfig, records: Iterator[Record]) -> tuple[QuestionSet, Counting]:
    found, bad_records = QuestionSet([]), list[tuple[str, BadRecord]]()
    read = [(record, _parts(record, config.format)) for record in records]
    counting = counting_of([(record.place, parts) for record, parts in read], config.answer_base)
    for record, parts in read:
        try:
            if isinstance(parts, BadRecord):
                raise parts
            question = checked_question(parts, config, counting, found.cleaned, found.flagged)
        except BadRecord as bad:
            if bad.mend_config:
                raise DataError(f"{record.place}: {bad}") from None
            bad_records.append((record.place, bad))
            found.quarantined.append(Quarantined(record.place, str(bad), record.fields))
        else:
            if question.in_order and config.ordered_options == "quarantine":
                found.quarantined.append(Quarantined(record.place, _ORDERED, record.fields))
            else:
                found.questions.append(question)
    if bad_records and (config.on_bad_record == "stop" or len(bad_records) == len(read)):
        raise DataError(_of_bad_records(bad_records, len(read)))
    _flag_repeats(found)
    return found, counting


def _of_bad_records(bad_records: Sequence[tuple[str, BadRecord]], records: int) -> str:
    """The first of them; and where all are bad, that they are, as then it is not the records that need mending."""
    place, bad = bad_records[0]
    if len(bad_records) < records or records == 1:
        return f"{place}: {bad}{_SET_ASIDE}"
    if len({one.about for _, one in bad_records}) > 1:
        return f"{place}: {bad} This is the first; {records:,} of {records:,} records are bad."
    hint = _NUMBERING if bad.about == GOLD else "" if bad.next_step == ALONE else f" {bad.next_step}"
    return f"{place}: {bad.reason}. {records:,} of {records:,} records are bad for this reason.{hint}"


def _parts(record: Record, format: str) -> Parts | BadRecord:
    try:
        return parts_of(_fields(record), format)
    except BadRecord as bad:
        return bad


def _refuse_unused_base(config: DataConfig) -> None:
    """Nothing if the validation part has what the training part has not: gold answers that count from data.answer_base.

    Raises:
        DataError: if data.answer_base decides nothing.
    """
    records = _records(config, config.validation, "data.validation") if config.validation else iter(())
    read = [(record.place, _parts(record, config.format)) for record in records]
    if counting_of(read, config.answer_base).base is None:
        raise DataError(
            f"{config.train}: data.answer_base={config.answer_base} decides nothing here, as no gold answer is a "
            "number that counts options. Leave it out."
        )


def _fields(record: Record) -> object:
    if record.defect:
        raise BadRecord(record.defect)
    return record.fields


def _flag_repeats(found: QuestionSet) -> None:
    ids = {question.id for question in found.questions}
    answers = {(question.id, question.gold) for question in found.questions}
    repeats = Counter(
        {
            "repeats an earlier question": len(found.questions) - len(ids),
            "repeats a question with another answer": len(answers) - len(ids),
        }
    )
    found.flagged.update(+repeats)


def _refuse_test(config: DataConfig, part: Part, source: str) -> None:
    if config.hub_id:  # also of a slice ("test[:10%]"), a sum ("train+test"), and where data.test says nothing
        locked = bool({config.test, "test"} & set(re.split(r"[^\w.-]+", source)))
    else:
        test_files = matching_files(config.test) if config.test else []
        locked = any(_same(path, test) for path in matching_files(source) for test in test_files)
    if locked:
        raise DataError(
            f"data.{part}={source} takes in the test questions (data.test={config.test}), which no sweep may read. "
            "Name other questions, or let split=random or split=kfold make a validation part from the training part."
        )


def _same(path: Path, other: Path) -> bool:
    """One file, or a copy of it byte for byte. A copy in another shape is not seen: `description` counts overlaps."""
    try:
        return path.samefile(other) or filecmp.cmp(path, other, shallow=False)
    except OSError:  # one that cannot be read is refused, in words, when it is read
        return False
