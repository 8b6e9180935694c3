"""Reads the questions of a data config: each record from its source, checked.

No record is lost silently: it becomes a `Question`, is quarantined with its location and the reason, or stops the run.
Imports no torch; `datasets` only for the hub, `pyarrow` only for Parquet.
"""

import filecmp
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from itertools import chain, product
from pathlib import Path
from typing import Literal

from medqa_sweeps.config import DataConfig, texts_of
from medqa_sweeps.data.checking import checked_question, cleaned_texts
from medqa_sweeps.data.counting import Counting, counting_of
from medqa_sweeps.data.duplicates import QuestionHash, question_hash
from medqa_sweeps.data.fields import own_id, refuse_unknown_columns
from medqa_sweeps.data.files import existing_files, file_records, matching_files
from medqa_sweeps.data.formats import RawQuestion, raw_question_of
from medqa_sweeps.data.hub import hub_records
from medqa_sweeps.data.question import Quarantined, QuestionSet
from medqa_sweeps.data.raw_record import ALONE, GOLD, BadRecord, RawRecord
from medqa_sweeps.errors import DataError
from medqa_sweeps.hub import data_cached
from medqa_sweeps.wording import setting

Part = Literal["train", "validation"]
_ORDERED = "its options depend on their order, and data.ordered_options=quarantine."
_NUMBERING = (
    " The gold answers do not match the options' names. If they are option numbers, write all of them as whole "
    "numbers, and set data.answer_base to the number of the first option, 0 or 1."
)
_SET_ASIDE = " Or set data.on_bad_record=quarantine to continue without such records."


def read_questions(config: DataConfig, part: Part) -> QuestionSet:
    """The questions of `part`. This function deliberately cannot read the test questions: no sweep reads them.

    Raises:
        DataError: if the part is not configured, a file is missing, empty or of an unknown type, a record is bad and
            data.on_bad_record=stop (the message names file, line and reason), all records are bad, `part` contains the
            test questions, or there is neither network nor cache.
        ConfigError: if the config names a bundled file that does not exist.
    """
    source = {"train": config.train, "validation": config.validation}[part]
    if source is None:
        raise DataError(
            f"data.{part} is null, so {config.name} has no {part} questions. Name a file or a split on "
            "the hub, or set split=random or split=kfold to take the validation questions from the training questions."
        )
    _refuse_test(config, part, source)
    found, counting = _checked(config, _records(config, source, f"data.{part}"), f"data.{part}={setting(source)}")
    if part == "train" and found.questions and config.answer_base is not None and counting.base is None:
        _refuse_unused_base(config)
    if not found.questions:
        first = found.quarantined[0]
        count = f"{len(found.quarantined):,} of {len(found.quarantined):,} records are bad"
        raise DataError(f"data.{part}={setting(source)}: {count}. The first: {first.location}: {first.reason}")
    return found


def read_to_answer(config: DataConfig) -> QuestionSet:
    """The questions of data.train, for a model to answer: a record without a gold answer gives one with `UNLABELLED`.

    Raises:
        DataError: as `read_questions`.
    """
    named = setting(config.train)  # errors speak of the file: its reader has typed no data.train=…
    if _contains_test(config, config.train):
        raise DataError(f"{named} contains the test questions, which stay locked. Name another file.")
    return _checked(config, _records(config, config.train, ""), named, may_lack_gold=True)[0]


def file_in_both_parts(config: DataConfig) -> Path | None:
    """A training file that is also a validation file, or a copy of one; None: there is none.

    Always None for a data set on the hub.
    """
    if config.hub_id or not config.train or not config.validation:
        return None
    pairs = product(matching_files(config.train), matching_files(config.validation))
    return next((one for one, other in pairs if _same(one, other)), None)


def read_test_questions(config: DataConfig) -> QuestionSet:
    """The locked test questions. Only `medqa_sweeps/worker/final_scores.py` may call this, after it has written the
    reading to the study's ledger; a test checks that nothing else does.

    Raises:
        DataError: as `read_questions`, or if the data set has no test questions.
    """
    refuse_missing_test(config)
    return _checked(config, _records(config, config.test, "data.test"), f"data.test={setting(config.test)}")[0]


def refuse_missing_test(config: DataConfig) -> None:
    """Check that the locked test questions exist where the config says, without reading them or contacting the hub.

    Raises:
        DataError: if there are no test questions, or a file is missing or a Git-LFS pointer.
    """
    if config.test is None:
        raise DataError(
            f"data.test is null, so {config.name} has no test questions. Run a study with data.test=FILE (or a split "
            "on the hub): the questions are locked from its start."
        )
    if not config.hub_id:
        existing_files(config.test, "data.test")


def read_test_hashes(config: DataConfig) -> list[QuestionHash]:
    """Hashes of the test questions and of their word 5-grams, to find overlaps; neither text nor answer.

    Raises:
        DataError: if a file is missing or unreadable, a record is not a question, or the hub cannot be reached.
    """
    assert config.test is not None
    hashes = []
    for record in _records(config, config.test, "data.test"):
        try:
            _, question, options, _ = cleaned_texts(raw_question_of(_fields(record), config), config.ordered_options)
        except BadRecord as bad:
            raise DataError(f"{record.location}: {bad}") from None
        hashes.append(question_hash(question, options))
    return hashes


