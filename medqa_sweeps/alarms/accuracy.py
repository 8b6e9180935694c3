"""What is wrong with a trial's accuracy: beside guesses, beside its base, beside an earlier evaluation of its own."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from medqa_sweeps.alarms.alarm import Alarm
from medqa_sweeps.alarms.letters import share_of_guesses
from medqa_sweeps.alarms.tails import at_least, at_most, sign_test
from medqa_sweeps.wording import percent

ABOVE_LEVEL = 0.05  # a trial is above a competitor if that is significant at this level, one-sided
HEALTHY_MARGIN = 0.15  # share of the questions by which a healthy trial is above; half of what is left, if that is less
TOO_FEW_LEVEL = 0.0005  # per competitor, of which there are two
FAVOURED_LEVEL = 0.001
WORSE_LEVEL = 0.0025
LONG_BEFORE = 0.75  # of the last evaluation's samples: an earlier one up to here is long before the end


def not_above_chance(right: Sequence[str], options: Sequence[int], predicted: Sequence[str | None]) -> Alarm | None:
    """An alarm if the accuracy is neither significantly nor plausibly above what takes no knowledge.

    The competitors are guesses, 1 / options per question, and the letter that is most often the right answer, given to
    all questions; it competes where the right answers favour it beyond chance (exact binomial, 1 in 1,000), as some
    letter is always the commonest. The alarm sounds where the trial is not significantly above a competitor (5 %,
    one-sided: exact Poisson-binomial for guesses, exact McNemar for the letter) and has so few right answers as a trial
    15 points above that competitor has at most 5 times in 10,000. Few questions therefore keep it silent.

    False alarms: at most 1 in 1,000 trials whose true accuracy is 15 points above both competitors, or half of the way
    from them to 100 % if that is less. A trial that guesses among four options is found in 95 % of cases with 400
    questions, and in 15 % with 60.
    """
    correct = _correct(right, predicted)
    below = [
        name
        for name, p_value, chances in _competitors(right, options, correct)
        if p_value > ABOVE_LEVEL and _too_few(correct, chances)
    ]
    if not below:
        return None
    counts = f"{sum(correct):,} of {len(right):,} answers are right"
    return Alarm("not_above_chance", f"{counts}, not significantly more than {' or '.join(below)}")


def worse_than_base(right: Sequence[str], base: Sequence[str | None], predicted: Sequence[str | None]) -> Alarm | None:
    """An alarm if the trained model is significantly worse than its own untuned base on the same questions.

    False alarms: at most 1 in 400 trials that are no worse than their base, in McNemar's exact test, one-sided.
    """
    before, after = _correct(right, base), _correct(right, predicted)
    p_value = _p_of_better(before, after)
    if p_value > WORSE_LEVEL:
        return None
    shares = f"accuracy {_share(after)} is below the untuned base's {_share(before)}"
    return Alarm("worse_than_base", f"{shares} on the same questions (p = {p_value:.1g})")


def peaked_early(right: Sequence[str], evaluations: Mapping[int, Sequence[str | None]]) -> Alarm | None:
    """An alarm if an evaluation long before the last one was significantly better than the last one.

    Long before: after at most 75 % of its samples. The peak is the evaluation with the smallest p-value (McNemar's
    exact test on the same questions, one-sided), which is corrected for their number (Bonferroni).

    False alarms: at most 1 in 400 trials that are, at the end, no worse than at any evaluation long before.

    Args:
        right: letter of the right answer, per question.
        evaluations: letters that were chosen, by the training samples seen; the untuned base (0) does not count.
    """
    last = max(evaluations)
    at_the_end = _correct(right, evaluations[last])
    early = {seen: _correct(right, evaluations[seen]) for seen in evaluations if 0 < seen <= LONG_BEFORE * last}
    p_values = {seen: len(early) * _p_of_better(correct, at_the_end) for seen, correct in early.items()}
    peak = min(p_values, key=p_values.__getitem__, default=0)
    if not peak or p_values[peak] > WORSE_LEVEL:
        return None
    peaked = f"accuracy peaked at {_share(early[peak])} after {peak:,} of {last:,} samples"
    return Alarm("peaked_early", f"{peaked} and ended at {_share(at_the_end)} (p = {p_values[peak]:.1g})")


def _competitors(
    right: Sequence[str], options: Sequence[int], correct: Sequence[bool]
) -> Iterator[tuple[str, float, list[float]]]:
    """What takes no knowledge: its name, the p-value of "no better than that", its chances per question."""
    chances = [1 / many for many in options]
    yield f"by guessing ({sum(chances):,.0f} expected)", at_least(sum(correct), chances), chances
    letter, times = Counter(right).most_common(1)[0]
    if _is_favoured(letter, times, options):
        always = [one == letter for one in right]
        name = f"by always answering {letter} ({times:,})"
        yield name, _p_of_better(correct, always), [times / len(right)] * len(right)


def _is_favoured(letter: str, times: int, options: Sequence[int]) -> bool:
    """Whether a letter is the right answer more often than evenly spread right answers explain."""
    share = share_of_guesses(letter, options)
    return max(options) * at_least(times, [share] * len(options)) <= FAVOURED_LEVEL


def _too_few(correct: Sequence[bool], chances: Sequence[float]) -> bool:
    """Whether a trial with a healthy margin over these chances would hardly have so few right answers."""
    healthy = [chance + min(HEALTHY_MARGIN, (1 - chance) / 2) for chance in chances]
    return at_most(sum(correct), healthy) <= TOO_FEW_LEVEL


def _p_of_better(one: Sequence[bool], other: Sequence[bool]) -> float:
    """One-sided p-value of "the one is no more accurate than the other"."""
    counts = Counter(zip(one, other, strict=True))
    return sign_test(counts[True, False], counts[False, True])


def _correct(right: Sequence[str], predicted: Sequence[str | None]) -> list[bool]:
    return [letter == chosen for letter, chosen in zip(right, predicted, strict=True)]


def _share(correct: Sequence[bool]) -> str:
    return percent(sum(correct) / len(correct))
