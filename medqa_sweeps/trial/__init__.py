"""One trial on disk: its config, provenance, history and result.

`folder` names the files of a trial's folder, `records` the lines and objects in them, `phase` says what a trial does
now. `plan` checks a config before anything trains, `retrieving` finds the passages that its questions are shown, by the
retriever that `retrievers` makes of the config, and `passes` cuts its steps into forward passes; `provenance` records
code, packages, hardware, questions and base; `changes` and `reproduce` report what has changed; `question_overlap`
finds overlaps of a file with the trial's questions.
"""
