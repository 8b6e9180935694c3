"""Alarms about a trial's accuracy, compared with guessing, with its base, and with its own earlier evaluations."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from medqa_sweeps.alarms.alarm import Alarm
from medqa_sweeps.alarms.letters import share_of_guesses
from medqa_sweeps.alarms.tails import at_least, at_most, sign_test
from medqa_sweeps.wording import p_value as p_text, percent

ABOVE_LEVEL = 0.05  # a trial is above a baseline if the difference is significant at this level, one-sided
HEALTHY_MARGIN = 0.15  # a healthy trial's lead, a share of the questions; at most half of the rest to 100%
TOO_FEW_LEVEL = 0.0005  # per baseline; there are two
FAVOURED_LEVEL = 0.001
WORSE_LEVEL = 0.0025
LONG_BEFORE = 0.75  # share of the last evaluation's samples; evaluations up to here are long before the end


def not_above_chance(gold: Sequence[str], options: Sequence[int], predicted: Sequence[str | None]) -> Alarm | None:
    """An alarm if the accuracy is neither significantly nor plausibly above a baseline that needs no knowledge.

    The baselines are guessing (1 / options per question) and always answering the most frequent gold letter. The second
    applies only if the gold letters favour that letter significantly (exact binomial, 1 in 1,000), since some letter is
    always the most frequent. The alarm is raised if the trial is not significantly above a baseline (5%, one-sided:
    exact Poisson-binomial for guessing, exact McNemar for the letter) and has so few correct answers that a trial 15
    points above that baseline has them at most 5 times in 10,000. With few questions it is therefore never raised.

    False alarms: at most 1 in 1,000 trials whose true accuracy is 15 points above both baselines, or halfway from them
    to 100% if that is less. Of trials that guess among four options it detects 95% with 400 questions and 15% with 60.
    """
    correct = _correct(gold, predicted)
    below = [
        name
        for name, p_value, chances in _baselines(gold, options, correct)
        if p_value > ABOVE_LEVEL and _too_few(correct, chances)
    ]
    if not below:
        return None
    counts = f"{sum(correct):,} of {len(gold):,} answers are correct"
    return Alarm("not_above_chance", f"{counts}, not significantly more than {' or '.join(below)}")


def worse_than_base(gold: Sequence[str], base: Sequence[str | None], predicted: Sequence[str | None]) -> Alarm | None:
    """An alarm if the trained model is significantly worse than its own untuned base on the same questions.

    False alarms: at most 1 in 400 trials that are no worse than their base (McNemar's exact test, one-sided).
    """
    before, after = _correct(gold, base), _correct(gold, predicted)
    p_value = _p_of_better(before, after)
    if p_value > WORSE_LEVEL:
        return None
    shares = f"accuracy {_share(after)} is below the untuned base's {_share(before)}"
    return Alarm("worse_than_base", f"{shares} on the same questions ({p_text(p_value)})")


def peaked_early(gold: Sequence[str], evaluations: Mapping[int, Sequence[str | None]]) -> Alarm | None:
    """An alarm if an evaluation long before the last one was significantly better than the last one.

    Long before means: after at most 75% of its samples. The peak is the evaluation with the smallest p-value (exact
    McNemar test on the same questions, one-sided), Bonferroni-corrected for the number of such evaluations.

    False alarms: at most 1 in 400 trials that are no worse at the end than at any evaluation long before.

    Args:
        gold: gold letter of each question.
        evaluations: predicted letters, by training samples seen; the untuned base (0) is ignored.
    """
    last = max(evaluations)
    at_the_end = _correct(gold, evaluations[last])
    early = {seen: _correct(gold, evaluations[seen]) for seen in evaluations if 0 < seen <= LONG_BEFORE * last}
    p_values = {seen: len(early) * _p_of_better(correct, at_the_end) for seen, correct in early.items()}
    peak = min(p_values, key=p_values.__getitem__, default=0)
    if not peak or p_values[peak] > WORSE_LEVEL:
        return None
    peaked = f"accuracy peaked at {_share(early[peak])} after {peak:,} of {last:,} samples"
    return Alarm("peaked_early", f"{peaked} and ended at {_share(at_the_end)} ({p_text(p_values[peak])})")


def _baselines(
    gold: Sequence[str], options: Sequence[int], correct: Sequence[bool]
) -> Iterator[tuple[str, float, list[float]]]:
    """The baselines: name, p-value of "the trial is no better", probability of a correct answer per question."""
    chances = [1 / many for many in options]
    yield f"by guessing ({sum(chances):,.0f} expected)", at_least(sum(correct), chances), chances
    letter, times = Counter(gold).most_common(1)[0]
    if _is_favoured(letter, times, options):
        always = [one == letter for one in gold]
        name = f"by always answering {letter} ({times:,})"
        yield name, _p_of_better(correct, always), [times / len(gold)] * len(gold)


def _is_favoured(letter: str, times: int, options: Sequence[int]) -> bool:
    """Whether a letter is the gold answer significantly more often than evenly distributed gold letters would be."""
    share = share_of_guesses(letter, options)
    return max(options) * at_least(times, [share] * len(options)) <= FAVOURED_LEVEL


def _too_few(correct: Sequence[bool], chances: Sequence[float]) -> bool:
    """Whether a trial with a healthy lead over these probabilities would rarely have so few correct answers."""
    healthy = [chance + min(HEALTHY_MARGIN, (1 - chance) / 2) for chance in chances]
    return at_most(sum(correct), healthy) <= TOO_FEW_LEVEL


def _p_of_better(one: Sequence[bool], other: Sequence[bool]) -> float:
    """One-sided p-value of "the first is no more accurate than the second"."""
    counts = Counter(zip(one, other, strict=True))
    return sign_test(counts[True, False], counts[False, True])


def _correct(gold: Sequence[str], predicted: Sequence[str | None]) -> list[bool]:
    return [letter == chosen for letter, chosen in zip(gold, predicted, strict=True)]


def _share(correct: Sequence[bool]) -> str:
    return percent(sum(correct) / len(correct))
