"""`quiz [TRIAL|STUDY] [FILE]`: practise with questions, in the terminal, on a page, in Anki.

The learner answers first; then the right answer and the model's are shown. With a trial or study the questions are its
validation questions and the answers those of its records. With a FILE and a trial, a child process answers the chosen
questions first, as `predict` does. A FILE alone has no model; with neither, the shipped sample is asked.
"""

import argparse
import secrets
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from medqa_sweeps.command_line import command, short_path
from medqa_sweeps.durable.files import write_atomically
from medqa_sweeps.durable.writable_folders import data_folder
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.wording import counted

if TYPE_CHECKING:
    from rich.console import Console

    from medqa_sweeps.quiz.exercise import Exercise, ExerciseSet
    from medqa_sweeps.quiz.reviews import History, ReviewFile
    from medqa_sweeps.quiz.schedule import Progress
    from medqa_sweeps.quiz.terminal import TerminalQuiz
    from medqa_sweeps.trial.folder import TrialDir

REVIEWS = "reviews.jsonl"
_SAMPLE = "bundled:sample/validation.jsonl"
_SEEDS = 10_000  # of which one is drawn: short enough to type


def add_arguments(parser: argparse.ArgumentParser) -> None:
    whose = "folder of a trial, or of a study, of which the best is taken (default: no model)"
    parser.add_argument("model", nargs="?", metavar="TRIAL|STUDY", help=whose)
    which = "questions with right answers, in any format of docs/data.md (default: the trial's validation questions)"
    parser.add_argument("file", nargs="?", metavar="FILE", help=which)
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="how to read FILE: data.answer_base=1")
    parser.add_argument("--count", type=int, default=20, metavar="N", help="how many questions (default: 20)")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--missed", action="store_true", help="only questions that you answered wrongly the last time")
    only.add_argument("--due", action="store_true", help="only questions that are due again (spaced repetition)")
    parser.add_argument("--seed", type=int, metavar="N", help="draw the questions of an earlier quiz again")
    parser.add_argument("--page", type=Path, metavar="OUT.html", help="write the quiz as a page that works offline")
    parser.add_argument("--anki", type=Path, metavar="OUT.txt", help="write the questions as cards for Anki")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Ask the questions, or write them; OK also if the learner ends the quiz early, INTERRUPTED after Ctrl-C."""
    from medqa_sweeps.quiz.reviews import ReviewFile
    from medqa_sweeps.quiz.schedule import replay
    from medqa_sweeps.quiz.terminal import is_terminal, quiz_console

    _refuse_options(arguments)
    to_file = arguments.page is not None or arguments.anki is not None
    trial, file, overrides = _named(arguments)
    reviews = ReviewFile(data_folder() / REVIEWS)
    source = _source(trial, file, overrides)
    if not to_file and not is_terminal():  # after what is wrong with the names
        raise ConfigError("The quiz needs a terminal to ask in. Write it as a page instead: --page OUT.html.")
    history = reviews.history()
    progress, now = replay(history.reviews), datetime.now(UTC)
    seed = secrets.randbelow(_SEEDS) if arguments.seed is None else arguments.seed
    chosen = _chosen(source, arguments, progress, seed, now)
    if not chosen:
        print(_nothing(source, arguments, progress, now))
        return ExitCode.OK
    console = quiz_console()
    if trial is not None and file is not None:
        source, chosen = _answered_by(trial, source, chosen, console)
    _print_before(history, now)
    if to_file:
        return _write(arguments, source, chosen, reviews)
    return _ask(source, chosen, seed, reviews, console, arguments)


def _refuse_options(arguments: argparse.Namespace) -> None:
    if arguments.count < 1:
        raise ConfigError(f"--count {arguments.count}: must be 1 or more.")
    if arguments.due and arguments.seed is not None:
        raise ConfigError(f"--seed {arguments.seed}: --due draws nothing; it asks the longest overdue questions first.")
    for option, ending in (("page", ".html"), ("anki", ".txt")):
        out = getattr(arguments, option)
        if out is None:
            continue
        if out.suffix != ending:
            raise ConfigError(f"--{option} {out}: name a new file, ending in {ending}.")
        if out.exists():
            raise ConfigError(f"--{option} {out}: it exists already, and is not overwritten. Name a new file.")
        if not out.absolute().parent.is_dir():
            raise ConfigError(
                f"--{option} {out}: there is no folder {short_path(out.parent)}. Make it, or name another."
            )


def _named(arguments: argparse.Namespace) -> "tuple[TrialDir | None, str | None, list[str]]":
    """The trial, the file and the overrides. The first name is a trial's or a study's folder, or the file alone."""
    words = [word for word in (arguments.model, arguments.file, *arguments.overrides) if word is not None]
    overrides = [word for word in words if word.startswith("data.") and "=" in word]
    names = [word for word in words if word not in overrides]
    if len(names) > 2:
        raise ConfigError(f"{names[2]}: name at most a trial or study, and one FILE.")
    if names and _is_file(names[0]):
        if len(names) == 2:
            raise ConfigError(f"{names[0]} is a file. With two names, the first is the folder of a trial or study.")
        return None, names[0], overrides
    if not names:
        return None, None, overrides
    file = names[1] if len(names) == 2 else None
    if overrides and file is None:
        raise ConfigError(f"{overrides[0]}: such settings say how to read a FILE; name one.")
    return _trial(Path(names[0])), file, overrides


def _is_file(name: str) -> bool:
    from medqa_sweeps.data.files import FILE_TYPES

    path = Path(name)
    return name.startswith("bundled:") or path.is_file() or (not path.is_dir() and path.suffix.lower() in FILE_TYPES)


def _trial(path: Path) -> "TrialDir":
    """The trial of that folder, or the one that stands for the study: the one that `final` would take."""
    from medqa_sweeps.study.find import is_trial, study_at, trial_at
    from medqa_sweeps.study.folder import trial_number
    from medqa_sweeps.study.selection import selected_trial

    if is_trial(path.resolve()) or trial_number(path.resolve()) is not None:
        return trial_at(path)
    study = study_at(path)
    number, why = selected_trial(study)
    print(f"Trial {number} of {study.path.name}: {why}.")
    return trial_at(study.path / str(number))


def _source(trial: "TrialDir | None", file: str | None, overrides: Sequence[str]) -> "ExerciseSet":
    from medqa_sweeps.commands.predict import data_of_file, refuse_without_adapter
    from medqa_sweeps.commands.typed_options import option, typed
    from medqa_sweeps.config import DataConfig
    from medqa_sweeps.quiz.file_questions import file_exercises
    from medqa_sweeps.quiz.trial_answers import alarms_of_trial, record_of_trial, validation_exercises

    if trial is not None and file is None:
        return validation_exercises(trial)
    if trial is None and file is None:
        print("No trial and no file is named: these are questions of the shipped sample, which are invented.")
    # Without a trial, the test questions of the sample are the only ones that are known to be locked.
    of_trial = trial.config().data if trial else typed("data", DataConfig, option("data", "sample", ""), [])
    named = file or _SAMPLE
    data = replace(data_of_file(named, of_trial, overrides), train=named)  # as typed, for errors
    if problems := list(data.problems()):
        raise ConfigError("\n".join(problems))
    found = file_exercises(data)
    if trial is None:
        return found
    refuse_without_adapter(trial)
    return replace(
        found, record=record_of_trial(trial), alarms=alarms_of_trial(trial), synthetic_model=of_trial.synthetic
    )


def _chosen(
    source: "ExerciseSet", arguments: argparse.Namespace, progress: "dict[str, Progress]", seed: int, now: datetime
) -> "list[Exercise]":
    from medqa_sweeps.quiz.choosing import choose, due, missed

    if arguments.due:
        return due(source.exercises, progress, now)[: arguments.count]
    these = missed(source.exercises, progress) if arguments.missed else source.exercises
    return choose(these, arguments.count, seed)


def _nothing(
    source: "ExerciseSet", arguments: argparse.Namespace, progress: "dict[str, Progress]", now: datetime
) -> str:
    """Why there is nothing to ask."""
    from medqa_sweeps.quiz.sentences import when

    dates = [progress[one.id].card.due for one in source.exercises if one.id in progress]
    if not dates:
        return f"You have not answered any of the {source.described(len(source.exercises))} yet."
    if arguments.missed:
        return f"You answered {source.described(len(dates))}, each of them right the last time."
    return f"You answered {source.described(len(dates))}, and none is due; the next is {when(min(dates), now)}."


def _answered_by(
    trial: "TrialDir", source: "ExerciseSet", chosen: "list[Exercise]", console: "Console"
) -> "tuple[ExerciseSet, list[Exercise]]":
    """The chosen exercises with the trial's answers, and the source with what they are worth."""
    from medqa_sweeps.commands.predict import answers_of
    from medqa_sweeps.config import DataConfig
    from medqa_sweeps.pool.request import ANY_DEVICE
    from medqa_sweeps.quiz.file_questions import with_answers, write_questions
    from medqa_sweeps.trial.question_overlap import overlap_with_trial, sentences

    with tempfile.TemporaryDirectory() as made:
        questions = Path(made) / "questions.jsonl"
        write_questions(chosen, questions)
        what = f"The model answers {counted(len(chosen), 'question')} first, unseen"
        began = time.monotonic()
        with console.status(f"{what} …"):  # of a terminal; nothing elsewhere
            predictions = list(answers_of(trial, DataConfig(name=source.name, train=str(questions)), ANY_DEVICE))
    print(f"The model has answered {counted(len(chosen), 'question')} in {time.monotonic() - began:.0f} s.")
    overlap = overlap_with_trial(trial, [one.question for one in chosen])
    notes = [f"About the model's score: {sentence}" for sentence in sentences(*overlap)]
    return replace(source, notes=notes), with_answers(chosen, predictions)


