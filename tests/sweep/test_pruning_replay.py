"""The replay behind `benchmarks/pruning.py`, over made-up learning curves: what it counts, what pruners make of it."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.pruning import COMPARED, STEPS_UNHEARD, play
from benchmarks.pruning_records import BATCH, RANKS, RATES, Records

SAMPLES = np.array([64, 128, 192, 256])


def made_up(seed: int) -> Records:
    """Rates differ, ranks hardly: a rate that is too high or too low never learns. 200 questions."""
    chance = np.random.default_rng(seed)
    hard = chance.normal(0, 1, 200)
    gold, correct = {}, {}
    for rate, rank in itertools.product(RATES, RANKS):
        learns = {"3e-4": 0.3, "1e-3": 1.0, "3e-3": 2.0, "1e-2": 0.0}[rate] + RANKS.index(rank) * 0.02
        skill = learns * (SAMPLES / 256)[:, None] - hard + chance.normal(0, 0.5, (4, 200))
        gold[rate, rank] = -np.log1p(np.exp(-skill))
        correct[rate, rank] = skill > 0.5
    return Records(seed, SAMPLES, gold, correct)


@pytest.mark.parametrize("order", ["mixed", "typed"])
def test_without_a_pruner_everything_is_trained_and_nothing_lost(order: str) -> None:
    played = play(made_up(0), "none", 2, order)
    assert (played.saved, played.lost, played.cut) == (0, 0, 0)


def test_samples_are_those_at_the_report_and_what_is_trained_before_the_marker_is_seen() -> None:
    """A quarter of the trials answers nothing, and is cut at its first report, after 64 samples."""
    whole = made_up(0)
    correct = {name: np.full((4, 200), name[0] != "1e-2") for name in whole.correct_TxQ}
    played = play(replace(whole, correct_TxQ=correct), "threshold", 2, lower=0.5)
    assert played.cut == 4 and played.saved == pytest.approx(4 * (256 - 64 - STEPS_UNHEARD * BATCH) / (16 * 256))


def test_what_a_winner_that_was_cut_costs() -> None:
    """Of two hundred questions the true winner answers ten that the other does not, and misses none of its."""
    whole = made_up(0)
    right = dict.fromkeys(whole.correct_TxQ, 90) | {("3e-4", "2"): 100}
    correct = {name: np.tile(np.arange(200) < count, (4, 1)) for name, count in right.items()}
    for name in correct:
        correct[name][0] = name != ("3e-4", "2")  # at the first report the winner knows nothing
    played = play(replace(whole, correct_TxQ=correct), "threshold", 2, lower=0.3)
    assert played.lost == pytest.approx(0.05) and not played.kept_the_winner
    assert played.standard_error == pytest.approx(math.sqrt((0.05 - 0.05**2) / 200))


@pytest.mark.parametrize("pruner", sorted({name for name, _ in COMPARED}))
def test_every_pruner_plays(pruner: str) -> None:
    played = play(made_up(1), pruner, 4)
    assert 0 <= played.saved < 1 and (played.cut > 0) is (played.saved > 0)


def test_ours_cuts_what_is_hopeless_and_keeps_the_winner() -> None:
    played = play(made_up(2), "paired_halving", 4)
    assert played.saved > 0.3 and played.kept_the_winner
