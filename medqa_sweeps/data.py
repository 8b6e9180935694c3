"""MedQA in the shapes in which it is met, from files or from the hub, made into checked `Question` records.

A source yields records with their place (file and line); a shape, recognised from the fields, says where a record
keeps question, options and gold; what follows is the same for all. To add a file type, add to `_READERS`; to add a
shape, add to `_SHAPES`. Nothing is dropped: a record becomes a `Question`, or stops the run with its place and the
reason. What was cleaned or looks odd is counted in `QuestionSet.notes`. Imports no torch; `datasets` only for the hub.
"""

import glob
import hashlib
import json
import os
import reprlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any, Literal

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.config import DataConfig, short_hash
from medqa_sweeps.errors import DataError

Part = Literal["train", "validation"]
Region = Literal["us", "taiwan", "mainland"]
Step = Literal["step1", "step2&3"]

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
_DEBRIS = '\n"'  # ends the last option of 47 of the 1,272 US dev questions, 4 options: a cue that is no medicine
_INSTEAD = "data=sample needs no network; data=local data.train=FILE data.validation=FILE reads files of yours."


@dataclass(frozen=True)
class Question:
    """One multiple-choice question, cleaned."""

    id: str  # 16 hex digits of question and options
    question: str
    options: tuple[str, ...]  # in the file's order
    gold: int  # place of the right option, 0 .. len(options) - 1
    region: Region | None = None
    step: Step | None = None  # of the USMLE


@dataclass(frozen=True)
class QuestionSet:
    """Questions in the order of their source, and what was cleaned or looked odd: how many records of each kind."""

    questions: list[Question]
    notes: Counter[str]


def read_questions(config: DataConfig, part: Part) -> QuestionSet:
    """The questions of `part`. There is deliberately no way here to the test part: no sweep reads it.

    Raises:
        DataError: if there is no such part, a file is missing, empty or of an unknown type, a record is bad (with
            file, line and reason), `part` names the test questions, or the hub has neither network nor cache.
        ConfigError: if a bundled file is asked for that is not shipped.
    """
    source = {"train": config.train, "validation": config.validation}[part]
    if source is None:
        raise DataError(
            f"data.{part} is null, so {config.name} has no {part} questions of its own. Name a file or a split of the "
            "hub, or let split=random or split=kfold make the validation questions from the others."
        )
    _refuse_test(config, part, source)
    records = _hub_records(config, source) if config.hub_id else _file_records(source, f"data.{part}")
    return _question_set(records, config)


def question_id(question: str, options: Iterable[str]) -> str:
    """16 hex digits of the SHA-256 of the cleaned texts, options in order; the gold answer does not count."""
    text = json.dumps([question, list(options)], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fingerprint(questions: Iterable[Question]) -> str:
    """12 hex digits of ids and gold letters in order: the same content in another file or shape has the same."""
    return short_hash([[question.id, ascii_uppercase[question.gold]] for question in questions])


# Sources: where records come from. Each yields (place for people, record).


def _file_records(text: str, key: str) -> Iterator[tuple[str, Any]]:
    for path in _existing_files(text, key):
        reader = _READERS.get(path.suffix.lower())
        if reader is None:
            raise DataError(f"{path}: files of this type cannot be read; allowed are {', '.join(_READERS)}.")
        records = list(reader(path))
        if not records:
            raise DataError(f"{path} holds no questions. Name a file that does, one JSON object a line.")
        yield from records


def _existing_files(text: str, key: str) -> list[Path]:
    if os.path.isdir(resolve_bundled(text)):
        raise DataError(f"{key}={text} is a folder. Name a file in it, or several: {key}='{text.rstrip('/')}/*.jsonl'.")
    files = _files(text)
    if not files:
        folder = resolve_bundled(text).parent
        there = sorted(path.name for path in folder.glob("*.json*")) if os.path.isdir(folder) else []
        found = f"{folder} holds {', '.join(there[:8])}" if there else f"{folder} holds no .json or .jsonl file"
        raise DataError(f"{key}={text}: there is no such file ({found}). Mend the path, or use data=sample.")
    return files


def _files(text: str) -> list[Path]:
    """The files that a path or glob names, sorted; a file whose name looks like a glob is that file."""
    path = resolve_bundled(text)
    found = [str(path)] if os.path.exists(path) else sorted(glob.glob(str(path), recursive=True))
    return [Path(name) for name in found if os.path.isfile(name)]


def _json_records(path: Path) -> Iterator[tuple[str, Any]]:
    """A JSON array, or an object a line; the name does not tell which (MedMCQA's `.json` is lines)."""
    text = _text_of(path)
    if text.lstrip().startswith("["):
        records = _parsed(text, str(path), "a JSON array")
        yield from ((f"{path}, record {number}", record) for number, record in enumerate(records, start=1))
        return
    for number, line in enumerate(text.split("\n"), start=1):  # splitlines() would also cut at U+2028 inside a text
        if line.strip():
            place = f"{path}, line {number}"
            yield place, _parsed(line, place, "one JSON object a line, or one array of objects")


def _text_of(path: Path) -> str:
    try:
        data = path.read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Mend its permissions, or copy it.") from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: not UTF-8. Convert it: iconv -f ENCODING -t UTF-8.") from error


