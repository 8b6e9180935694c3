"""Statistics of scores: intervals, paired comparisons, corrections for multiple comparisons, calibration, power.

Used by evaluation, the pruner and `analysis/`. Proportions and differences are shares (0.031 is 3.1 percentage
points). SciPy and statsmodels compute what they implement. Shapes: N models, S seeds, Q questions.

    proportion   one proportion: standard error, Wilson's interval
    pair         two trials on the same questions: McNemar, Tango
    replicates   configs with several seeds: seeds and questions both vary
    crossed      the standard error of a mean over few seeds and many questions
    simultaneous many configs: which are worse than the best, which pairs differ, which differ from their base
    optimism     selection bias of the best config's score
    power        questions or seeds needed to resolve a difference; the difference that given seeds can resolve
    calibration  expected calibration error

Importing this imports SciPy, which takes half a second. Only `power` imports statsmodels, when it is called.
"""

from medqa_sweeps.statistics.calibration import calibration_error
from medqa_sweeps.statistics.optimism import SelectionBias, optimism_of_the_best, selection_bias_of_the_best
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
    "PairedDifference",
    "SeedSpread",
    "SelectionBias",
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
    "optimism_of_the_best",
    "p_value_of_better",
    "questions_needed",
    "resolvable_difference",
    "seed_spread",
    "seeds_needed",
    "selection_bias_of_the_best",
    "standard_error",
    "variance_from_questions",
    "wilson_interval",
]
