"""The suites of an assessment: the variants of each, and what a reader of its figures must know."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.config import SAFETY_SUITES, SUITES_OF_FILES, SafetyConfig
from medqa_sweeps.safety.drug_table import read_drug_table
from medqa_sweeps.safety.edits.drug_names import drug_names
from medqa_sweeps.safety.edits.ethnicity import ETHNICITIES
from medqa_sweeps.safety.edits.hints import HINT_RIGHT, HINT_WRONG
from medqa_sweeps.safety.edits.none_of_these import NONE_IS_RIGHT, NONE_IS_WRONG
from medqa_sweeps.safety.edits.order import REVERSED, rotated
from medqa_sweeps.safety.edits.placebo import PLACEBO
from medqa_sweeps.safety.edits.proposal import PROPOSAL
from medqa_sweeps.safety.edits.sex import SEX
from medqa_sweeps.safety.edits.stem_removed import STEM_REMOVED
from medqa_sweeps.safety.requests import Request, read_requests
from medqa_sweeps.safety.variant import Variant


@dataclass(frozen=True)
class Suite:
    """Variants whose answers are compared with those to the unedited questions."""

    name: str  # one of SAFETY_SUITES
    title: str  # a phrase for a table's row
    note: str  # a sentence that a reader of the figures needs
    variants: tuple[Variant, ...] = ()  # none: the suite edits no question
    unavailable: str | None = None  # why the suite cannot run, and the next step; None: it can


_TITLES = {
    "placebo": (
        "an edit that cannot matter",
        "Answers that change here show the noise of every other edit.",
    ),
    "order": (
        "options in another order",
        "The right answer stays the same text, so a changed answer is an answer to the order.",
    ),
    "stem_removed": (
        "options without the question",
        "Accuracy above chance is knowledge of the options alone.",
    ),
    "none_of_these": (
        "“None of the other answers” as an option",
        "About a third of such items are not valid (a clinician kept 68 of 100), so compare models, not levels.",
    ),
    "hint_wrong": (
        "a colleague names a wrong option",
        "Answers that follow the hint beyond the placebo show obedience.",
    ),
    "hint_right": (
        "a colleague names the right option",
        "Read it beside the wrong hint: only the difference shows whether good hints are told from bad ones.",
    ),
    "false_confidence": (
        "a proposed answer, right in half of the questions",
        "Who always agrees has a sensitivity of 100% and as many false alarms, a difference of 0.",
    ),
    "drug_names": (
        "generic names and brands swapped",
        "Only questions with a name of your table count.",
    ),
    "sex": (
        "the patient's sex changed",
        "Questions that mention what only one sex has are left out by their words, which no clinician has checked.",
    ),
    "ethnicity": (
        "the patient's group named",
        "Questions in which ancestry matters are left out by their words, which no clinician has checked.",
    ),
    "abstention": (
        "answers only where the model is confident",
        "It needs no further answers: the model's probabilities for the unedited questions decide.",
    ),
    "calibration": (
        "confidence compared with accuracy",
        "It needs no further answers: the model's probabilities for the unedited questions decide.",
    ),
    "requests": (
        "harmful and benign requests",
        "The requests are yours, and a model that was trained on letters may write nothing but a letter.",
    ),
}


def suites(config: SafetyConfig, most_options: int) -> list[Suite]:
    """The suites that the config asks for, in the order of `SAFETY_SUITES`; with the placebo beside any that edits.

    Args:
        most_options: of a validation question; the cyclic orders are one fewer.

    Raises:
        ConfigError, DataError: if the table of drug names cannot be read.
    """
    asked = [
        _suite(name, config, most_options) for name in SAFETY_SUITES if name in config.suites and name != "placebo"
    ]
    placebo = "placebo" in config.suites or any(suite.variants for suite in asked)
    return [*([_suite("placebo", config, most_options)] if config.placebo and placebo else []), *asked]


def described(name: str) -> Suite:
    """A suite's title and note, without its variants."""
    return Suite(name, *_TITLES[name])


def keeps_answer(suite: str, variant: str) -> bool:
    """Whether a model should answer this variant as it answers the question: the right option is the same."""
    return (suite, variant) not in _OTHER_TASKS


def requests_of(config: SafetyConfig) -> list[Request]:
    """The user's requests; none if the suite is not asked for, or no file is named.

    Raises:
        ConfigError, DataError: as `refuse_unreadable`.
    """
    if "requests" not in config.suites or config.requests is None:
        return []
    return read_requests(_path(config.requests))


def refuse_unreadable(config: SafetyConfig) -> None:
    """Check that the files of the suites that are asked for exist and are what they should be.

    Raises:
        ConfigError: if the config names a bundled file that does not exist.
        DataError: if a file is missing or not valid; the message names the key, file, line and next step.
    """
    if "drug_names" in config.suites and config.drug_names is not None:
        read_drug_table(_path(config.drug_names))
    requests_of(config)


def _suite(name: str, config: SafetyConfig, most_options: int) -> Suite:
    suite = described(name)
    if name in SUITES_OF_FILES and getattr(config, name) is None:
        return replace(suite, unavailable=f"No file is named: set safety.{name}=FILE.csv.")
    return replace(suite, variants=tuple(_variants(name, config, most_options)))


def _variants(name: str, config: SafetyConfig, most_options: int) -> Iterable[Variant]:
    match name:
        case "order":
            return [REVERSED] if config.orders == "reversed" else map(rotated, range(1, most_options))
        case "drug_names":
            assert config.drug_names is not None
            return [drug_names(read_drug_table(_path(config.drug_names)))]
        case _:
            return _FIXED.get(name, ())


_FIXED: dict[str, tuple[Variant, ...]] = {
    "placebo": (PLACEBO,),
    "stem_removed": (STEM_REMOVED,),
    "none_of_these": (NONE_IS_RIGHT, NONE_IS_WRONG),
    "hint_wrong": (HINT_WRONG,),
    "hint_right": (HINT_RIGHT,),
    "false_confidence": (PROPOSAL,),
    "sex": (SEX,),
    "ethnicity": ETHNICITIES,
}


_OTHER_TASKS = {
    (suite, variant.name) for suite, variants in _FIXED.items() for variant in variants if not variant.keeps_answer
}


def _path(text: str) -> Path:
    return resolve_bundled(text)
