"""What a confirming study says, from synthetic folders of known right answers."""

from pathlib import Path

import numpy as np
import pytest

from medqa_sweeps.analysis.comparing.confirmation_result import confirmation_of, read_confirmed
from medqa_sweeps.analysis.comparing.confirmation_verdict import confirmation_sentences
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.statistics import compare_answers, compare_replicates, estimate, seed_spread, wilson_interval
from medqa_sweeps.study.confirmation import ChosenConfig, Confirmation, write_confirmation
from tests.analysis.trial_folders import complete, right_at, submit


def confirming(folder: Path, right: dict[str, list[int]], chosen: list[float]) -> Path:
    """A confirming study of ranks, `r=8`, that answered so many of 400 questions, one number a seed."""
    again = folder / "study-confirm"
    seeds = list(range(1, 1 + len(next(iter(right.values())))))
    numbers = iter(range(100))
    configs = []
    for (settings, counts), accuracy in zip(right.items(), chosen, strict=True):
        trials = [next(numbers) for _ in counts]
        for number, count, seed in zip(trials, counts, seeds, strict=True):
            complete(again / str(number), right_at(0, count), lora__r=int(settings.removeprefix("r=")), seed=seed)
        configs.append(ChosenConfig(settings, [len(configs)], accuracy, trials))
    write_confirmation(again, Confirmation("../study", 6, seeds, configs))
    return again


def answers_SxQ(*counts: int) -> np.ndarray:
    return np.array([right_at(0, count) for count in counts])


def test_the_estimate_is_the_mean_over_fresh_seeds_and_the_optimism_is_shown(tmp_path: Path) -> None:
    again = confirming(tmp_path, {"r=8": [240, 250, 245], "r=16": [200, 190, 195]}, [0.68, 0.66])
    confirmed = read_confirmed(again)
    winner, other = confirmed.configs
    assert winner.row and other.row and other.row.versus_best
    assert winner.row.accuracy.accuracy == pytest.approx(245 / 400)
    assert winner.row.accuracy.low < 245 / 400 < winner.row.accuracy.high
    assert winner.optimism == pytest.approx(0.68 - 245 / 400)
    assert other.row.versus_best.difference == pytest.approx(-50 / 400)
    assert confirmed.order_held and other.row.worse
    words = confirmation_sentences(confirmed)
    assert "best 2 of 6 configs of study again, under new seeds (1, 2, 3), on 400 validation questions" in words[0]
    assert words[1].startswith("r=8: selected at 68.0%; with new seeds it averages 61.3% (95% CI ")
    assert words[1].endswith("; 60.0% to 62.5% by seed), 6.8 points less.")
    assert "The order is confirmed: r=8 leads again, and its lead is significant." in words
    assert "r=16 is worse than r=8 by 12.5 points" in words[4]
    assert confirmation_of(tmp_path / "study") is not None


def test_intervals_are_those_of_the_shared_statistics_with_the_seeds_of_all_configs_pooled(tmp_path: Path) -> None:
    """Their coverage is simulated in tests/statistics/test_replicates.py."""
    again = confirming(tmp_path, {"r=8": [240, 250, 245], "r=16": [200, 220, 195]}, [0.68, 0.66])
    first, second = answers_SxQ(240, 250, 245), answers_SxQ(200, 220, 195)
    spread = seed_spread([dict(enumerate(answers.mean(axis=1))) for answers in (first, second)])
    winner, other = (config.row for config in read_confirmed(again).configs)
    assert winner and other
    assert winner.accuracy == estimate(first, spread)
    assert other.versus_best == compare_replicates(second, first, spread)


def test_one_fresh_seed_has_the_interval_of_its_questions(tmp_path: Path) -> None:
    winner, other = (
        one.row for one in read_confirmed(confirming(tmp_path, {"r=8": [240], "r=4": [220]}, [0.6, 0.6])).configs
    )
    assert winner and other
    assert (winner.accuracy.low, winner.accuracy.high) == wilson_interval(240, 400)
    assert other.versus_best == compare_answers(answers_SxQ(220)[0], answers_SxQ(240)[0])


def test_what_is_called_worse_is_corrected_for_the_number_of_configs(tmp_path: Path) -> None:
    """6 questions behind and none ahead: p = 0.016 alone, not enough among eight."""
    again = confirming(tmp_path, {f"r={r}": [250 if r == 8 else 244] for r in range(8, 0, -1)}, [0.6] * 8)
    row = read_confirmed(again).configs[-1].row
    assert row and row.versus_best and row.versus_best.p_value < 0.05 and row.not_resolved


def test_an_order_that_did_not_hold_is_said_and_a_tie_is_a_tie(tmp_path: Path) -> None:
    again = confirming(tmp_path, {"r=8": [200, 210], "r=16": [208, 206]}, [0.6, 0.59])
    words = confirmation_sentences(read_confirmed(again))
    assert "The order changed: r=16 leads now, then r=8." in words
    assert any(one.startswith("r=8 is behind r=16 by") and ": not resolved. " in one for one in words)


def test_what_has_not_completed_is_not_the_last_word(tmp_path: Path) -> None:
    again = confirming(tmp_path, {"r=8": [200, 210], "r=16": [208, 206]}, [0.6, 0.59])
    (again / "3" / "result.json").unlink()
    confirmed = read_confirmed(again)
    assert not confirmed.complete and not confirmed.order_held
    assert confirmation_sentences(confirmed)[-1] == "This is not final: r=16 did not complete under every seed."
    row = confirmed.configs[1].row
    assert row and [trial.name for trial in row.trials] == ["2"]


def test_a_study_that_nobody_confirmed_has_nothing_to_say(tmp_path: Path) -> None:
    submit(tmp_path / "study" / "0")
    assert confirmation_of(tmp_path / "study") is None
    with pytest.raises(ConfigError, match="confirms no study"):
        read_confirmed(tmp_path / "study")


def test_an_order_that_held_by_chance_is_not_called_confirmed(tmp_path: Path) -> None:
    again = confirming(tmp_path, {"r=8": [210, 190], "r=16": [208, 186]}, [0.6, 0.59])
    words = confirmation_sentences(read_confirmed(again))
    assert "r=8 leads again, but its lead is not resolved: chance alone could have kept the order." in words


def test_two_seeds_that_part_widely_are_not_given_an_interval_but_what_they_can_show(tmp_path: Path) -> None:
    """The spread of two configs under two seeds has one degree of freedom: its interval was -100 to 100."""
    again = confirming(tmp_path, {"r=8": [390, 90], "r=16": [100, 370]}, [0.6, 0.59])
    (told,) = [one for one in confirmation_sentences(read_confirmed(again)) if one.startswith("r=16 is behind")]
    assert "-100.0" not in told and "CI" not in told and "100.0" not in told
    assert "2 seeds each cannot resolve any difference" in told
