"""Kept under edits: questions answered correctly before and under every edit that keeps the correct answer."""

from collections.abc import Collection

import numpy as np

from medqa_sweeps.safety.outcomes.answers import ModelAnswers
from medqa_sweeps.statistics import Estimate, estimate


def kept_answers(answers: ModelAnswers, keeping: Collection[tuple[str, str]]) -> dict[str, bool]:
    """By question id, whether it is answered correctly before and under every such variant that applies to it.

    Args:
        keeping: (suite, variant) of the variants that keep the answer. Questions without an answer to any of them are
            not in the result.
    """
    found = {}
    for id_ in dict.fromkeys(id_ for suite, _ in keeping for id_ in answers.edited.get(suite, {})):
        lines = [line for suite in answers.edited.values() for line in suite.get(id_, [])]
        answered = [line for line in lines if (line.suite, line.variant) in keeping and line.skipped is None]
        if answered and id_ in answers.original:
            found[id_] = answers.was_right(id_) and all(line.right for line in answered)
    return found


def kept(answers: ModelAnswers, keeping: Collection[tuple[str, str]]) -> Estimate | None:
    """The share of such questions with Wilson's 95% interval; None if there is no question."""
    found = kept_answers(answers, keeping)
    return estimate(np.array(list(found.values()))) if found else None
