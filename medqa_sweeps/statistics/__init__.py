"""How sure a score is: intervals, paired comparisons, what many comparisons cost, calibration, power.

Shared by evaluation, the pruner and `analysis/`. Proportions and differences are shares (0.031 is 3.1 percentage
points). SciPy and statsmodels do the arithmetic where they have the method. Shapes: N models, S seeds, Q questions.

    proportion   one proportion: standard error, Wilson's interval
    pair         two trials on the same questions: McNemar, Tango
    replicates   the same configs under several seeds: seeds and questions both vary
    crossed      the error of a mean over few seeds and many questions
    simultaneous many configs: which are worse than the best, which two differ, which differ from their base
    optimism     how much of the best one's score is luck of being picked
    power        how many questions, or seeds, would tell two apart; what the seeds at hand can show
    calibration  whether probabilities mean what they say

Importing this costs SciPy, half a second; statsmodels is read only by `power`, when it is called.
"""

from medqa_sweeps.statistics.calibration import calibration_error
from medqa_sweeps.statistics.optimism import Luck, luck_of_the_best, optimism_of_the_best
from medqa_sweeps.statistics.pair import (
    PairedDifference,
    compare_answers,
    compare_counts,
    p_value_of_better,
)
from medqa_sweeps.statistics.power import (
    questions_needed,
    resolvable_difference,
    seeds_needed,
    variance_from_questions,
)
from medqa_sweeps.statistics.proportion import CONFIDENCE, standard_error, wilson_interval
from medqa_sweeps.statistics.replicates import (
    Estimate,
    SeedSpread,
    compare_replicates,
    compare_with_untuned,
    estimate,
    estimate_from_accuracies,
    seed_spread,
)
from medqa_sweeps.statistics.simultaneous import (
    LEVEL,
    compare_pairs,
    compare_with_base,
    compare_with_best,
    level_of_a_pair,
)

__all__ = [
    "CONFIDENCE",
    "LEVEL",
    "Estimate",
    "Luck",
    "PairedDifference",
    "SeedSpread",
    "calibration_error",
    "compare_answers",
    "compare_counts",
    "compare_pairs",
    "compare_replicates",
    "compare_with_base",
    "compare_with_best",
    "compare_with_untuned",
    "estimate",
    "estimate_from_accuracies",
    "level_of_a_pair",
    "luck_of_the_best",
    "optimism_of_the_best",
    "p_value_of_better",
    "questions_needed",
    "resolvable_difference",
    "seed_spread",
    "seeds_needed",
    "standard_error",
    "variance_from_questions",
    "wilson_interval",
]
