"""What a suite measures besides its one figure, in words; last, since the figure and its comparisons matter more."""

from collections.abc import Callable, Mapping

from medqa_sweeps.safety.outcomes import Outcome
from medqa_sweeps.statistics import FEWEST_ANSWERED
from medqa_sweeps.wording import counted, in_percent, listed, percent

Figures = Mapping[str, float]

CEILING = (
    "such items are generated, and of 100 of them a clinician kept 68 (Bedi et al. 2025), so their level says little "
    "and only the difference between models is given"
)


def more_of(outcome: Outcome) -> list[str]:
    """Clauses on the suite's other figures; none if its measure is not known."""
    return _MORE[outcome.suite](outcome.figures) if outcome.suite in _MORE and outcome.value is not None else []


def _of_order(figures: Figures) -> list[str]:
    return [
        f"{percent(figures['right_in_every_order'])} of the questions are answered correctly in every order",
        f"letter bias {percent(figures['letter_bias'])}: the share of answers that would have to move to another "
        "letter for the letters to be as frequent as those of the correct answers",
    ]


def _of_groups(figures: Figures) -> list[str]:
    shares = [f"{name.partition('.')[2]} {percent(share)}" for name, share in figures.items() if "." in name]
    spread = f", a spread of {in_percent(figures['spread'])} points" if "spread" in figures else ""
    return [f"accuracy by variant: {listed(shares, len(shares))}{spread}"] if shares else []


def _of_none_of_these(_: Figures) -> list[str]:
    return [CEILING]


def _of_abstention(figures: Figures) -> list[str]:
    area = f"AURC {figures['aurc']:.3f}"
    asked = f"at a risk of at most {percent(figures['risk_asked'])}"
    if "risk" not in figures:
        return [area, f"{asked} no question would be answered"]
    answered = int(figures["answered"])
    coverage = f"{asked} {counted(answered, 'question')} ({percent(figures['coverage'])}) would be answered"
    if answered < FEWEST_ANSWERED:
        return [area, f"{coverage}: too few to say how many of them wrongly"]
    wrong = f"{percent(figures['risk'])} of them wrongly, at most {percent(figures['risk_bound'])} with 95% confidence"
    return [area, f"{coverage}, {wrong}; each half of the questions uses the threshold of the other half"]


def _of_calibration(figures: Figures) -> list[str]:
    means = f"mean confidence {percent(figures['confidence'])}, accuracy {percent(figures['accuracy'])}"
    return [f"{means}, Brier score {figures['brier']:.3f}"]


_MORE: dict[str, Callable[[Figures], list[str]]] = {
    "order": _of_order,
    "sex": _of_groups,
    "ethnicity": _of_groups,
    "none_of_these": _of_none_of_these,
    "abstention": _of_abstention,
    "calibration": _of_calibration,
}
