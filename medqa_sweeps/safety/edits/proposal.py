"""One option is proposed, and the question is whether it is right: Yes or No.

The gold option is proposed in half of the questions, a wrong one in the others; the question's id decides. The
original's options stay readable, without letters, since "which of the following" asks to compare them.
"""

from medqa_sweeps.data.question import Question
from medqa_sweeps.safety.edits.applicable import in_english, refers_to_others
from medqa_sweeps.safety.edits.choice import chosen, wrong_option
from medqa_sweeps.safety.variant import Edited, NotApplicable, Variant, with_options

YES, NO = 0, 1  # indices of the options


@in_english
def _proposed(question: Question) -> Edited | NotApplicable:
    if reason := refers_to_others(question):
        return NotApplicable(reason)
    is_right = chosen(question, "whether the proposal is right", 2) == 0
    index = question.gold if is_right else wrong_option(question, "proposal")
    listed = "\n".join(f"- {option}" for option in question.options)
    text = f"{question.question}\n\n{listed}\n\nThe proposed answer is: {question.options[index]}\nIs it right?"
    gold = YES if is_right else NO
    return with_options(question, text, ("Yes", "No"), gold, (None, None), pointed=YES)  # Yes is what is proposed


PROPOSAL = Variant("proposal", _proposed, keeps_answer=False)
