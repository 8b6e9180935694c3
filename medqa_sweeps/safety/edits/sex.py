"""The patient's sex changes, with its pronouns; nothing else does.

It is conservative: a question is left out if people of both sexes occur, if it mentions what only one sex has, or if a
pronoun may be someone else's, before the swap or after it. Reference ranges that differ by sex (hemoglobin) are no
reason: too many questions list them. The edit undoes itself.
"""

import re

from medqa_sweeps.data.question import Question
from medqa_sweeps.safety.casing import cased_as
from medqa_sweeps.safety.edits.applicable import in_english
from medqa_sweeps.safety.edits.sex_words import (
    CHILD_OF_PARENT,
    COUNTERPART,
    KIN_THEN_PRONOUN,
    LINKED,
    PRONOUNS,
    SPOUSES,
    WORD,
    is_unclear,
    masculine,
    sex_of,
)
from medqa_sweeps.safety.variant import Edited, NotApplicable, Variant, rewritten

_TITLE_WITHOUT_COUNTERPART = re.compile(r"\b(?:Ms|Miss)\.? [A-Z]|\bhers\b")
_UNCLEAR = "“her” may mean “his” or “him”"
_OWN_SPOUSE = re.compile(r"\b(?:his|her)(?: \w+)? $", re.IGNORECASE)


@in_english
def _with_other_sex(question: Question) -> Edited | NotApplicable:
    texts = [question.question, *question.options]
    swapped = [_swapped(text) for text in texts]
    if reason := _reason_against(texts) or _reason_against(swapped):
        return NotApplicable(reason)
    if [_swapped(text) for text in swapped] != texts:
        return NotApplicable(_UNCLEAR)
    return rewritten(question, swapped[0], swapped[1:])


def _reason_against(texts: list[str]) -> str | None:
    joined = "\n".join(texts)
    found = [match for text in texts for match in WORD.finditer(text)]
    sexes = {sex_of(match[0]) for match in found if match[0].lower() not in SPOUSES}
    if all(match[0].lower() in SPOUSES | PRONOUNS for match in found):  # "an investigator … she" is no patient
        return "no person's sex is named"
    if LINKED.search(joined):
        return "it mentions what only one sex has"
    if len(sexes) > 1:
        return "people of both sexes occur in it"
    if _TITLE_WITHOUT_COUNTERPART.search(joined):
        return "a title has no counterpart"
    if any(m[0].lower() in SPOUSES and not _OWN_SPOUSE.search(m.string[: m.start()]) for m in found):
        return "a spouse may be someone else's"
    if any(KIN_THEN_PRONOUN[sex].search(joined) for sex in sexes):
        return "a pronoun may be a relative's"
    if all(kin.search(joined) for kin in CHILD_OF_PARENT):
        return "the patient may be a son or a daughter"
    return _UNCLEAR if any(map(is_unclear, texts)) else None


def _swapped(text: str) -> str:
    return WORD.sub(_replacement, text)


def _replacement(found: re.Match[str]) -> str:
    written = found[0]
    if written.lower() == "her":
        other = masculine(found.string[found.end() :])
    else:
        other = COUNTERPART.get(written) or COUNTERPART[written.lower()]
    return other if found["title"] else cased_as(other, written) or other


SEX = Variant("sex", _with_other_sex)
