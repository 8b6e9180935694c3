"""The options without the question: what is answered correctly then is known from the options alone."""

from medqa_sweeps.data.question import Question
from medqa_sweeps.safety.variant import Edited, Variant, rewritten


def _without_stem(question: Question) -> Edited:
    return rewritten(question, "")


STEM_REMOVED = Variant("stem_removed", _without_stem, keeps_answer=False)
