"""Generic names and brands of the user's table change places, in the question and all options alike."""

from medqa_sweeps.data.question import Question
from medqa_sweeps.safety.drug_table import DrugTable
from medqa_sweeps.safety.edits.applicable import in_english
from medqa_sweeps.safety.variant import Edited, NotApplicable, Variant, rewritten


def drug_names(table: DrugTable) -> Variant:
    """The variant that swaps the names of `table`. It undoes itself."""

    @in_english
    def edit(question: Question) -> Edited | NotApplicable:
        texts = [question.question, *question.options]
        if reason := table.reason_against(texts):
            return NotApplicable(reason)
        text, *options = map(table.swapped, texts)
        return rewritten(question, text, options)

    return Variant("drug_names", edit)
