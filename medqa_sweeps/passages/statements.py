"""Whether the passages of a trial help, in sentences."""

from collections.abc import Iterator

from medqa_sweeps.passages.effect import PassageEffect
from medqa_sweeps.statistics import PairedDifference
from medqa_sweeps.trial.records import PassageScore
from medqa_sweeps.wording import NOT_RESOLVED, counted, gap, percent, sentences

NO_CONTROLS = "The passages were not compared with the controls, so whether they help is not known."


def statement(score: PassageScore, effect: PassageEffect, configs: int = 1) -> str:
    """What the passages do to one model's answers.

    Args:
        configs: for which the intervals are corrected.
    """
    asked = counted(score.questions, "question")
    accuracies = (
        f"on {asked} with passages: {percent(score.accuracy)} with them, {percent(score.without)} without, "
        f"{percent(score.foreign)} with another question's"
    )
    corrected = f"; intervals corrected for {counted(configs, 'config')}" if configs > 1 else ""
    compared = (
        f"with them {_beside(effect.over_without)} than without, {_beside(effect.over_foreign)} than with another "
        f"question's{corrected}"
    )
    counts = f"they helped in {counted(effect.helped, 'question')} and harmed in {effect.harmed:,}"
    return sentences(_verdict(effect), accuracies, compared, counts, *_details(score))


def _verdict(effect: PassageEffect) -> str:
    if effect.helps:
        return "the passages help: the model is better with them than without, and than with another question's"
    if effect.harms:
        return "the passages harm"
    if effect.over_without.significant:
        return (
            "the passages are not shown to help: the model is better with them than without, and not resolved from "
            "another question's"
        )
    return "the passages are not shown to help"


def _beside(paired: PairedDifference) -> str:
    word = "more" if paired.difference >= 0 else "less"
    size = gap(paired.difference, paired.low, paired.high)
    return f"{size} {word} accurate" + ("" if paired.significant else f" ({NOT_RESOLVED})")


def _details(score: PassageScore) -> Iterator[str]:
    if score.none_found:
        yield f"{counted(score.none_found, 'question')} share no word with any passage and were asked without"
    if score.gold_mentioned is not None and score.wrong_mentioned is not None:
        yield (
            f"the passages name the correct option of {percent(score.gold_mentioned)} of the questions, and "
            f"{percent(score.wrong_mentioned)} of the wrong options"
        )
