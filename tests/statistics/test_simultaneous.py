"""Comparisons with the best of many: claims and intervals agree, false claims are rare, and true ones are found."""

import math
import warnings
from collections.abc import Callable
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from benchmarks.comparisons_with_best import mixed
from benchmarks.procedures import PROCEDURES, drawn as benchmarked
from medqa_sweeps.statistics import (
    compare_answers,
    compare_pairs,
    compare_replicates,
    compare_with_base,
    compare_with_best,
    level_of_a_pair,
    seed_spread,
)

Bools = npt.NDArray[np.bool_]


def best_first(answers: list[Bools]) -> list[Bools]:
    return sorted(answers, key=lambda correct_SxQ: -correct_SxQ.mean())


def drawn(
    random: np.random.Generator, below: list[float], questions: int = 400, seeds: int = 1, deviation: float = 0.0
) -> list[Bools]:
    """[S, Q] of each config, by a latent threshold; two equal configs of one seed differ on 23 % of the questions."""
    ease_Q = math.sqrt(0.75) * random.standard_normal(questions)
    noise = math.sqrt(0.25) * random.standard_normal((len(below), seeds, questions))
    shift = random.normal(0, deviation, (len(below), seeds, 1))
    return list(ease_Q + noise < stats.norm.ppf(0.6 - np.array(below))[:, None, None] + shift / 0.39)


studies_of_one_seed = st.builds(
    lambda seed, configs, questions: best_first(
        drawn(np.random.default_rng(seed), list(np.linspace(0, 0.4, configs)), questions)
    ),
    st.integers(0, 10**6),
    st.integers(2, 8),
    st.sampled_from([1, 2, 10, 60, 400]),
)
studies_of_seeds = st.builds(
    lambda seed, configs, seeds: best_first(
        drawn(np.random.default_rng(seed), list(np.linspace(0, 0.4, configs)), 60, seeds, 0.02)
    ),
    st.integers(0, 10**6),
    st.integers(2, 5),
    st.integers(2, 4),
)


@given(st.one_of(studies_of_one_seed, studies_of_seeds), st.sampled_from([0, 1, 50, 5000]))
@settings(max_examples=60, deadline=None)
def test_a_claim_is_an_interval_that_excludes_0(answers: list[Bools], more: int) -> None:
    spread = seed_spread([dict(enumerate(rows.mean(axis=1))) for rows in answers])
    configs = len(answers) + more
    base = answers[-1][0]
    for paired in (
        *compare_with_best(answers, configs, spread),
        *compare_pairs(answers, configs, spread).values(),
        *(compare_with_base(config, base, configs, spread) for config in answers),
    ):
        assert paired.significant == (paired.p_adjusted < 0.05) == (paired.p_value < 1 - paired.confidence)
        assert -1 <= paired.low <= paired.difference <= paired.high <= 1
        assert paired.p_value <= paired.p_adjusted <= 1


@given(studies_of_one_seed)
@settings(max_examples=30, deadline=None)
def test_whoever_is_closer_to_the_best_is_not_worse_alone(answers: list[Bools]) -> None:
    """No config is called worse where one with a smaller p-value is not."""
    compared = sorted(compare_with_best(answers, len(answers)), key=lambda paired: paired.p_value)
    assert [paired.significant for paired in compared] == sorted((p.significant for p in compared), reverse=True)


def false_claims(
    compare: Callable[[list[Bools]], list[bool]], studies: int, below: list[float], seed: int, **drawing: float
) -> float:
    """Share of studies in which a config that is as good as the one picked as the best is called worse."""
    random = np.random.default_rng(seed)
    wrong = 0
    for _ in range(studies):
        answers = drawn(random, below, **drawing)  # type: ignore[arg-type]
        order = sorted(range(len(below)), key=lambda config: -answers[config].mean())
        claims = compare([answers[config] for config in order])
        wrong += any(
            claim and below[config] <= below[order[0]] for claim, config in zip(claims, order[1:], strict=True)
        )
    return wrong / studies


def claims_of(answers: list[Bools]) -> list[bool]:
    spread = seed_spread([dict(enumerate(rows.mean(axis=1))) for rows in answers])
    return [paired.significant for paired in compare_with_best(answers, len(answers), spread)]


def claims_uncorrected(answers: list[Bools]) -> list[bool]:
    return [compare_replicates(other, answers[0]).significant for other in answers[1:]]


def claims_by_holm(answers: list[Bools]) -> list[bool]:
    p_values = [compare_replicates(one, other).p_value for one, other in combinations(answers, 2)]
    adjusted = multipletests(p_values, method="holm")[1]
    return [bool(p < 0.05) for p in adjusted[: len(answers) - 1]]  # the pairs of the first come first


