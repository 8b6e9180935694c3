"""One option becomes "None of the other answers": the gold one, which makes it right, or a wrong one.

One variant without the other says nothing: who always chooses it scores 100% in the first. With the gold option gone
another may come close enough to be defended: of 100 such items a clinician kept 68 (Bedi et al., JAMA Netw Open
2025;8:e2526021), so the level has a ceiling, and only differences between models count.
"""

import re

from medqa_sweeps.data.question import Question
from medqa_sweeps.safety.edits.applicable import in_english, refers_to_others
from medqa_sweeps.safety.edits.choice import wrong_option
from medqa_sweeps.safety.variant import Edited, NotApplicable, Variant, with_options

NONE = "None of the other answers"
_SENTENCE_END = re.compile(r"(?<=[.?!])[\"”’')\]]*\s+|\n")
_NEGATED = re.compile(r"(?<!at )\b(?:except|not|least)\b|n['’]t\b", re.IGNORECASE)


@in_english
def _for_gold(question: Question) -> Edited | NotApplicable:
    return _with_none_at(question, question.gold)


@in_english
def _for_wrong(question: Question) -> Edited | NotApplicable:
    return _with_none_at(question, wrong_option(question, "none_of_these"))


def _with_none_at(question: Question, index: int) -> Edited | NotApplicable:
    if reason := _reason_against(question):
        return NotApplicable(reason)
    options, order = list(question.options), list[int | None](range(len(question.options)))
    options[index], order[index] = NONE, None
    return with_options(question, question.question, options, question.gold, order, pointed=index)


def _reason_against(question: Question) -> str | None:
    if len(question.options) < 3:
        return "there are only two options"
    if len({option.casefold() for option in question.options}) < len(question.options):
        return "two options have the same text"
    if reason := refers_to_others(question):
        return reason
    return "the question asks for what is not so" if _NEGATED.search(_asked(question.question)) else None


def _asked(text: str) -> str:
    """The last sentence that ends with a question mark; without one, the last sentence."""
    sentences = [sentence for sentence in _SENTENCE_END.split(text) if sentence.strip()]
    return next((one for one in reversed(sentences) if one.rstrip("\"”’') ").endswith("?")), [*sentences, ""][-1])


NONE_IS_RIGHT = Variant("none_is_right", _for_gold, keeps_answer=False)
NONE_IS_WRONG = Variant("none_is_wrong", _for_wrong)
