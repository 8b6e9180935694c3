"""Coins: models without any difference. A family claims one in at most 6.5% of 1,000 simulated studies: a true 5%, and
two of its simulation errors of 0.7%. Their values are drawn as arrays; `test_null_models.py` makes them of lines."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest

from medqa_sweeps.safety.comparisons import against_base, against_original, against_placebo
from medqa_sweeps.safety.outcomes import Outcome
from medqa_sweeps.safety.outcomes.proposals import difference_values
from medqa_sweeps.statistics import PairedDifference, augrc_values, calibration_values, ratio_values

STUDIES, CONFIGS, QUESTIONS, OPTIONS = 1000, 4, 200, 4
MOST = 0.065
RARE = 0.02  # how often the coins of models that are nearly sure fall
IDS = tuple(f"{index:016x}" for index in range(QUESTIONS))
PROPOSED_RIGHT = np.arange(QUESTIONS) % 2 == 0

Random = np.random.Generator
Draw = Callable[[Random], Outcome]


def thrown(random: Random, *shape: int) -> npt.NDArray[np.int64]:
    """A coin's answers; option 0 is correct."""
    return random.integers(OPTIONS, size=(*shape, QUESTIONS))


def changes(random: Random, suite: str, variants: int, again: float = 1.0) -> Outcome:
    """A coin that throws again for each variant with probability `again`, and keeps its answer otherwise."""
    before_Q, other_VxQ = thrown(random), thrown(random, variants)
    after_VxQ = np.where(random.random(other_VxQ.shape) < again, other_VxQ, before_Q)
    changed_Q, after_Q = np.mean(after_VxQ != before_Q, axis=0), np.mean(after_VxQ == 0, axis=0)
    return Outcome(suite, IDS, changed_Q, before_Q=before_Q == 0, after_Q=after_Q, changed_Q=changed_Q)


def order(random: Random) -> Outcome:
    return changes(random, "order", 3)


def rare_order(random: Random) -> Outcome:
    return changes(random, "order", 3, RARE)


def placebo(random: Random) -> Outcome:
    return changes(random, "placebo", 1)


def rare_placebo(random: Random) -> Outcome:
    return changes(random, "placebo", 1, RARE)


def stem_removed(random: Random) -> Outcome:
    return Outcome("stem_removed", IDS, random.dirichlet(np.ones(OPTIONS), QUESTIONS).max(axis=1) - 1 / OPTIONS)


def none_of_these(random: Random, chosen: float = 1 / OPTIONS) -> Outcome:
    hit_Q, false_alarm_Q = random.random((2, QUESTIONS)) < chosen
    return Outcome("none_of_these", IDS, hit_Q.astype(float) - false_alarm_Q)


def rare_none_of_these(random: Random) -> Outcome:
    return none_of_these(random, RARE)


def hint_wrong(random: Random, right: float = 1 / OPTIONS, lost: float = 1 - 1 / OPTIONS) -> Outcome:
    before_Q, (hinted_Q, placebo_Q) = random.random(QUESTIONS) < right, random.random((2, QUESTIONS)) < lost
    beyond_Q = (before_Q & hinted_Q).astype(float) - (before_Q & placebo_Q)
    return Outcome("hint_wrong", IDS, ratio_values(beyond_Q, before_Q))


def rare_hint_wrong(random: Random) -> Outcome:
    return hint_wrong(random, 0.6, RARE)


def hint_right(random: Random, right: float = 0.0, follows: float = 0.5) -> Outcome:
    """Knows the answer to a share of the questions, and throws a coin for the others and for each hint."""
    before_Q = np.where(random.random(QUESTIONS) < right, 0, thrown(random))
    contradicted_HxQ = np.stack([before_Q != 0, before_Q != 1])
    followed_HxQ = contradicted_HxQ & (random.random((2, QUESTIONS)) < follows)
    of_right, of_wrong = (ratio_values(*pair) for pair in zip(followed_HxQ, contradicted_HxQ, strict=True))
    assert of_right is not None and of_wrong is not None
    return Outcome("hint_right", IDS, of_right - of_wrong)


def rare_hint_right(random: Random) -> Outcome:
    return hint_right(random, 0.6, RARE)


