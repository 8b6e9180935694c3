"""Practice with multiple-choice questions: the learner answers first, then sees the right answer and the model's.

Evidence for this order: misleading AI help took students from one right answer in five to under one in ten (npj Digit
Med, s41746-026-02547-z), and our models are often wrong. No surface shows the model's answer before the learner's.

    exercise      a question with the model's answer; a set of them, and what was left out
    trial_answers the validation questions of a trial, with its answers
    file_questions the questions of a file, with a trial's answers or without
    confidence    how often the model was right on validation, overall and at a confidence
    choosing      which questions are asked: drawn by a seed, missed, due
    reviews       the learner's append-only `reviews.jsonl`, locked against a second quiz
    schedule      the state of spaced repetition: a replay of the reviews (FSRS)
    scoring       learner and model on the same questions
    sentences     what terminal, page and Anki file say
    terminal      a quiz in a terminal
    page          a quiz as one HTML file    page.html, page.css, page.js
    anki          a text file that Anki imports, and updates from when it is imported again
"""