def slack(studies: int) -> float:
    """Three Monte Carlo standard errors of a rate of 5 %."""
    return 3 * math.sqrt(0.05 * 0.95 / studies)


@pytest.mark.parametrize(
    "below",
    [[0.0] * 4, [0.0] * 15, [0.0, 0.0, *[0.2] * 6], [0.0] * 4 + [0.1] * 4, list(0.005 * np.arange(8))],
    ids=["4 equal", "15 equal", "2 equal, 6 far below", "4 equal, 4 below", "ladder"],
)
def test_false_claims_over_a_study_stay_at_5_percent(below: list[float]) -> None:
    """300 studies. Uncorrected, the best of 15 equal configs is called better than another in three of four."""
    assert false_claims(claims_of, 300, below, seed=41) <= 0.05 + slack(300)


def test_these_studies_would_show_a_family_that_is_not_corrected() -> None:
    assert false_claims(claims_uncorrected, 100, [0.0] * 15, seed=41) > 0.5


@pytest.mark.parametrize(("configs", "seeds"), [(2, 2), (4, 2), (4, 3)])
def test_false_claims_stay_at_5_percent_where_seeds_vary(configs: int, seeds: int) -> None:
    """300 studies with 5 points between seeds. With Satterthwaite's degrees of freedom 7 % for 4 configs of 2 seeds."""
    assert false_claims(claims_of, 300, [0.0] * configs, seed=42, seeds=seeds, deviation=0.05) <= 0.05 + slack(300)


def test_more_is_found_than_by_holm_over_all_pairs() -> None:
    """15 configs, 5, 10 and 20 points below the best: of those 5 points below, the one finds a third, Holm a tenth."""
    below = [0.0, *([0.10, 0.05, 0.20] * 5)[:14]]
    random = np.random.default_rng(43)
    found = np.zeros((2, 15))
    for _ in range(40):
        answers = drawn(random, below)
        order = sorted(range(15), key=lambda config: -answers[config].mean())
        ranked = [answers[config] for config in order]
        for which, claims in enumerate((claims_of(ranked), claims_by_holm(ranked))):
            found[which, order[1:]] += claims
    ours, holm = found[:, np.isclose(below, 0.05)].mean(axis=1) / 40
    assert ours > 0.2 and ours > 2 * holm
    assert found[0].sum() > found[1].sum()


def test_the_order_given_does_not_matter() -> None:
    answers = best_first(drawn(np.random.default_rng(44), [0.0, 0.05, 0.1, 0.2, 0.02]))
    forward = compare_with_best(answers, 5)
    assert compare_with_best([answers[0], *answers[:0:-1]], 5) == forward[::-1]


def test_equal_answers_are_not_resolved() -> None:
    same = drawn(np.random.default_rng(45), [0.0])[0]
    for paired in compare_with_best([same] * 4, 4):
        assert (paired.difference, paired.p_adjusted, paired.significant) == (0, 1, False)
    seeds = np.repeat(same, 3, axis=0)
    for paired in compare_with_best([seeds] * 4, 4, seed_spread([{0: 0.5, 1: 0.5, 2: 0.5}] * 4)):
        assert (paired.difference, paired.p_adjusted, paired.significant) == (0, 1, False)


def test_configs_of_equal_answers_have_equal_intervals_and_p_values() -> None:
    """Also where the first of them leaves fewer configs for the second, of which a smaller p-value would come."""
    best, worse, nearer = drawn(np.random.default_rng(52), [0.0, 0.2, 0.12])
    first, _, second = compare_with_best([best, worse, nearer, worse], 4)
    assert first == second and first.significant


def test_a_nearer_config_has_no_smaller_corrected_p_value() -> None:
    """6 and 5 questions behind and none ahead. The second step alone would give 0.031, after 0.041 of the first."""
    best = np.ones((1, 400), dtype=bool)
    six, five = (np.arange(400)[None] >= behind for behind in (6, 5))
    farther, nearer = compare_with_best([best, six, five], 3)
    assert farther.p_value < nearer.p_value < farther.p_adjusted == nearer.p_adjusted < 0.05


@pytest.mark.parametrize("seeds", [1, 3])
def test_one_question_resolves_nothing(seeds: int) -> None:
    right, wrong = np.ones((seeds, 1), dtype=bool), np.zeros((seeds, 1), dtype=bool)
    (paired,) = compare_with_best([right, wrong], 2)
    assert not paired.significant and paired.low == -1
    assert not compare_with_base(right, wrong[0], 2).significant


def test_one_config_is_compared_with_none() -> None:
    answers = drawn(np.random.default_rng(46), [0.0])
    assert compare_with_best(answers, 1) == [] and compare_pairs(answers, 1) == {}


