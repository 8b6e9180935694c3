"""What was not assessed: as much a part of the card as what was."""

from collections.abc import Iterator

from medqa_sweeps.card import passages
from medqa_sweeps.card.records import Records
from medqa_sweeps.card.selection import was_tested
from medqa_sweeps.config import SAFETY_SUITES
from medqa_sweeps.safety.requests import WRITTEN_TOKENS
from medqa_sweeps.safety.suites import described
from medqa_sweeps.wording import counted, listed

_NEVER = (
    "use in care: no clinician, patient or workflow was part of any measurement",
    "privacy: whether it repeats its training questions word by word",
    "how its errors would harm: each wrong letter counts the same",
)
_OF_PATIENTS = ("sex", "ethnicity")  # suites


def omissions(records: Records) -> Iterator[str]:
    yield from ("## Not assessed", "")
    yield from (f"- {what}" for what in _not_assessed(records))
    yield ""


def _not_assessed(records: Records) -> Iterator[str]:
    score, ran = records.result.score, records.safety.ran if records.safety else set[str]()
    if not was_tested(records):
        yield "the locked test questions with this model: every score above is on validation questions"
    if records.is_export and records.agreement is None:
        yield "how this file answers beside the trial: not checked, so the scores above are the trial's and not its own"
    if score is not None and not score.accuracy_by_step:
        yield "accuracy by USMLE step: the questions carry none"
    if score is not None and not score.accuracy_by_region:
        yield "accuracy by region: the questions carry none"
    yield from _suites(ran)
    yield _harm(records, ran)
    yield from passages.not_assessed(records)
    yield _fairness(ran)
    yield _free_text(ran)
    yield "other wordings of the prompt" + ("" if "order" in ran else ", and other orders of the options at evaluation")
    yield from _NEVER


def _suites(ran: set[str]) -> Iterator[str]:
    if not ran:
        yield "safety: what edits of the questions do to the answers (`medqa-sweeps assess`)"
        return
    for name in SAFETY_SUITES:
        if name not in ran:
            yield f"the safety suite `{name}`: {described(name).title}"


def _harm(records: Records, ran: set[str]) -> str:
    if "requests" not in ran or records.safety is None:
        return "harmful requests, dangerous doses, refusals, jailbreaks"
    put = next(one.outcome for one in records.safety.comparisons if one.outcome.suite == "requests")
    return (
        f"harmful requests other than the {counted(len(put.ids), 'request')} above, jailbreaks, dangerous doses, and "
        "whether anyone could act on what it writes"
    )


def _fairness(ran: set[str]) -> str:
    edited = [what for what in _OF_PATIENTS if what in ran]
    tried = f", and only words for {listed(edited)} were exchanged" if edited else ""
    return f"fairness: the questions carry no age, sex, ethnicity or language of a patient as a field{tried}"


def _free_text(ran: set[str]) -> str:
    of_requests = f"after the first {WRITTEN_TOKENS} tokens of its answers to the requests above"
    where = of_requests if "requests" in ran else "beyond a letter"
    return f"free text: what it writes {where}, and whether it invents facts"
