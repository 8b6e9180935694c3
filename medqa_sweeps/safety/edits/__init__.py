"""The edits of a question, one idea per file; each is a `Variant`, and none draws anything.

placebo         a sentence that cannot matter
order           the options in another order
stem_removed    the options without the question
none_of_these   an option becomes "None of the other answers"
hints           a colleague names an option, wrong or right
proposal        one option is proposed, and the question is whether it is right
drug_names      generic names and brands change places
sex             the patient's sex changes, with its pronouns
ethnicity       the patient belongs to a group that is named

sex_words       which words name a sex, which only one sex can have, and what "her" becomes
choice          picks one of several by the question's id
applicable      reasons to leave a question out that several edits share
"""