def _parsed(text: str, place: str, allowed: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: not JSON ({error}). Allowed is {allowed}. Mend or remove it.") from error


_READERS: dict[str, Callable[[Path], Iterator[tuple[str, Any]]]] = {".jsonl": _json_records, ".json": _json_records}


def _hub_records(config: DataConfig, split: str) -> Iterator[tuple[str, Any]]:
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    subsets: list[str | None] = [*config.hub_subsets]
    for subset in subsets or [None]:
        place = f"{config.hub_id} on the hub" + (f", subset {subset}" if subset else "") + f", split {split}"
        try:
            rows = load_dataset(config.hub_id, subset, revision=config.revision, split=split)
        except (OSError, ValueError, RuntimeError, DatasetsError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise DataError(
                f"{place}, revision {config.revision or 'default'}: {reason}. With a network, check the names on the "
                f"hub; without one, HF_HUB_OFFLINE=1 uses what an earlier run has cached. {_INSTEAD}"
            ) from error
        if not len(rows):
            raise DataError(f"{place} holds no questions. {_INSTEAD}")
        yield from ((f"{place}, row {number}", row) for number, row in enumerate(rows, start=1))


def _refuse_test(config: DataConfig, part: Part, source: str) -> None:
    if config.test is None:
        return
    if config.hub_id:
        locked = source == config.test
    else:
        test_files = {os.path.realpath(path) for path in _files(config.test)}
        locked = any(os.path.realpath(path) in test_files for path in _files(source))
    if locked:
        raise DataError(
            f"data.{part}={source} takes in the test questions (data.test={config.test}), which no sweep may read. "
            "Name other questions, or let split=random or split=kfold make a validation part from the training part."
        )


# Shapes: where a record keeps what.


@dataclass(frozen=True)
class _Raw:
    """A record's parts as the file has them: anything at all, until `_checked_question` has looked."""

    question: Any
    options: list[tuple[str, Any]]  # the file's name of each option, and its text; null where there is none
    answer: Any  # name of the gold option; null where the file gives only its text
    answer_text: Any = None
    meta_info: Any = None


@dataclass(frozen=True)
class _Shape:
    name: str  # what `data.format` calls it; several may share a name
    fields: tuple[str, ...]  # a record that has them all is of this shape
    read: Callable[[dict[str, Any], DataConfig], _Raw]


class _BadRecord(Exception):
    """Why a record is no question, in words that follow its place, and what to do about it."""

    def __init__(self, reason: str, next_step: str = "Mend or remove the record.") -> None:
        super().__init__(f"{reason}. {next_step}")


def _from_options(record: dict[str, Any], config: DataConfig) -> _Raw:
    options = _named(record["options"])
    return _Raw(record["question"], options, record.get("answer_idx"), record.get("answer"), record.get("meta_info"))


def _from_choices(record: dict[str, Any], config: DataConfig) -> _Raw:
    return _Raw(record["question"], _named(record["choices"]), None, record["answer"], record.get("meta_info"))


def _from_endings(record: dict[str, Any], config: DataConfig) -> _Raw:
    count = next(n for n in range(len(record) + 1) if f"ending{n}" not in record)
    question = record["sent1"]
    if isinstance(question, str) and isinstance(record.get("sent2"), str):  # empty in MedQA, used in SWAG
        question = f"{question} {record['sent2']}".rstrip()
    return _Raw(question, [(str(n), record[f"ending{n}"]) for n in range(count)], record.get("label"))


def _from_medmcqa(record: dict[str, Any], config: DataConfig) -> _Raw:
    base, cop = config.answer_base, record["cop"]
    bases = "data.answer_base=1 (MedMCQA's own files) or data.answer_base=0 (its copy on the hub)"
    if base is None:
        raise _BadRecord(f"cop is {_shown(cop)}, and whether cop counts from 0 or 1 cannot be seen", f"Set {bases}.")
    if cop not in range(base, base + 4):
        raise _BadRecord(
            f"cop is {_shown(cop)}; with data.answer_base={base} it must be from {base} to {base + 3}",
            f"Set {bases}, or mend the record.",
        )
    options = [(str(base + place), record[field]) for place, field in enumerate(("opa", "opb", "opc", "opd"))]
    return _Raw(record["question"], options, cop)


_SHAPES = (
    _Shape("medqa", ("question", "options"), _from_options),
    _Shape("bigbio", ("question", "options"), _from_options),  # med_qa_*_source: options as {key, value}
    _Shape("bigbio", ("question", "choices", "answer"), _from_choices),  # med_qa_*_bigbio_qa: texts alone
    _Shape("ending", ("sent1", "ending0", "label"), _from_endings),
    _Shape("medmcqa", ("question", "opa", "opb", "opc", "opd", "cop"), _from_medmcqa),
)


def _named(options: Any) -> list[tuple[str, Any]]:
    """Options with their names from a dict, a list of {key, value}, or a list of texts (named A, B, …)."""
    if isinstance(options, dict):
        return list(options.items())
    if not isinstance(options, list):
        raise _BadRecord(f"options are {_shown(options)}; allowed are an object, a list of {{key, value}} or of texts")
    if all(isinstance(option, dict) and {"key", "value"} <= option.keys() for option in options):
        return [(str(option["key"]), option["value"]) for option in options]
    return [(ascii_uppercase[place : place + 1], text) for place, text in enumerate(options)]


def _shape_of(record: Any, config: DataConfig) -> _Shape:
    allowed = [shape for shape in _SHAPES if config.format in ("auto", shape.name)]
    if not isinstance(record, dict):
        raise _BadRecord(f"is {_shown(record)}, not an object with fields")
    for shape in allowed:
        if all(field in record for field in shape.fields):
            return shape
    known = "; ".join(f"{shape.name} ({', '.join(shape.fields)})" for shape in allowed)
    raise _BadRecord(
        f"not a multiple-choice question: its fields are {_shown(list(record))}, and data.format={config.format} needs "
        f"all those of one of: {known}",
        "Name a file of such records, or rename its fields.",
    )


# Checks: the same for every shape.


def _question_set(records: Iterable[tuple[str, Any]], config: DataConfig) -> QuestionSet:
    notes: Counter[str] = Counter()
    questions = [_question(place, record, config, notes) for place, record in records]
    ids = {question.id for question in questions}
    notes["repeats an earlier question"] += len(questions) - len(ids)
    notes["repeats a question with another answer"] += len({(q.id, q.gold) for q in questions}) - len(ids)
    return QuestionSet(questions, +notes)


def _question(place: str, record: Any, config: DataConfig, notes: Counter[str]) -> Question:
    try:
        return _checked_question(_shape_of(record, config).read(record, config), notes)
    except _BadRecord as bad:
        raise DataError(f"{place}: {bad}") from None


def _checked_question(raw: _Raw, notes: Counter[str]) -> Question:
    present = [(name, text) for name, text in raw.options if text is not None]  # Arrow fills a missing E with null
    notes["absent option left out"] += len(present) < len(raw.options)
    if not 2 <= len(present) <= len(ascii_uppercase):
        raise _BadRecord(f"has {len(present)} options; a question has 2 to {len(ascii_uppercase)}")
    names = [name.strip().upper() for name, _ in present]
    if len(set(names)) < len(names):
        raise _BadRecord(f"two options have one name; they are {_shown(', '.join(names))}")
    question, options = _cleaned(raw.question, present, notes)
    gold = _gold(raw, names, options, notes)
    region, step = _origin(raw.meta_info)
    return Question(question_id(question, options), question, tuple(options), gold, region, step)


def _cleaned(question: Any, named: list[tuple[str, Any]], notes: Counter[str]) -> tuple[str, list[str]]:
    """Question and options without the debris and without blanks around them; whatever is inside stays."""
    texts = [_text("the question", question), *(_text(f"option {name}", text) for name, text in named)]
    last = _without_debris(texts[-1])
    notes['\\n" stripped from the last option'] += last != texts[-1]
    texts[-1] = last
    stripped = [text.strip() for text in texts]
    notes["blanks around a text stripped"] += stripped != texts
    for what, text in zip(("the question", *(f"option {name}" for name, _ in named)), stripped, strict=True):
        if not text:
            raise _BadRecord(f"{what} is empty")
    notes["two options have one text"] += len(set(stripped[1:])) < len(stripped[1:])
    return stripped[0], stripped[1:]


def _text(what: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _BadRecord(f"{what} is {_shown(value)}; it must be text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _BadRecord(f"{what} holds half a character (a lone surrogate): {_shown(value)}") from None
    return value


def _without_debris(text: str) -> str:
    bare = text.rstrip()
    return bare[: -len(_DEBRIS)].rstrip() if bare.endswith(_DEBRIS) else text


def _gold(raw: _Raw, names: list[str], options: list[str], notes: Counter[str]) -> int:
    """Place of the gold option: by its name where the file gives one, by its text only if that leaves no doubt."""
    text = _only(raw.answer_text)
    text = _without_debris(text).strip() if isinstance(text, str) else None
    if raw.answer is None:
        return _gold_by_text(text, names, options)
    answer = _only(raw.answer)
    name = str(answer).strip().upper() if isinstance(answer, str | int) else None
    if name not in names:
        raise _BadRecord(f"the gold answer is {_shown(raw.answer)}, none of its options {', '.join(names)}")
    gold = names.index(name)
    notes["answer text is not the gold option's"] += text is not None and text not in (options[gold], names[gold])
    return gold


def _gold_by_text(text: str | None, names: list[str], options: list[str]) -> int:
    if text is None:
        raise _BadRecord("has no gold answer: neither a letter (answer_idx, label, cop) nor a text (answer)")
    meant = [place for place in range(len(options)) if text in (options[place], names[place])]
    if not meant:
        raise _BadRecord(f"the gold answer {_shown(text)} is none of its options {_shown(options)}")
    if len(meant) > 1:
        raise _BadRecord(f"the gold answer {_shown(text)} fits several options", "Give its letter in answer_idx.")
    return meant[0]


def _origin(meta_info: Any) -> tuple[Region | None, Step | None]:
    """Region and USMLE step from MedQA's `meta_info`; in the Mainland files it is a chapter's name, in Chinese."""
    if meta_info == "step1":
        return "us", "step1"
    if meta_info == "step2&3":
        return "us", "step2&3"
    if meta_info == "taiwanese_test_Q":
        return "taiwan", None
    chinese = isinstance(meta_info, str) and any("\u4e00" <= character <= "\u9fff" for character in meta_info)
    return ("mainland" if chinese else None), None


def _only(value: Any) -> Any:
    """The one item of a list of one (`["b"]`); anything else as it is."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _shown(value: Any) -> str:
    """`value` as people would type it, long or deep ones shortened."""
    return _SHORT.repr(value)


def read_test_questions(config: DataConfig) -> QuestionSet:
    """The locked test questions. For `medqa_sweeps/final.py` alone, which writes each reading to the study's ledger
    first; a test holds that nothing else calls it.

    Raises:
        DataError: as `read_questions`, or if the data set has no test part.
    """
    if config.test is None:
        raise DataError(
            f"data.test is null, so {config.name} has no test questions. Name a file or a split of the hub."
        )
    records = _hub_records(config, config.test) if config.hub_id else _file_records(config.test, "data.test")
    return _question_set(records, config)
