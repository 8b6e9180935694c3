"""What a confirming study says, from folders of known right answers; its intervals checked by simulation."""

from pathlib import Path

import numpy as np
import pytest

from analysis.confirmation import confirmation_of, pool, read_confirmed, sentences
from medqa_sweeps.confirmation import ChosenConfig, Confirmation, write_confirmation
from medqa_sweeps.errors import ConfigError
from tests.analysis.trial_folders import complete, right_at, submit


def confirming(folder: Path, right: dict[str, list[int]], chosen: list[float]) -> Path:
    """A confirming study of configs that answered so many of 400 questions, one number a seed."""
    again = folder / "study-confirm"
    seeds = len(next(iter(right.values())))
    numbers = iter(range(100))
    configs = []
    for (settings, counts), accuracy in zip(right.items(), chosen, strict=True):
        trials = [next(numbers) for _ in counts]
        for number, count in zip(trials, counts, strict=True):
            complete(again / str(number), right_at(0, count))
        configs.append(ChosenConfig(settings, [len(configs)], accuracy, trials))
    write_confirmation(again, Confirmation("../study", 6, list(range(1, seeds + 1)), configs))
    return again


def test_the_estimate_is_the_mean_over_fresh_seeds_and_the_optimism_is_shown(tmp_path: Path) -> None:
    again = confirming(tmp_path, {"r=8": [240, 250, 245], "r=16": [200, 190, 195]}, [0.68, 0.66])
    confirmed = read_confirmed(again)
    winner, other = confirmed.configs
    assert winner.pooled and winner.pooled.mean == pytest.approx(245 / 400)
    assert winner.pooled.low < 245 / 400 < winner.pooled.high
    assert winner.optimism == pytest.approx(0.68 - 245 / 400)
    assert other.versus_winner and other.versus_winner.mean == pytest.approx(-50 / 400)
    assert confirmed.order_held and not other.tied_with_winner
    words = sentences(confirmed)
    assert "best 2 of 6 configs of study again, under fresh seeds (1, 2, 3), on 400 validation questions" in words[0]
    assert "r=8: 61.3 % (95 % interval" in words[1] and "60.0 to 62.5 by seed" in words[1]
    assert "chosen with 68.0 %, and is 6.8 points lower" in words[1]
    assert "The order held: r=8 is first again." in words
    assert "r=16 is worse than r=8 by 12.5 points" in words[4]
    assert confirmation_of(tmp_path / "study") == confirmed


def test_an_order_that_did_not_hold_is_said_and_a_tie_is_a_tie(tmp_path: Path) -> None:
    again = confirming(tmp_path, {"r=8": [200, 210], "r=16": [208, 206]}, [0.6, 0.59])
    words = sentences(read_confirmed(again))
    assert "The order did not hold: it is now r=16, then r=8." in words
    assert any("r=8 cannot be told apart from r=16" in one for one in words)


def test_what_has_not_completed_is_not_the_last_word(tmp_path: Path) -> None:
    again = confirming(tmp_path, {"r=8": [200, 210], "r=16": [208, 206]}, [0.6, 0.59])
    (again / "3" / "result.json").unlink()
    confirmed = read_confirmed(again)
    assert not confirmed.complete and not confirmed.order_held
    assert sentences(confirmed)[-1] == "Not the last word: r=16 did not complete under every seed."
    assert confirmed.configs[1].accuracies == (208 / 400,)


def test_a_study_that_nobody_confirmed_has_nothing_to_say(tmp_path: Path) -> None:
    submit(tmp_path / "study" / "0")
    assert confirmation_of(tmp_path / "study") is None
    with pytest.raises(ConfigError, match="confirms no study"):
        read_confirmed(tmp_path / "study")


def test_one_seed_has_the_interval_of_its_questions_and_equal_answers_have_one_too() -> None:
    values = np.array(right_at(0, 240), dtype=float)[:, None]
    alone = pool(values)
    assert (alone.low, alone.high) == pytest.approx((0.552, 0.648), abs=0.002)
    assert 0.98 < pool(np.ones((400, 3))).low < 1 == pool(np.ones((400, 3))).high
    same = pool(np.zeros((400, 3)))
    assert same.low < 0 < same.high


@pytest.mark.parametrize(("seeds", "spread"), [(2, 0.0), (3, 0.0), (3, 0.02), (5, 0.02), (5, 0.05)])
def test_the_interval_holds_the_truth_as_often_as_it_says(seeds: int, spread: float) -> None:
    """Questions of their own difficulty, seeds of their own luck, both drawn anew each time."""
    chance = np.random.default_rng(1)
    held = []
    for _ in range(400):
        difficulty_Qx1 = chance.beta(2, 1.5, size=(400, 1))  # mean 2 / 3.5
        luck_1xS = chance.normal(0, spread, size=(1, seeds))
        right_QxS = chance.random((400, seeds)) < np.clip(difficulty_Qx1 + luck_1xS, 0, 1)
        pooled = pool(right_QxS.astype(float))
        held.append(pooled.low <= 2 / 3.5 <= pooled.high)
    assert np.mean(held) >= 0.928  # 95 % minus two standard errors


def test_equal_configs_are_seldom_called_different() -> None:
    chance = np.random.default_rng(0)
    claims = []
    for _ in range(400):
        difficulty_Qx1 = chance.beta(2, 1.5, size=(400, 1))
        both = [chance.random((400, 3)) < difficulty_Qx1 + chance.normal(0, 0.02, size=(1, 3)) for _ in range(2)]
        pooled = pool(both[0].astype(float) - both[1])
        claims.append(not pooled.low <= 0 <= pooled.high)
    assert np.mean(claims) <= 0.06
