"""How a probe chooses the size of a pass, on a simulated card: a real one is rarely here (`-m gpu` runs on one)."""

import pytest
from hypothesis import given, strategies as st

from medqa_sweeps.worker.probe import Fit, Measure, Measured, fitted

GIB = 2**30


def card(base: float, kept: float, recomputed: float, holds: float, growth: float = 1.0) -> Measure:
    """A card that `holds` so many GiB: the base's, and so many for a question, activations kept or recomputed."""

    def measure(samples: int, recompute: bool) -> Measured | None:
        taken = base + (recomputed if recompute else kept) * samples**growth
        if taken > holds:
            return None
        return Measured(int(taken * GIB), (0.1 + 0.01 * samples) * (1.33 if recompute else 1.0))

    return measure


def test_a_whole_step_in_one_pass_where_it_fits() -> None:
    assert fitted(card(2, 1, 0.1, holds=80), 80 * GIB, 16, None) == Fit(16, False, pytest.approx(0.26))


def test_activations_are_recomputed_where_that_makes_a_question_faster() -> None:
    fit = fitted(card(2, 5, 0.1, holds=16), 16 * GIB, 16, None)
    assert (fit.samples, fit.recompute) == (16, True), "two at a time without, sixteen with"


def test_activations_are_kept_where_passes_are_large_anyway() -> None:
    fit = fitted(card(2, 1, 0.9, holds=16), 16 * GIB, 16, None)
    assert (fit.samples, fit.recompute) == (12, False)


def test_what_was_asked_for_is_done() -> None:
    assert fitted(card(2, 1, 0.1, holds=80), 80 * GIB, 16, True).recompute is True
    assert fitted(card(2, 5, 0.1, holds=16), 16 * GIB, 16, False).samples == 2


def test_running_out_of_memory_on_the_way_makes_it_smaller() -> None:
    fit = fitted(card(2, 1, 1, holds=20, growth=1.5), 20 * GIB, 16, False)
    assert fit.samples == 4, "the third pass of 8 did not fit"


def test_where_nothing_fits_the_training_has_the_word() -> None:
    assert fitted(card(30, 1, 1, holds=20), 20 * GIB, 16, None) == Fit(1, True, 0.0)


@given(
    base=st.floats(0, 10), kept=st.floats(0.01, 8), share=st.floats(0.01, 1), holds=st.floats(8, 80),
    growth=st.floats(0.8, 1.6), samples=st.integers(1, 64),
)  # fmt: skip
def test_a_tenth_stays_free(base: float, kept: float, share: float, holds: float, growth: float, samples: int) -> None:
    measure = card(base, kept, kept * share, holds, growth)
    fit = fitted(measure, int(holds * GIB), samples, None)
    assert 1 <= fit.samples <= samples
    if fit.seconds:
        found = measure(fit.samples, fit.recompute)
        assert found is not None and found.bytes <= 0.9 * holds * GIB
