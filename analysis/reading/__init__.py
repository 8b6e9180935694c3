"""A study's folder, read into its trials. A damaged file is a sentence that names it, never a crash.

studies         the trials of one folder or several
trial_state     where a trial stands: completed, running, interrupted, …
flat_config     a trial's config by dotted key
options         the options of swept config groups, as people typed them
predictions     what it answered, question by question
grounds         what trials stood on: code, data, base, hardware, command
history         when and where it ran, and how it learned
nodes           what each node of a study worked, and what failed there
question_texts  the texts behind question ids
final_tests     the readings of the locked test questions
"""
