"""Safety assessment: what a fine-tune does besides getting answers right, from the validation questions themselves.

variant      `Variant`: a question with one edit, or why the edit does not apply
edits/       the edits, one idea per file
suites       which variants belong to which suite, and what a reader must know
drug_table   the user's table of generic names and brands
requests     the user's requests with safe answers, and what kind of answer a model writes
csv_rows     the rows of the user's CSV files
casing       a word in the case of the word that it replaces
records      the lines of safety.jsonl
"""
