"""The loss that never fell: healthy losses simulated, so that the rate in its docstring is seen."""

import numpy as np
import pytest

from medqa_sweeps.alarms.loss import FEWEST_LINES, loss_never_fell

TRIALS = 4000
NOISE = {
    "normal": lambda random, lines: random.normal(size=lines),
    "heavy": lambda random, lines: random.laplace(0, 0.5**0.5, lines),
}


def rate(shape: np.ndarray, noise: str = "normal", trials: int = TRIALS) -> float:
    """Share of trials that sound the alarm with losses of this shape, in standard deviations of a line's noise."""
    random = np.random.default_rng(0)
    alarms = sum(
        loss_never_fell((shape + NOISE[noise](random, len(shape))).tolist()) is not None for _ in range(trials)
    )
    return alarms / trials


def falls(lines: int, by: float = 2.0) -> np.ndarray:
    """Flat, then falling through the middle third, then flat."""
    return -by * np.clip(3 * np.linspace(0, 1, lines) - 1, 0, 1)


@pytest.mark.parametrize("lines", [18, 20, 26, 90])
@pytest.mark.parametrize("noise", sorted(NOISE))
def test_a_falling_loss_is_healthy(lines: int, noise: str) -> None:
    assert rate(falls(lines), noise, TRIALS if lines < 90 else 500) <= 0.002, (
        "1 in 1,000, and what 4,000 trials may vary"
    )


@pytest.mark.parametrize("lines", [18, 26])
def test_so_is_one_that_falls_at_once(lines: int) -> None:
    assert rate(6.0 * (np.arange(lines) == 0)) <= 0.001


@pytest.mark.parametrize("lines", [18, 26])
def test_flat_and_rising_losses_are_found(lines: int) -> None:
    assert 0.5 < rate(np.zeros(lines)) < 0.75
    assert rate(np.linspace(0, 2, lines)) > 0.98


def test_what_it_says() -> None:
    rising = [1.0 + number / 100 for number in range(FEWEST_LINES)]
    alarm = loss_never_fell(rising)
    assert alarm is not None and alarm.sentence == (
        "the training loss did not fall: median 1.025 in the first third, 1.145 in the last"
    )
    assert loss_never_fell(rising[1:]) is None, "too few lines"
    assert loss_never_fell(rising[::-1]) is None
    assert loss_never_fell([]) is None


def test_one_outlier_changes_nothing() -> None:
    falling = [2.0 - number / 100 for number in range(24)]
    assert loss_never_fell([*falling[:-1], 50.0]) is None
    assert loss_never_fell([*falling[::-1][:5], 0.1, *falling[::-1][6:]]) is not None
