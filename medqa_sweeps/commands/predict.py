"""`predict TRIAL FILE`: a trial's adapter answers the questions of a file, with a probability for each option.

The file is read by the training's own loader, and it may not be the trial's test file. Its questions need no gold
answers: the accuracy is over those that have one. `--question` answers one question that is typed instead. Each answer
says whether the trial has seen its question before: in_training and in_validation are same, near (a
near-duplicate), no, or unknown.
"""

import argparse
import csv
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medqa_sweeps.commands.device_options import add_device_options, devices_asked_for
from medqa_sweeps.config import DataConfig, TrialConfig, checked
from medqa_sweeps.durable.lines import read_lines
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.pool.request import ANY_DEVICE, DeviceRequest
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Prediction
from medqa_sweeps.wording import EDUCATION_ONLY, SYNTHETIC, accuracy, counted, percent

if TYPE_CHECKING:
    from medqa_sweeps.trial.question_overlap import QuestionOverlap

CHILD = "medqa_sweeps.worker.predict"  # started by name: it imports torch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "trial", type=Path, metavar="TRIAL", help="folder of a finished trial: multirun/NAME/0, or a run in outputs/"
    )
    parser.add_argument(
        "file", nargs="?", metavar="FILE", help="questions, with or without answers, in any format of docs/data.md"
    )
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="OVERRIDE",
        help="how to read FILE, as for launch.py: data.columns.question=Stem data.encoding=cp1252",
    )
    parser.add_argument("--question", metavar="TEXT", help="one question instead of FILE, with --options")
    parser.add_argument("--options", nargs="+", metavar="TEXT", help="the options of --question, two or more")
    parser.add_argument(
        "--out", type=Path, metavar="OUT", help="new file for the answers, .jsonl or .csv (default: print them)"
    )
    parser.add_argument(
        "--format", default="auto", metavar="FORMAT", help="record format, as data.format (default: auto)"
    )
    parser.add_argument(
        "--answer-base", type=int, metavar="N", help="0 or 1: from which option numbers count, if answers are numbers"
    )
    add_device_options(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Answer the questions of the file, print or write a line for each, and their accuracy."""
    with tempfile.TemporaryDirectory() as made:
        return _run(arguments, Path(made))


def _run(arguments: argparse.Namespace, scratch: Path) -> ExitCode:
    from medqa_sweeps.data import read_to_answer
    from medqa_sweeps.study.find import trial_at
    from medqa_sweeps.trial.question_overlap import overlap_with_trial

    trial, out = trial_at(arguments.trial), arguments.out
    config = trial.config()
    if out is not None and out.suffix not in (".jsonl", ".csv"):
        raise ConfigError(f"--out {out}: name a new file, ending in .jsonl or .csv.")
    if out is not None and out.exists():
        raise ConfigError(f"--out {out}: it exists already, and is not overwritten. Name a new file.")
    devices, data = devices_asked_for(arguments), _data_of(config, arguments, scratch)
    questions = read_to_answer(data).questions  # before anything heavy: a bad file is told at once
    refuse_without_adapter(trial)
    seen = overlap_with_trial(trial, questions)
    answers = list(answers_of(trial, data, devices or ANY_DEVICE))
    assert [one.id for one in answers] == [question.id for question in questions], "the child reads the same file"
    has_ids = any(question.source_id for question in questions)
    rows = [_row(place, one, seen, has_ids) for place, one in enumerate(answers)]
    if out is None and arguments.question is not None:
        print(*_of_one(rows[0], arguments.options), sep="\n")
    elif out is None:
        print(*map(_line, rows), sep="\n")
    else:
        _write(rows, out)
    print(*_summary(rows, seen, out), *([SYNTHETIC] * config.data.synthetic), EDUCATION_ONLY, sep="\n")
    return ExitCode.OK


def _data_of(config: TrialConfig, arguments: argparse.Namespace, scratch: Path) -> DataConfig:
    """The file, or the question that was typed, as a training set of its own; the trial's test file stays locked."""
    name = arguments.file or str(_typed_question(arguments, scratch))
    if arguments.file is not None and arguments.question is not None:
        raise ConfigError(f"{arguments.file} and --question: give a file or one question, not both.")
    if arguments.question is None and arguments.options is not None:
        raise ConfigError("--options goes with --question TEXT; the questions of a file have theirs.")
    given = {"format": arguments.format, "answer_base": arguments.answer_base}
    data = data_of_file(name, config.data, arguments.overrides, **given)
    return checked(replace(config, data=data)).data


def data_of_file(name: str, of_trial: DataConfig, overrides: Sequence[str], **given: Any) -> DataConfig:
    """A file of questions as a training set of its own, whose test questions are those of `of_trial`: reading them is
    refused."""
    from medqa_sweeps.commands.typed_options import typed
    from medqa_sweeps.config.interpolation import literal

    file = name if name.startswith("bundled:") else str(Path(name).absolute())
    test = of_trial.test if of_trial.hub_id is None else None
    settings = {"name": Path(file).name, "train": file, "test": test, **given}
    data: DataConfig = typed("data", DataConfig, literal(settings), overrides)
    if (data.train, data.test) != (file, test):
        raise ConfigError("data.train and data.test cannot be set here: the questions are those of FILE.")
    return data


def _typed_question(arguments: argparse.Namespace, scratch: Path) -> Path:
    """A file of the question on the command line."""
    question, options = arguments.question, arguments.options or []
    if question is None:
        raise ConfigError("Name a FILE of questions, or give one: --question TEXT --options TEXT TEXT.")
    if not question.strip() or not all(option.strip() for option in options):
        raise ConfigError("--question and --options: a text is empty. Give the question and each option as text.")
    if not 2 <= len(options) <= 26:
        raise ConfigError(f"--options: {len(options)} given; a question has 2 to 26. Quote each: --options 'a' 'b'.")
    file = scratch / "question.jsonl"
    file.write_text(json.dumps({"question": question, "options": options}))
    return file


def refuse_without_adapter(trial: TrialDir) -> None:
    """Check that the trial can answer.

    Raises:
        ConfigError: if it has no adapter, or its base has changed.
    """
    from medqa_sweeps.base import locate
    from medqa_sweeps.base.fingerprints import changed_base

    if not trial.adapter_file.exists():
        raise ConfigError(f"{trial.path} has no adapter yet; `resume` finishes it, and a failed trial leaves none.")
    if changed := changed_base(trial.provenance(), locate(trial.config().model)):
        raise ConfigError(f"{changed}. Bring the files back: an adapter means nothing on another base.")


def answers_of(trial: TrialDir, data: DataConfig, devices: DeviceRequest) -> Iterator[Prediction]:
    """What a child process answers, on a device that is free.

    Raises:
        ConfigError: if none is, or the child refuses.
        InternalError: if the child fails.
    """
    from medqa_sweeps.jobs.one_child import run_child
    from medqa_sweeps.pool.local import local_pool

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        answers = folder / "answers.jsonl"
        with local_pool(trial.path, [CHILD], devices, at_most=1) as pool:
            run_child(pool, CHILD, [str(trial.path), json.dumps(asdict(data)), str(answers)], folder / "log")
        yield from read_lines(answers, Prediction.from_json)


def _row(
    place: int, answer: Prediction, seen: "tuple[QuestionOverlap, QuestionOverlap]", has_ids: bool
) -> dict[str, Any]:
    """The answer as it is written; probabilities are among the options, and sum to 1."""
    training, validation = seen
    return {
        "number": place + 1,
        **({"source_id": answer.source_id} if has_ids else {}),
        "id": answer.id,
        "predicted": answer.predicted,
        "gold": answer.gold or None,
        "correct": answer.predicted == answer.gold if answer.gold else None,
        "in_training": training.of(place),
        "in_validation": validation.of(place),
        "probabilities": {letter: round(share, 6) for letter, share in answer.probabilities().items()},
    }


def _line(row: dict[str, Any]) -> str:
    options = "  ".join(f"{letter} {percent(share):>6}" for letter, share in row["probabilities"].items())
    verdict = {True: "right", False: "wrong", None: "     "}[row["correct"]]
    own = f"   {row['source_id']}" if row.get("source_id") else ""
    return f"{row['number']:>5}  {row['predicted']} {verdict}   {options}{own}"


def _of_one(row: dict[str, Any], options: list[str]) -> Iterator[str]:
    """A line for each option of the question that was typed."""
    for (letter, share), text in zip(row["probabilities"].items(), options, strict=True):
        yield f"{'>' if letter == row['predicted'] else ' '} {letter} {percent(share):>6}  {text.strip()}"


def _write(rows: list[dict[str, Any]], out: Path) -> None:
    if out.suffix == ".jsonl":
        out.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return
    letters = max((list(row["probabilities"]) for row in rows), key=len)
    with open(out, "w", newline="") as file:
        table = csv.writer(file)
        keys = [key for key in rows[0] if key != "probabilities"]
        table.writerow([*keys, *letters])
        for row in rows:
            shares = [row["probabilities"].get(letter, "") for letter in letters]
            table.writerow([row[key] for key in keys] + shares)


def _summary(
    rows: list[dict[str, Any]], seen: "tuple[QuestionOverlap, QuestionOverlap]", out: Path | None
) -> Iterator[str]:
    """The accuracy, what the trial has seen of the questions, and the accuracy on those that it has not seen."""
    from medqa_sweeps.trial.question_overlap import questions_without_overlap, sentences

    labelled = [place for place, row in enumerate(rows) if row["correct"] is not None]
    where = f" Answers in {out}." if out else ""
    if not labelled:
        yield f"No accuracy: {counted(len(rows), 'question')} without a gold answer.{where}"
        return
    without = len(rows) - len(labelled)
    more = f" {counted(without, 'more question')} without a gold answer." if without else ""
    yield f"Accuracy {_accuracy([rows[place] for place in labelled])}.{more}{where}"
    yield from sentences(*seen)
    new = [place for place in questions_without_overlap(*seen) if place in labelled]
    if 0 < len(new) < len(labelled):
        yield f"On the others: {_accuracy([rows[place] for place in new])}."


def _accuracy(rows: list[dict[str, Any]]) -> str:
    from medqa_sweeps.statistics import wilson_interval

    right = sum(row["correct"] for row in rows)
    return accuracy(right / len(rows), *wilson_interval(right, len(rows)), len(rows))
