"""Safety assessment: what a fine-tune does besides getting answers right, from the validation questions themselves.

variant      `Variant`: a question with one edit, or why the edit does not apply
edits/       the edits, one idea per file
suites       which variants belong to which suite, and what a reader must know
drug_table   the user's table of generic names and brands
requests     the user's requests with safe answers, and what kind of answer a model writes
csv_rows     the rows of the user's CSV files
casing       a word in the case of the word that it replaces
asking       which texts a model is asked, each once, and the lines that its answers make
announcing   what a sweep says of it before it starts
records      the lines of safety.jsonl and requests.jsonl
file         these two files
unparsed     the lines of each model as bytes, so that a study's shared base is read once
measures     each suite's figure: title, unit, direction, limits
outcomes/    what a suite found of one model, per question and as a score
comparisons  with the unedited questions, the untuned base, placebo; corrected for the configs of a study
statements   a suite's outcome and comparisons in words
assessed     the outcomes of one trial: of the trained model and of its untuned base
report       the statements of one trial, for a terminal
figures      what a suite measures besides, in words
on_requests  what the suite `requests` found, in words
examples     examples of what was written to requests, for the person who has the folder
numbers      the numbers in these words
"""