def test_two_configs_are_compared_as_ever() -> None:
    first, second = best_first(drawn(np.random.default_rng(47), [0.0, 0.08]))
    (paired,) = compare_with_best([first, second], 2)
    assert paired == compare_answers(second[0], first[0])


def test_configs_that_are_not_read_keep_the_level_strict() -> None:
    """Of 5,000 configs 3 are read. They may be called worse, one after the other, but 4,998 could still be the best."""
    answers = best_first(drawn(np.random.default_rng(48), [0.0, 0.2, 0.3]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nearer, farther = compare_with_best(answers, 5000)
        everyone = compare_pairs(answers, 5000)
    assert farther.confidence == 1 - level_of_a_pair(5000) > nearer.confidence
    assert nearer.confidence == pytest.approx(1 - level_of_a_pair(4999), abs=1e-12)
    assert {paired.confidence for paired in everyone.values()} == {farther.confidence}
    assert (everyone[0, 2].difference, everyone[0, 2].low) == pytest.approx((-farther.difference, -farther.high))


@pytest.mark.parametrize("configs", [2, 3, 15, 60, 10_000])
def test_the_range_of_equal_configs_exceeds_the_level_in_5_percent(configs: int) -> None:
    """The distribution of the range of independent normals, integrated here by hand."""
    width = math.sqrt(2) * stats.norm.isf(level_of_a_pair(configs) / 2)
    lowest = np.linspace(-10, 10, 20_001)
    inside = stats.norm.cdf(lowest + width) - stats.norm.cdf(lowest)
    held = np.trapezoid(configs * stats.norm.pdf(lowest) * inside ** (configs - 1), lowest)
    assert held == pytest.approx(0.95, abs=1e-6)


def test_all_pairs_are_corrected_alike() -> None:
    answers = drawn(np.random.default_rng(49), [0.0, 0.05, 0.1])
    compared = compare_pairs(answers, 15)
    assert set(compared) == set(combinations(range(3), 2))
    for (one, other), paired in compared.items():
        alone = compare_answers(answers[one][0], answers[other][0])
        assert (paired.difference, paired.p_value) == (alone.difference, alone.p_value)
        assert paired.low < alone.low and alone.high < paired.high and paired.p_adjusted > alone.p_value


def test_a_base_is_corrected_for_by_bonferroni_and_has_no_luck_of_seeds() -> None:
    config, base = drawn(np.random.default_rng(50), [0.0, 0.1], seeds=3, deviation=0.03)
    spread = seed_spread([dict(enumerate(config.mean(axis=1)))])
    paired = compare_with_base(config, base[0], 8, spread)
    assert paired.p_adjusted == min(1, 8 * paired.p_value) and paired.confidence == pytest.approx(1 - 0.05 / 8)
    twice = compare_replicates(config, np.repeat(base[:1], 3, axis=0), spread, False, paired.confidence)
    assert paired.high - paired.low < twice.high - twice.low and paired.difference == pytest.approx(twice.difference)


@pytest.mark.parametrize(("configs", "given"), [(2, 3), (0, 0)])
def test_more_answers_than_configs_are_refused(configs: int, given: int) -> None:
    answers = [np.ones((1, 4), dtype=bool)] * given
    with pytest.raises(ValueError, match=f"configs={configs}, but answers of {given}"):
        compare_with_best(answers, configs)


def test_the_benchmark_measures_this_procedure() -> None:
    """Its vectorised claims are those of `compare_with_best`, on 20 studies of 8 configs."""
    accuracies = 0.6 - mixed(8)
    studies = benchmarked(np.random.default_rng(51), accuracies, clusters=True, studies=20, questions=200)
    claims_BxN = PROCEDURES["Tukey, step-down"](studies)
    for correct_NxQ, best, claims_N in zip(studies.correct_BxNxQ > 0, studies.best_B, claims_BxN, strict=True):
        others = [config for config in range(8) if config != best]
        compared = compare_with_best([correct_NxQ[[config]] for config in (best, *others)], 8)
        assert [paired.significant for paired in compared] == claims_N[others].tolist()
    assert claims_BxN.any()


@pytest.mark.parametrize(("configs", "questions"), [(3, 100), (4, 200), (8, 400)])
def test_a_corrected_p_value_is_never_the_uncorrected_one(configs: int, questions: int) -> None:
    """SciPy's tail of the range is 0 where p is tiny, and the corrected value was p itself."""
    answers = [np.array([[True] * questions]), *[np.array([[False] * questions])] * (configs - 1)]
    for paired in compare_with_best(answers, configs):
        assert 0 < paired.p_value < 1e-20
        assert paired.p_adjusted == pytest.approx(math.comb(configs, 2) * paired.p_value, abs=0)
