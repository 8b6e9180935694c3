"""Whether the passages of a trial help, in sentences."""

from collections.abc import Iterator

from medqa_sweeps.passages.effect import PassageEffect
from medqa_sweeps.statistics import PairedDifference
from medqa_sweeps.trial.records import PassageScore
from medqa_sweeps.wording import NOT_RESOLVED, counted, gap, percent, sentences

_ANOTHERS = "with another question's"
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
        f"with them {beside(effect.over_without, 'without')}, {beside(effect.over_foreign, _ANOTHERS)}{corrected}"
    )
    counts = f"they helped in {counted(effect.helped, 'question')} and harmed in {effect.harmed:,}"
    return sentences(f"the passages {claim(effect)}{_why(effect)}", accuracies, compared, counts, *_details(score))


def in_a_sentence(effect: PassageEffect, passages: str = "the passages", model: str = "the model") -> str:
    """The claim with both differences, without a capital letter or a full stop.

    Args:
        passages: what they are called: "its passages".
        model: what the model is called.
    """
    beside_both = f"{beside(effect.over_without, 'without')}, and {beside(effect.over_foreign, _ANOTHERS)}"
    return f"{passages} {claim(effect)}: with them {model} is {beside_both}"


def claim(effect: PassageEffect) -> str:
    """What the passages do: `help`, `harm` or `are not shown to help`."""
    if effect.helps:
        return "help"
    return "harm" if effect.harms else "are not shown to help"


def beside(paired: PairedDifference, control: str) -> str:
    """`3.1 points (95% CI 1.2 to 5.0) more accurate than without`."""
    word = "more" if paired.difference >= 0 else "less"
    size = gap(paired.difference, paired.low, paired.high)
    return f"{size} {word} accurate than {control}" + ("" if paired.significant else f" ({NOT_RESOLVED})")


def _why(effect: PassageEffect) -> str:
    if effect.helps:
        return ": the model is better with them than without, and than with another question's"
    if effect.over_without.significant and not effect.harms:
        return ": the model is better with them than without, and not shown to be so beside another question's"
    return ""


def _details(score: PassageScore) -> Iterator[str]:
    if score.none_found:
        yield f"{counted(score.none_found, 'question')} share no word with any passage and were asked without"
    if score.gold_mentioned is not None and score.wrong_mentioned is not None:
        yield (
            f"the passages name the correct option of {percent(score.gold_mentioned)} of the questions, and "
            f"{percent(score.wrong_mentioned)} of the wrong options"
        )
