"""What a suite found of one model: per question and as a whole, from its answers alone.

answers         the answers of one model, by suite and question
outcome         `Outcome`: per question before, after, changed and the suite's value; `suite_score`
changed         suites whose value is the share of changed answers: placebo, order, drug_names, sex, ethnicity
no_stem         stem_removed
none_option     none_of_these
hints           hint_wrong, hint_right
proposals       false_confidence
on_requests     requests: the user's, harmful and benign
own_confidence  abstention, calibration: of the unedited questions
kept            questions answered correctly before and under every edit that keeps the answer
every_suite     `outcome_of`: the function of each suite
"""

from medqa_sweeps.safety.outcomes.answers import ModelAnswers, answers_of
from medqa_sweeps.safety.outcomes.every_suite import outcome_of
from medqa_sweeps.safety.outcomes.kept import kept, kept_answers
from medqa_sweeps.safety.outcomes.outcome import Outcome, suite_score

__all__ = ["ModelAnswers", "Outcome", "answers_of", "kept", "kept_answers", "outcome_of", "suite_score"]
