"""Selection bias: the best of N configs was selected by the same questions and seeds that score it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medqa_sweeps.statistics.replicates import Bools, answer_noise, seed_spread

Floats = npt.NDArray[np.floating]

_BLOCK = 2**24  # entries of the [splits, N] table in memory at a time


@dataclass(frozen=True)
class SelectionBias:
    """Expected excess of the highest accuracy over the same config's accuracy on new data; shares."""

    of_questions: float  # on new questions, with the same seeds
    of_both: float | None  # on new questions and with new seeds; None if a config has only one seed


def selection_bias_of_the_best(answers: Sequence[Bools], splits: int = 400, seed: int = 0) -> SelectionBias:
    """The selection bias of the best config's accuracy: due to questions alone, and due to questions and seeds.

    Among equal configs both estimates are unbiased (`benchmarks.luck_of_the_best`: 4 and 15 configs with 2 to 5 seeds,
    within 0.3 points of 1.4 to 4.4). Half of two seeds is one seed, which selects the wrong config more often than two:
    with one of 15 configs ahead by 10 points and 3 points between its two seeds, the estimate is 2.2 points for 0.4.

    Args:
        answers: for each config, whether each question was answered correctly, [S, Q]; S may differ. If S is equal, row
            k must be the same seed in all configs, since effects of a seed on all configs cause no selection bias.
        splits: number of random halvings.

    Raises:
        ValueError: if there are fewer than two questions.
    """
    of_questions = optimism_of_the_best(np.array([correct_SxQ.mean(axis=0) for correct_SxQ in answers]), splits, seed)
    replicated = len(answers) > 1 and all(len(correct_SxQ) > 1 for correct_SxQ in answers)
    return SelectionBias(of_questions, _of_both(answers, splits, seed) if replicated else None)


def optimism_of_the_best(correct: Floats, splits: int = 400, seed: int = 0) -> float:
    """Expected excess of the highest accuracy over the same model's accuracy on new questions; a share.

    The questions are halved at random; the best model on one half is scored on the other, and its loss is averaged. A
    half is noisier than the whole by the square root of 2, so the loss is divided by it. Among equal models this is
    unbiased; with small differences it is too high, by a factor of at most the square root of 2; with one model far
    ahead it is 0, which is correct. Bias due to seeds is not included: only new seeds show it.

    Args:
        correct: share of the seeds with a correct answer to each question, [N, Q]; 0 or 1 for one seed.
        splits: number of random halvings.

    Raises:
        ValueError: if there are fewer than two questions.
    """
    correct_NxQ = np.asarray(correct, dtype=np.float32)
    models, questions = correct_NxQ.shape
    if questions < 2:
        raise ValueError(f"{questions} question(s): half of them must remain for scoring")
    if models < 2:
        return 0.0
    half = questions // 2
    losses = []
    for block in np.array_split(_halves(splits, questions, seed), max(1, splits * models // _BLOCK)):
        chosen_on_BxN = block @ correct_NxQ.T
        left_BxN = correct_NxQ.sum(axis=1) - chosen_on_BxN
        losses.append(_losses(chosen_on_BxN / half, left_BxN / (questions - half)))
    return max(0.0, float(np.mean(np.concatenate(losses)) / np.sqrt(2)))


def _of_both(answers: Sequence[Bools], splits: int, seed: int) -> float:
    """The same with halved seeds too: selected on one half of questions and seeds, scored on the other half of both."""
    questions = answers[0].shape[1]
    half = questions // 2
    in_half_BxQ = _halves(splits, questions, seed)
    most = max(len(correct_SxQ) for correct_SxQ in answers)
    alike = all(len(correct_SxQ) == most for correct_SxQ in answers)
    chosen_on, left = [], []
    for number, correct_SxQ in enumerate(answers):
        seeds = len(correct_SxQ)
        kept = (seeds + 1) // 2
        in_half_BxS = _halves(splits, seeds, seed + 1 + (0 if alike else number), kept)
        correct_BxS = in_half_BxQ @ correct_SxQ.T.astype(np.float32)
        rest_BxS = correct_SxQ.sum(axis=1) - correct_BxS
        chosen_on.append(np.sum(correct_BxS * in_half_BxS, axis=1) / (kept * half))
        left.append(np.sum(rest_BxS * (1 - in_half_BxS), axis=1) / ((seeds - kept) * (questions - half)))
    loss = float(np.mean(_losses(np.stack(chosen_on, axis=1), np.stack(left, axis=1))))
    return max(0.0, loss * _noise_of_all_over_half(answers))


def _halves(splits: int, size: int, seed: int, kept: int | None = None) -> npt.NDArray[np.float32]:
    """[splits, size]: 1 for a random half (or `kept` of them), else 0."""
    in_half = np.zeros((splits, size), dtype=np.float32)
    order = np.random.default_rng(seed).random((splits, size)).argsort(axis=1)
    np.put_along_axis(in_half, order[:, : size // 2 if kept is None else kept], 1, 1)
    return in_half


def _losses(chosen_on_BxN: Floats, left_BxN: Floats) -> Floats:
    """For each split, the accuracy of the best model on the first half minus its accuracy on the second."""
    best_B = chosen_on_BxN.argmax(axis=1)[:, None]
    return (np.take_along_axis(chosen_on_BxN, best_B, 1) - np.take_along_axis(left_BxN, best_B, 1))[:, 0]


def _noise_of_all_over_half(answers: Sequence[Bools]) -> float:
    """Ratio of two standard deviations of chance differences between configs: with all data over with half.

    The variance is the sum of three: of seeds, of questions, and of single answers. The last shrinks with the product
    of both numbers.
    """
    questions, configs = answers[0].shape[1], len(answers)
    seeds = np.array([len(correct_SxQ) for correct_SxQ in answers])
    of_answer = float(np.mean([answer_noise(correct_SxQ) for correct_SxQ in answers]))
    spread = seed_spread([dict(enumerate(correct_SxQ.mean(axis=1))) for correct_SxQ in answers])
    assert spread is not None
    of_seed = max(0.0, spread.paired_variance - of_answer / questions)
    mean_NxQ = np.array([correct_SxQ.mean(axis=0) for correct_SxQ in answers])
    own_NxQ = mean_NxQ - mean_NxQ.mean(axis=0)
    of_question = np.var(own_NxQ, axis=1, ddof=1).mean() * configs / (configs - 1) - of_answer * np.mean(1 / seeds)

    def noise(seeds_N: npt.NDArray[np.integer], questions: int) -> float:
        of_seeds = (of_seed + of_answer / questions) * np.mean(1 / seeds_N)
        return float(of_seeds + max(0.0, of_question) / questions)

    of_half = noise((seeds + 1) // 2, questions // 2)
    return float(np.sqrt(noise(seeds, questions) / of_half)) if of_half > 0 else 0.0
