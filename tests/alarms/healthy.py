"""Simulated answers of models that are healthy, or broken in one known way."""

import numpy as np

LETTERS = "ABCD"


def gold_letters(questions: int, random: np.random.Generator, shares: tuple[float, ...] = (0.25,) * 4) -> list[str]:
    """Letters of the gold letters."""
    return [str(letter) for letter in random.choice(list(LETTERS), questions, p=shares)]


def chosen(gold: list[str], accuracy: float, random: np.random.Generator) -> list[str | None]:
    """A healthy model's letters: the gold one with probability `accuracy`, each other one equally often."""
    knows, shift = random.random(len(gold)) < accuracy, random.integers(1, 4, len(gold))
    return [
        letter if known else LETTERS[(LETTERS.index(letter) + int(other)) % 4]
        for letter, known, other in zip(gold, knows, shift, strict=True)
    ]


def retrained(base: list[str | None], anew: list[str | None], changed: float, random: np.random.Generator) -> list:
    """The base's letters, each replaced by the letter of `anew` with probability `changed`."""
    return [
        new if again else old for old, new, again in zip(base, anew, random.random(len(base)) < changed, strict=True)
    ]
