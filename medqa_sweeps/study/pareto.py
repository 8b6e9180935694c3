"""The Pareto front: the results that no other result dominates."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medqa_sweeps.study.objective import Direction


def pareto_front(values_NxM: ArrayLike, directions_M: Sequence[Direction]) -> NDArray[np.bool_]:
    """Whether each of N results is on the front, [N]: no other is at least as good in all M values and better in one.

    Equal results are either all on the front or none.

    Args:
        values_NxM: finite numbers, a row per result; N may be 0.
    """
    signs_M = [1.0 if direction is Direction.MINIMIZE else -1.0 for direction in directions_M]
    costs_NxM = np.asarray(values_NxM, dtype=float).reshape(-1, len(signs_M)) * signs_M
    is_on_N = np.zeros(len(costs_NxM), dtype=bool)
    front_MxF, size = np.empty_like(costs_NxM.T, order="C"), 0
    for index in np.lexsort(costs_NxM.T[::-1]):  # a result that dominates another comes before it
        if not _is_dominated(costs_NxM[index], front_MxF[:, :size]):
            front_MxF[:, size], is_on_N[index], size = costs_NxM[index], True, size + 1
    return is_on_N


def _is_dominated(costs_M: NDArray[np.floating], front_MxF: NDArray[np.floating]) -> bool:
    nowhere_worse_F = (front_MxF <= costs_M[:, None]).all(axis=0)
    somewhere_better_F = (front_MxF < costs_M[:, None]).any(axis=0)
    return bool((nowhere_worse_F & somewhere_better_F).any())