def false_confidence(random: Random) -> Outcome:
    return Outcome("false_confidence", IDS, difference_values(random.random(QUESTIONS) < 0.5, PROPOSED_RIGHT))


def rare_false_confidence(random: Random) -> Outcome:
    yes_Q = random.random(QUESTIONS) < np.where(PROPOSED_RIGHT, 1 - RARE, RARE)
    return Outcome("false_confidence", IDS, difference_values(yes_Q, PROPOSED_RIGHT))


def abstention(random: Random) -> Outcome:
    return Outcome("abstention", IDS, augrc_values(random.random(QUESTIONS), thrown(random) == 0))


def calibration(random: Random) -> Outcome:
    confidence_Q = random.uniform(0.25, 1, QUESTIONS)
    return Outcome("calibration", IDS, calibration_values(confidence_Q, random.random(QUESTIONS) < confidence_Q, 10))


def share_with_a_claim(compared: Callable[[Random], Iterator[PairedDifference | None]]) -> float:
    random, claims = np.random.default_rng(18), 0
    for _ in range(STUDIES):
        family = [paired for paired in compared(random) if paired is not None]
        assert len(family) == CONFIGS
        claims += any(paired.significant for paired in family)
    return claims / STUDIES


DRAWS: list[Draw] = [
    *(rare_order, placebo, rare_placebo, stem_removed, none_of_these, rare_none_of_these, hint_wrong, rare_hint_wrong),
    *(hint_right, rare_hint_right, false_confidence, rare_false_confidence, abstention, calibration),
]
RARER = pytest.mark.variant  # the first of each kind runs always: 1,000 studies take 2 s


@pytest.mark.parametrize("draw", [order, *(pytest.param(draw, marks=RARER) for draw in DRAWS)])
def test_a_coin_rarely_differs_from_its_base(draw: Draw) -> None:
    def compared(random: Random) -> Iterator[PairedDifference | None]:
        base = draw(random)
        return (against_base(draw(random), base, CONFIGS) for _ in range(CONFIGS))

    assert share_with_a_claim(compared) <= MOST


@pytest.mark.parametrize("draw", [order, *(pytest.param(draw, marks=RARER) for draw in (rare_order, placebo))])
def test_a_coin_rarely_differs_from_itself_without_the_edit(draw: Draw) -> None:
    def compared(random: Random) -> Iterator[PairedDifference | None]:
        return (against_original(draw(random), CONFIGS) for _ in range(CONFIGS))

    assert share_with_a_claim(compared) <= MOST


@pytest.mark.parametrize(("draw", "other"), [(rare_order, rare_placebo), pytest.param(order, placebo, marks=RARER)])
def test_a_coin_rarely_changes_more_than_with_placebo(draw: Draw, other: Draw) -> None:
    """A plain t-test claims so in 16% of the studies of rare changes: `compare_values`, span."""

    def compared(random: Random) -> Iterator[PairedDifference | None]:
        return (against_placebo(draw(random), other(random), CONFIGS) for _ in range(CONFIGS))

    assert share_with_a_claim(compared) <= MOST


@pytest.mark.variant
def test_a_few_large_differences_are_rarely_told_from_many_small_ones() -> None:
    """Equal means, but the base changes all three answers to 1% of the questions, the others one to 3%."""

    def compared(random: Random) -> Iterator[PairedDifference | None]:
        base = Outcome("order", IDS, (random.random(QUESTIONS) < 0.01).astype(float))
        others = (Outcome("order", IDS, (random.random(QUESTIONS) < 0.03) / 3) for _ in range(CONFIGS))
        return (against_base(other, base, CONFIGS) for other in others)

    assert share_with_a_claim(compared) <= MOST


def test_what_differs_is_found() -> None:
    """12 of 200 answers more change with the edit: a test that never claims anything would pass all of the above."""
    random = np.random.default_rng(3)
    found = [
        against_placebo(changes(random, "order", 3, 0.1), rare_placebo(random), CONFIGS) for _ in range(STUDIES // 10)
    ]
    assert np.mean([paired is not None and paired.significant for paired in found]) > 0.6
