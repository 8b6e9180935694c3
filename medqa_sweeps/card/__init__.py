"""The model card of a trial, generated from its records: nothing in it is typed by hand.

- `model_card`: the whole card, at a trial's end from the trial's own records, at an export from the study's too
- `records`: what the card is generated from, read once
- `metadata`: the YAML at its top, which the hub reads
- `licences`: whose terms apply to the base and to the questions
- `about`: what the model is, what it is for, the questions, the prompt
- `answers`: how it answered the validation questions: accuracy by group, calibration
- `safety`: what the safety assessment found, suite by suite
- `passages`: what literature stood beside the questions, and whether it helped
- `selection`: how the trial was selected, and each reading of the locked test questions
- `omissions`: what was not assessed
- `reproduction`: settings, seeds, hardware, software, the command
- `agreement`: how an exported model answers the validation questions, beside the trial that it was made from
- `tables`: Markdown tables
"""

from medqa_sweeps.card.agreement import Agreement
from medqa_sweeps.card.model_card import model_card, trial_card
from medqa_sweeps.card.records import FORMS

__all__ = ["FORMS", "Agreement", "model_card", "trial_card"]
