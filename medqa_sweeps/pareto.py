"""The Pareto front: which of several results no other result beats in everything at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medqa_sweeps.objective import Direction


def pareto_front(values_NxM: ArrayLike, directions_M: Sequence[Direction]) -> NDArray[np.bool_]:
    """Whether each of N results is on the front, [N]: no other is at least as good in all M values and better in one.

    Equal results are on the front together.

    Args:
        values_NxM: finite numbers, a row per result; N may be 0.
    """
    signs_M = [1.0 if direction is Direction.MINIMIZE else -1.0 for direction in directions_M]
    costs_NxM = np.asarray(values_NxM, dtype=float).reshape(-1, len(signs_M)) * signs_M
    return np.array([not _is_dominated(costs_M, costs_NxM) for costs_M in costs_NxM], dtype=bool)


def _is_dominated(costs_M: NDArray[np.floating], costs_NxM: NDArray[np.floating]) -> bool:
    nowhere_worse_N = (costs_NxM <= costs_M).all(axis=1)
    somewhere_better_N = (costs_NxM < costs_M).any(axis=1)
    return bool((nowhere_worse_N & somewhere_better_N).any())
