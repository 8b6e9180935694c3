"""Whether passages help: the same model's answers with them, without them, and with another question's.

"Helps" is claimed only where the model is significantly more accurate with the passages than with either control. Each
comparison is paired by question and corrected for the N configs of a study (Bonferroni). As both must be significant,
neither needs a further correction.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from medqa_sweeps.data.question import Question
from medqa_sweeps.passages.controls import FOREIGN, WITHOUT
from medqa_sweeps.safety.records import ORIGINAL, SafetyLine
from medqa_sweeps.statistics import PairedDifference, compare_one_of
from medqa_sweeps.trial.records import PassageScore, Prediction

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class PassageEffect:
    """With the passages minus each control, on the questions that are shown any."""

    over_without: PairedDifference
    over_foreign: PairedDifference
    helped: int  # questions that are answered correctly with the passages and not without
    harmed: int  # and the other way round

    @property
    def helps(self) -> bool:
        return all(one.significant and one.difference > 0 for one in (self.over_without, self.over_foreign))

    @property
    def harms(self) -> bool:
        return self.over_without.significant and self.over_without.difference < 0


def passage_effect(
    lines: Iterable[SafetyLine], predictions: Mapping[str, Prediction], configs: int = 1
) -> PassageEffect | None:
    """What was found of one trial; None if no question has answers to both controls.

    Args:
        lines: of `controls.jsonl`.
        predictions: of the same model, with the passages.
        configs: N, the number of configs that stand side by side.
    """
    rights = _rights(lines, predictions)
    if not rights:
        return None
    with_, without, foreign = (np.array(column, dtype=bool) for column in zip(*rights, strict=True))
    return PassageEffect(
        over_without=compare_one_of(with_, without, configs),
        over_foreign=compare_one_of(with_, foreign, configs),
        helped=int(np.sum(with_ & ~without)),
        harmed=int(np.sum(without & ~with_)),
    )


def passage_score(
    lines: Sequence[SafetyLine], predictions: Mapping[str, Prediction], questions: Sequence[Question]
) -> PassageScore | None:
    """The record in `result.json`; None if no question has answers to both controls.

    Args:
        questions: as they were asked, with their passages.
    """
    rights = _rights(lines, predictions)
    if not rights:
        return None
    with_, without, foreign = (np.array(column, dtype=bool) for column in zip(*rights, strict=True))
    mentions = [_mentions(question) for question in questions if question.passages]
    gold = [right for right, _ in mentions if right is not None]
    wrong = [share for _, share in mentions if share is not None]
    return PassageScore(
        questions=len(rights),
        accuracy=float(with_.mean()),
        without=float(without.mean()),
        foreign=float(foreign.mean()),
        helped=int(np.sum(with_ & ~without)),
        harmed=int(np.sum(without & ~with_)),
        none_found=sum(not question.passages for question in questions),
        gold_mentioned=sum(gold) / len(gold) if gold else None,
        wrong_mentioned=sum(wrong) / len(wrong) if wrong else None,
    )


def _rights(lines: Iterable[SafetyLine], predictions: Mapping[str, Prediction]) -> list[tuple[bool, bool, bool]]:
    """Of each question that has both controls: whether it was right with its passages, without, with foreign ones."""
    by_suite: dict[str, dict[str, SafetyLine]] = {}
    for line in lines:
        if line.skipped is None:
            by_suite.setdefault(line.suite, {})[line.id] = line
    without, foreign, asked = (by_suite.get(name, {}) for name in (WITHOUT, FOREIGN, ORIGINAL))
    found = []
    for id_ in without.keys() & foreign.keys():
        answer = predictions.get(id_)
        if id_ in asked:  # the predictions were generated, and the controls are not
            with_ = asked[id_].right
        elif answer is not None:
            with_ = answer.predicted == answer.gold
        else:
            continue
        found.append((with_, without[id_].right, foreign[id_].right))
    return sorted(found)


def _mentions(question: Question) -> tuple[bool | None, float | None]:
    """Whether the passages name the correct option, and the share of the wrong options that they name, as whole words;
    None where no such option is a text that can be looked for (a number is in every passage)."""
    words = f" {_words(' '.join(question.passages))} "
    named = {
        index: f" {_words(option)} " in words
        for index, option in enumerate(question.options)
        if any(sign.isalpha() for sign in option)
    }
    wrong = [is_named for index, is_named in named.items() if index != question.gold]
    return named.get(question.gold), sum(wrong) / len(wrong) if wrong else None


def _words(text: str) -> str:
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))
