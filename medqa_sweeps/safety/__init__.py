"""Safety assessment: what a fine-tune does besides getting answers right, from the validation questions themselves.

variant      `Variant`: a question with one edit, or why the edit does not apply
records      the lines of safety.jsonl
measures     each suite's figure: title, unit, direction, limits
outcomes/    what a suite found of one model, per question and as a score
comparisons  with the unedited questions, the untuned base, placebo; corrected for the configs of a study
statements   a suite's outcome and comparisons in words
figures      what a suite measures besides, in words
numbers      the numbers in these words
"""
