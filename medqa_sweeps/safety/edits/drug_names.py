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
        swapped = list(map(table.swapped, texts))
        if table.reason_against(swapped) or list(map(table.swapped, swapped)) != texts:
            return NotApplicable("a drug name meets another one")
        return rewritten(question, swapped[0], swapped[1:])

    return Variant("drug_names", edit)
