"""The whole card of a model, as Markdown with the metadata that the hub reads.

Two views: `trial_card` when a trial has just ended, from its own records; `model_card` at an export, when the study's
records, later readings of the test questions and the check of the exported file are known too.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from medqa_sweeps.card import about, answers, omissions, passages, reproduction, safety, selection
from medqa_sweeps.card.agreement import Agreement
from medqa_sweeps.card.metadata import metadata
from medqa_sweeps.card.records import FORMS, Records, by_id, provenance_of, questions_of
from medqa_sweeps.data import Question
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.study.folder import StudyDir, trial_number
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Result
from medqa_sweeps.wording import EDUCATION_ONLY, SYNTHETIC, counted, listed, percent

_NAMED = 10  # differing questions that are named by their id


def trial_card(trial: TrialDir, result: Result, validation: Sequence[Question]) -> str:
    """The card of a trial that has just ended, before its result is written.

    Args:
        validation: the questions that gave the score.
    """
    return _text(Records(trial, trial.config(), result, provenance_of(trial), by_id(validation)))


def model_card(
    trial: TrialDir,
    form: str = "adapter",
    agreement: Agreement | None = None,
    notes: Sequence[str] = (),
    loading: Sequence[str] = (),
) -> str:
    """The card of an exported trial.

    Args:
        form: of `FORMS`.
        agreement: how the exported file answers; None: not checked.
        notes: whole sentences about this file: where its weights come from, which tensors are in which format.
        loading: lines of Python or of a shell that load it.

    Raises:
        ConfigError: if the trial has no result, or its config cannot be read.
        ValueError: if there is no such form.
    """
    if form not in FORMS:
        raise ValueError(f"form={form!r}: allowed are {', '.join(FORMS)}")
    result = trial.result()
    if result is None:
        raise ConfigError(f"{trial.path} has no result yet, so it has no card. `resume` finishes it.")
    study = StudyDir(trial.path.absolute().parent)
    in_study = study.definition_file.exists() and trial_number(trial.path) is not None
    records = Records(
        trial=trial,
        config=trial.config(),
        result=result,
        provenance=provenance_of(trial),
        questions={},
        form=form,
        study=study if in_study else None,
        is_export=True,
        agreement=agreement,
        notes=tuple(notes),
        loading=tuple(loading),
    )
    return _text(dataclasses.replace(records, questions=questions_of(records.config, records.answers)))


def _text(records: Records) -> str:
    sections: tuple[Callable[[Records], Iterator[str]], ...] = (
        about.uses,
        about.model,
        _export,
        answers.results,
        safety.safety,
        passages.passages,
        selection.selection,
        selection.final_test,
        omissions.omissions,
        about.data,
        about.prompt,
        reproduction.training,
        reproduction.reproduction,
    )
    lines = [*metadata(records), about.title(records), "", f"**{EDUCATION_ONLY}**", ""]
    if records.config.data.synthetic:
        lines += [f"**{SYNTHETIC}**", ""]
    for section in sections:
        lines += section(records)
    return "\n".join(lines).rstrip("\n") + "\n"


def _export(records: Records) -> Iterator[str]:
    """How the exported file was made and checked; nothing at a trial's end."""
    if not records.is_export:
        return
    yield from ("## This file beside the trial", "")
    yield from (f"- {note}" for note in records.notes)
    yield from (f"- {sentence}" for sentence in _agreement(records.agreement))
    yield ""
    if records.loading:
        yield from ("To load it:", "", *(f"    {line}" for line in records.loading), "")


def _agreement(found: Agreement | None) -> Iterator[str]:
    if found is None:
        yield "not checked: whether this file answers as the trial did is unknown. The scores below are the trial's."
        return
    differing, named = len(found.differing), f": {listed(found.differing, _NAMED)}" if found.differing else ""
    yield (
        f"{found.read_by} answered {counted(found.questions, 'validation question')} with this file, {differing:,} of "
        f"them ({percent(differing / found.questions)}) with another letter than the trial{named}"
    )
    of_trial = percent(found.trial_accuracy)
    yield f"accuracy of this file {percent(found.accuracy)}, of the trial on the same questions {of_trial}"
    yield (
        f"log-probabilities of the letters differ by at most {found.largest_gap:.4g} nats, by {found.mean_gap:.4g} on "
        "average"
    )
