"""How much of the best one's score is luck: the best of N was picked on the questions that score it."""

import numpy as np
import numpy.typing as npt

_BLOCK = 2**24  # entries of the [splits, N] table that are held at a time


def optimism_of_the_best(correct: npt.NDArray[np.floating], splits: int = 400, seed: int = 0) -> float:
    """By how much the highest accuracy is expected to exceed the same model's accuracy on new questions; a share.

    The questions are cut in halves at random; what is best on one half is scored on the other, and loses something.
    A half is noisier than the whole by the square root of 2, which the loss is divided by. Among equal models that is
    right on average; where a few are a little apart it says too much, by the square root of 2 at most; where one is
    far ahead it is 0, as it should be. The luck of seeds is not in it: only new seeds show that.

    Args:
        correct: share of the seeds under which each question was answered correctly, [N, Q]; 0 or 1 for one seed.
        splits: random halvings.

    Raises:
        ValueError: if there are fewer than two questions.
    """
    correct_NxQ = np.asarray(correct, dtype=np.float32)
    models, questions = correct_NxQ.shape
    if questions < 2:
        raise ValueError(f"{questions} question(s): half of them must be left to score on")
    if models < 2:
        return 0.0
    half = questions // 2
    in_half_BxQ = np.zeros((splits, questions), dtype=np.float32)
    np.put_along_axis(
        in_half_BxQ, np.random.default_rng(seed).random((splits, questions)).argsort(axis=1)[:, :half], 1, 1
    )
    losses = []
    for block in np.array_split(in_half_BxQ, max(1, splits * models // _BLOCK)):
        chosen_on_BxN = block @ correct_NxQ.T
        left_BxN = correct_NxQ.sum(axis=1) - chosen_on_BxN
        best_B = chosen_on_BxN.argmax(axis=1)[:, None]
        gained = np.take_along_axis(chosen_on_BxN, best_B, 1) / half
        losses.append(gained - np.take_along_axis(left_BxN, best_B, 1) / (questions - half))
    return max(0.0, float(np.mean(np.concatenate(losses)) / np.sqrt(2)))