def locked_hashes(config: DataConfig) -> Sequence[QuestionHash]:
    """`read_test_hashes`, once per process; none if there are no test questions, or they need a network.

    Raises:
        DataError: as `read_test_hashes`.
    """
    if config.test is None or (config.hub_id is not None and not data_cached(config)):
        return ()
    return _locked_hashes(json.dumps(asdict(config)))


@lru_cache(maxsize=4)
def _locked_hashes(config: str) -> Sequence[QuestionHash]:
    return read_test_hashes(DataConfig(**json.loads(config)))


def _records(config: DataConfig, source: str | list[str], key: str) -> Iterator[RawRecord]:
    if config.hub_id:
        return chain.from_iterable(hub_records(config, split) for split in texts_of(source))
    return file_records(config, source, key)


def _checked(
    config: DataConfig, records: Iterable[RawRecord], source: str, may_lack_gold: bool = False
) -> tuple[QuestionSet, Counting]:
    found, bad_records = QuestionSet([]), list[tuple[str, BadRecord]]()
    records = list(records)
    refuse_unknown_columns((record.fields for record in records), config.columns, source)
    read = [(record, _raw_question(record, config)) for record in records]
    counting = counting_of([(record.location, raw) for record, raw in read], config.answer_base)
    for record, raw in read:
        source_id = own_id(record.fields, config.columns)
        try:
            if isinstance(raw, BadRecord):
                raise raw
            question = checked_question(
                raw, config, counting, found.cleaned, found.flagged, source_id, may_lack_gold=may_lack_gold
            )
        except BadRecord as bad:
            if bad.is_config_error:
                raise DataError(f"{record.location}: {bad}") from None
            bad_records.append((record.location, bad))
            found.quarantined.append(Quarantined(record.location, str(bad), record.fields, source_id))
        else:
            if question.in_order and config.ordered_options == "quarantine":
                found.quarantined.append(Quarantined(record.location, _ORDERED, record.fields, source_id))
            else:
                found.questions.append(question)
    if bad_records and (config.on_bad_record == "stop" or len(bad_records) == len(read)):
        raise DataError(_of_bad_records(bad_records, len(read)))
    _flag_repeats(found)
    return found, counting


def _of_bad_records(bad_records: Sequence[tuple[str, BadRecord]], records: int) -> str:
    """Describes the first one, and whether all records are bad: then the config or the format is the likely cause."""
    location, bad = bad_records[0]
    if len(bad_records) < records or records == 1:
        return f"{location}: {bad}{_SET_ASIDE}"
    if len({one.about for _, one in bad_records}) > 1:
        return f"{location}: {bad} This is the first; {records:,} of {records:,} records are bad."
    hint = _NUMBERING if bad.about == GOLD else "" if bad.next_step == ALONE else f" {bad.next_step}"
    return f"{location}: {bad.reason}. {records:,} of {records:,} records are bad for this reason.{hint}"


def _raw_question(record: RawRecord, config: DataConfig) -> RawQuestion | BadRecord:
    try:
        return raw_question_of(_fields(record), config)
    except BadRecord as bad:
        return bad


def _refuse_unused_base(config: DataConfig) -> None:
    """Allow it if the validation part, unlike the training part, has gold answers that count from data.answer_base.

    Raises:
        DataError: if data.answer_base has no effect.
    """
    records = _records(config, config.validation, "data.validation") if config.validation else iter(())
    read = [(record.location, _raw_question(record, config)) for record in records]
    if counting_of(read, config.answer_base).base is None:
        raise DataError(
            f"{setting(config.train)}: data.answer_base={config.answer_base} has no effect, as no gold answer is an "
            "option number. Leave it out."
        )


def _fields(record: RawRecord) -> object:
    if record.defect:
        raise BadRecord(record.defect)
    return record.fields


def _flag_repeats(found: QuestionSet) -> None:
    ids = {question.id for question in found.questions}
    own_ids = [question.source_id for question in found.questions if question.source_id is not None]
    answers = {(question.id, question.gold) for question in found.questions}
    repeats = Counter(
        {
            "repeats an earlier question": len(found.questions) - len(ids),
            "repeats a question with another answer": len(answers) - len(ids),
            "has the id of an earlier record": len(own_ids) - len(set(own_ids)),
        }
    )
    found.flagged.update(+repeats)


def _refuse_test(config: DataConfig, part: Part, source: str | list[str]) -> None:
    if _contains_test(config, source):
        raise DataError(
            f"data.{part}={setting(source)} contains the test questions (data.test={setting(config.test)}), which no "
            "sweep may read. Name other questions, or set split=random or split=kfold to validate on a part of the "
            "training questions."
        )


def _contains_test(config: DataConfig, source: str | list[str]) -> bool:
    if config.hub_id:  # includes a slice ("test[:10%]"), a sum ("train+test"), and data.test=null
        named = {word for split in texts_of(source) for word in re.split(r"[^\w.-]+", split)}
        return bool({*texts_of(config.test), "test"} & named)
    test_files = matching_files(config.test) if config.test else []
    return any(_same(path, test) for path in matching_files(source) for test in test_files)


def _same(path: Path, other: Path) -> bool:
    """Whether two files are one, or equal byte for byte. `description` also finds copies in another format."""
    try:
        return path.samefile(other) or filecmp.cmp(path, other, shallow=False)
    except OSError:  # a file that cannot be read is refused when it is read
        return False
