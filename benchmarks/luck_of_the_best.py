"""What being picked adds to the best accuracy of N, in truth and as estimated; several seeds per config, simulated.

    python -m benchmarks.luck_of_the_best

400 questions. In truth: the accuracy of the best minus what it would be for endless questions and seeds, without what
the questions that were drawn give to all configs alike. Ten minutes on two cores.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from benchmarks.comparisons_with_best import BEST, STANDS_ON, answers_of_seeds, equal, ladder
from benchmarks.record import store
from medqa_sweeps.statistics import selection_bias_of_the_best

STUDIES = 300


def one_ahead(configs: int) -> npt.NDArray[np.floating]:
    return np.where(np.arange(configs) < 1, 0.0, 0.10)


SCENARIOS: dict[str, Callable[[int], npt.NDArray[np.floating]]] = {
    "equal": equal,
    "half a point apart": ladder,
    "one 10 points ahead": one_ahead,
}


@dataclass
class Luck:
    """In points, means over studies."""

    scenario: str
    configs: int
    seeds: int
    deviation: float  # between seeds, points
    in_truth: float
    standard_error: float  # of that
    estimated: float  # of questions and seeds
    spread: float  # standard deviation of that estimate from study to study
    of_questions: float  # estimated, of questions alone


def luck(scenario: str, configs: int, seeds: int, deviation: float) -> Luck:
    random = np.random.default_rng([configs, seeds, round(1000 * deviation)])
    accuracy_N = BEST - SCENARIOS[scenario](configs)
    latent = deviation / stats.norm.pdf(stats.norm.ppf(BEST))
    truth_N = stats.norm.cdf(stats.norm.ppf(accuracy_N) / np.sqrt(1 + latent**2))
    in_truth, both, questions = [], [], []
    for _ in range(STUDIES):
        answers = answers_of_seeds(random, accuracy_N, seeds, deviation)
        beyond_N = answers.mean(axis=(1, 2)) - truth_N
        in_truth.append(beyond_N[answers.mean(axis=(1, 2)).argmax()] - beyond_N.mean())
        estimated = selection_bias_of_the_best(list(answers), splits=200)
        both.append(estimated.of_both)
        questions.append(estimated.of_questions)
    points = [100 * np.array(values, dtype=float) for values in (in_truth, both, questions)]
    mean = [round(float(values.mean()), 2) for values in points]
    error, spread = float(points[0].std() / np.sqrt(STUDIES)), float(points[1].std())
    return Luck(scenario, configs, seeds, 100 * deviation, mean[0], round(error, 2), mean[1], round(spread, 2), mean[2])


def main() -> None:
    made = [
        luck(scenario, configs, seeds, deviation)
        for scenario in SCENARIOS
        for configs in (4, 15)
        for seeds in (2, 3, 5)
        for deviation in (0.0, 0.01, 0.03)
    ]
    print("| configs | N | seeds | points between seeds | in truth | estimated | of questions alone |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for one in made:
        print(
            f"| {one.scenario} | {one.configs} | {one.seeds} | {one.deviation:.0f} | {one.in_truth:.1f} "
            f"| {one.estimated:.1f} | {one.of_questions:.1f} |"
        )
    print(f"Stored in {store('luck_of_the_best', [asdict(one) for one in made], STANDS_ON)}")


if __name__ == "__main__":
    main()
