"""Literature lookup: the passages of a folder that are near a question, and a draft whose quotes are checked.

Nothing here has a model: `worker/ask.py` writes drafts, `commands/ask.py` starts it. In the order of an answer:

    off_topic     the score that a question must exceed to be called close, from shipped off-topic questions
    lookup        the passages for a question, and whether it is close to any
    prompt        what the model reads
    drafts        what goes to the model's process, and what comes back
    sentences     the sentences of a draft
    quotes        quoted words, found in a passage or not
    checking      which sentences carry a number and a quote that stands there
    statements    the same in words
    result        an answer as one JSON object
    printing      an answer on a terminal
    known         a file of questions whose passages are known
    generated     such questions, made of the passages
    evaluation    how often the search, the draft and the refusals are right on such questions
    measures      the evaluation in words
"""