def _print_before(history: "History", now: datetime) -> None:
    """What is wrong with the learner's reviews, if anything."""
    from medqa_sweeps.quiz.sentences import clock_behind

    for sentence in filter(None, (*history.damaged, clock_behind(history.newest, now))):
        print(sentence)


def _write(
    arguments: argparse.Namespace, source: "ExerciseSet", chosen: "list[Exercise]", reviews: "ReviewFile"
) -> ExitCode:
    """Write page and cards; the questions in them count as shown."""
    from medqa_sweeps.quiz.anki import anki_text
    from medqa_sweeps.quiz.page import page_html
    from medqa_sweeps.quiz.sentences import LICENCE, left_out, standing

    for where, out, text_of in (("page", arguments.page, page_html), ("anki", arguments.anki, anki_text)):
        if out is None:
            continue
        reviews.add_shown([one.id for one in chosen], where, source.name)
        try:
            write_atomically(out, text_of(source, chosen))
        except OSError as error:
            raise ConfigError(f"--{where} {out} cannot be written ({error.strerror}). Name another file.") from None
        print(f"{counted(len(chosen), 'question')} in {short_path(out)}.")
    print(*filter(None, [left_out(source), *source.notes, LICENCE, *standing(source)]), sep="\n")
    return ExitCode.OK


