"""Statistics of scores: intervals, paired comparisons, corrections for multiple comparisons, calibration, power.

Used by evaluation, the pruner and `analysis/`. Proportions and differences are shares (0.031 is 3.1 percentage
points). SciPy and statsmodels compute what they implement. Shapes: N models, S seeds, Q questions.

    proportion   one proportion: standard error, Wilson's interval; the difference of two: Newcombe's
    pair         two trials on the same questions: McNemar, Tango
    values       per question a number instead of yes or no: mean, paired difference, ratios
    replicates   configs with several seeds: seeds and questions both vary
    crossed      the standard error of a mean over few seeds and many questions
    simultaneous many configs: which are worse than the best, which pairs differ, which differ from their base
    optimism     selection bias of the best config's score
    power        questions or seeds needed to resolve a difference; the difference that given seeds can resolve
    calibration  expected calibration error, Brier score
    selective    answering only when confident: risk–coverage curve, AURC, AUGRC, coverage at a risk

Importing this imports SciPy, which takes half a second. Only `power` and Newcombe's interval import statsmodels, when
they are called.
"""

from medqa_sweeps.statistics.calibration import brier_score, calibration_error, calibration_values
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
from medqa_sweeps.statistics.proportion import CONFIDENCE, newcombe_interval, standard_error, wilson_interval
from medqa_sweeps.statistics.replicates import (
    Estimate,
    SeedSpread,
    compare_replicates,
    compare_with_untuned,
    estimate,
    estimate_from_accuracies,
    seed_spread,
)
from medqa_sweeps.statistics.selective import (
    FEWEST_ANSWERED,
    CoverageAtRisk,
    RiskCoverage,
    augrc,
    augrc_values,
    aurc,
    coverage_at_risk,
    halves_of,
    risk_coverage,
)
from medqa_sweeps.statistics.simultaneous import (
    LEVEL,
    compare_one_of,
    compare_pairs,
    compare_with_base,
    compare_with_best,
    level_of_a_pair,
)
from medqa_sweeps.statistics.values import compare_values, mean_interval, ratio_values

__all__ = [
    "CONFIDENCE",
    "FEWEST_ANSWERED",
    "LEVEL",
    "CoverageAtRisk",
    "Estimate",
    "PairedDifference",
    "RiskCoverage",
    "SeedSpread",
    "SelectionBias",
    "augrc",
    "augrc_values",
    "aurc",
    "brier_score",
    "calibration_error",
    "calibration_values",
    "compare_answers",
    "compare_counts",
    "compare_one_of",
    "compare_pairs",
    "compare_replicates",
    "compare_values",
    "compare_with_base",
    "compare_with_best",
    "compare_with_untuned",
    "coverage_at_risk",
    "estimate",
    "estimate_from_accuracies",
    "halves_of",
    "level_of_a_pair",
    "mean_interval",
    "newcombe_interval",
    "optimism_of_the_best",
    "p_value_of_better",
    "questions_needed",
    "ratio_values",
    "resolvable_difference",
    "risk_coverage",
    "seed_spread",
    "seeds_needed",
    "selection_bias_of_the_best",
    "standard_error",
    "variance_from_questions",
    "wilson_interval",
]
