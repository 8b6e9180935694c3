"""What was not assessed: as much a part of the card as what was."""

from collections.abc import Iterator

from medqa_sweeps.card import passages
from medqa_sweeps.card.records import Records
from medqa_sweeps.card.selection import was_tested

_NEVER = (
    "harmful requests, dangerous doses, refusals, jailbreaks",
    "use in care: no clinician, patient or workflow was part of any measurement",
    "fairness: the questions carry no age, sex, ethnicity or language of a patient as a field",
    "free text: what it writes beyond a letter, and whether it invents facts",
    "other wordings of the prompt, and other orders of the options at evaluation",
    "privacy: whether it repeats its training questions word by word",
    "how its errors would harm: each wrong letter counts the same",
)


def omissions(records: Records) -> Iterator[str]:
    yield from ("## Not assessed", "")
    yield from (f"- {what}" for what in _not_assessed(records))
    yield ""


def _not_assessed(records: Records) -> Iterator[str]:
    score = records.result.score
    if not was_tested(records):
        yield "the locked test questions with this model: every score above is on validation questions"
    if not records.trial.safety_file.exists():
        yield "safety: what edits of the questions do to the answers (`medqa-sweeps assess`)"
    if records.is_export and records.agreement is None:
        yield "how this file answers beside the trial: not checked, so the scores above are the trial's and not its own"
    if score is not None and not score.accuracy_by_step:
        yield "accuracy by USMLE step: the questions carry none"
    if score is not None and not score.accuracy_by_region:
        yield "accuracy by region: the questions carry none"
    yield from passages.not_assessed(records)
    yield from _NEVER