def _ask(
    source: "ExerciseSet",
    chosen: "list[Exercise]",
    seed: int,
    reviews: "ReviewFile",
    console: "Console",
    arguments: argparse.Namespace,
) -> ExitCode:
    from medqa_sweeps.quiz.sentences import joined, left_out, standing, subject
    from medqa_sweeps.quiz.terminal import Ending, TerminalQuiz

    drawn = "" if arguments.due else f" (--seed {seed})"
    console.print(f"Quiz: {subject(source, len(chosen))}{drawn}.", style="bold")
    console.print(joined([*standing(source), left_out(source)]))
    quiz = TerminalQuiz(console, reviews, source.record, source.name)
    try:
        ending = quiz.ask_all(chosen)
    finally:  # also if an answer could not be recorded
        quiz.show_result(len(chosen))
    _print_after(quiz, source, reviews, console, arguments)
    return ExitCode.INTERRUPTED if ending is Ending.INTERRUPTED else ExitCode.OK


def _print_after(
    quiz: "TerminalQuiz",
    source: "ExerciseSet",
    reviews: "ReviewFile",
    console: "Console",
    arguments: argparse.Namespace,
) -> None:
    """What the model's score is worth, and when which questions are due again."""
    from medqa_sweeps.quiz.schedule import replay
    from medqa_sweeps.quiz.sentences import when

    console.print()
    for note in source.notes if quiz.answers else []:
        console.print(note)
    if quiz.answers:
        progress, now = replay(reviews.history().reviews), datetime.now(UTC)
        first = min(progress[answer.exercise.id].card.due for answer in quiz.answers)
        again = command("quiz", *filter(None, (arguments.model, arguments.file, *arguments.overrides)), "--due")
        console.print(f"The first of these is due again {when(first, now)}: {again}", soft_wrap=True)
    console.print(f"Your answers are in {short_path(reviews.path)}.", soft_wrap=True)
