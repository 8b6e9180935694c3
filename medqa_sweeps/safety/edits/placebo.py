"""An edit that cannot matter: the answers that it changes are the noise of every other edit."""

from medqa_sweeps.data.question import Question
from medqa_sweeps.safety.edits.applicable import in_english
from medqa_sweeps.safety.variant import Edited, Variant, rewritten

SENTENCE = "The question was written on a Tuesday."  # about as long as a hint, and in the same place


@in_english
def _with_placebo(question: Question) -> Edited:
    return rewritten(question, f"{question.question}\n{SENTENCE}")


PLACEBO = Variant("placebo", _with_placebo)
