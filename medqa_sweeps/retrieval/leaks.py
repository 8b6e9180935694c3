"""Leaks: passages that contain a question, or that state the letter of an answer.

A passage contains a question if at least 30% of the question's distinct word 5-grams stand in it, and five of them or
all. 5-grams that stand in more than 20 questions or passages are ignored, as in `data/duplicates.py`. Hashes of the
questions are enough, so test questions can be searched for without reading them.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from medqa_sweeps.config import short_hash
from medqa_sweeps.data.duplicates import (
    BOILERPLATE_QUESTIONS,
    SIMILARITY_RULE,
    QuestionHash,
    shingle_hash,
    shingles_of,
)
from medqa_sweeps.durable.cache import shared
from medqa_sweeps.errors import DataError
from medqa_sweeps.retrieval.corpus import Corpus
from medqa_sweeps.wording import counted, listed

OnLeak = Literal["stop", "drop", "keep"]
CONTAINED_SHARE = 0.3  # of a question's 5-grams in one passage
_LEAST_SHARED = 5  # 5-grams, so nine words in a row; fewer may be a phrase such as "the most common cause of"
# Of 2,170 explanations of MedMCQA over 40 characters, half state a letter here: "Ans. is 'c'", "Ans-a.".
_LETTER_CHARACTERS = 120
_BEFORE = r"""[\s.:,\-–—(\[{'"“‘]*"""
_LETTER = re.compile(
    rf"\b(?i:ans|answers?|(?:correct|right)\s+(?:option|choice)){_BEFORE}(?i:(?:is|are|option|choice){_BEFORE}){{0,2}}"
    r"(?:(?:[A-Eb-e]|a(?!\s+[a-z]))(?!\w|['’]\w)"  # "the answer is a careful history" states no letter
    r"|[A-E](?=[A-Z][a-z]))"  # "Ans. BSolitary bone cyst"
    r"|(?:答案|正确选项|正確選項)[\s：:是为為（(]*[A-Ea-e](?!\w)"
)
_RULE = [1, *SIMILARITY_RULE, CONTAINED_SHARE, _LEAST_SHARED, _LETTER_CHARACTERS, _LETTER.pattern]


@dataclass(frozen=True)
class Leaks:
    """What a corpus gives away."""

    questions: dict[str, tuple[str, ...]]  # ids of the passages that contain a question, by its id
    letters: tuple[str, ...]  # ids of the passages that state an answer's letter

    def passages(self) -> set[str]:
        return {*self.letters, *(passage for found in self.questions.values() for passage in found)}

    def sentences(self, these: str = "question") -> Iterator[str]:
        """A sentence for each kind that was found.

        Args:
            these: what the questions are: "question", "test question".
        """
        if self.questions:
            passages = len({one for found in self.questions.values() for one in found})
            stand = "stands" if len(self.questions) == 1 else "stand"
            yield f"{counted(len(self.questions), these)} {stand} in {counted(passages, 'passage')} of the corpus."
        if self.letters:
            state = "states" if len(self.letters) == 1 else "state"
            yield f"{counted(len(self.letters), 'passage')} {state} the letter of an answer."


def find_leaks(corpus: Corpus, questions: Sequence[QuestionHash]) -> Leaks:
    """The leaks of a corpus; from the cache if any process has searched it for these questions.

    Args:
        questions: by their hashes alone; none: answer letters alone are searched for.

    Raises:
        ConfigError: if no cache folder is writable.
    """
    ids = sorted({question.id for question in questions})
    key = short_hash([corpus.fingerprint, ids, _RULE])
    value, _ = shared("leaks", key, lambda: {"questions": _contained(corpus, questions), "letters": _letters(corpus)})
    return Leaks({name: tuple(found) for name, found in value["questions"].items()}, tuple(value["letters"]))


def without_leaks(corpus: Corpus, leaks: Leaks, on_leak: OnLeak) -> Corpus:
    """The corpus as it may be used: without the leaking passages if `on_leak` is "drop", unchanged if it is "keep".

    Raises:
        DataError: if there are leaks and `on_leak` is "stop"; if every passage leaks and it is "drop".
    """
    leaking = leaks.passages()
    if not leaking or on_leak == "keep":
        return corpus
    if on_leak == "stop":
        raise DataError(
            f"The corpus gives answers away. {' '.join(leaks.sentences())} For example {_examples(corpus, leaking)}. "
            "Leave these documents out, or set retrieval.on_leak=drop to go without these passages."
        )
    remaining = corpus.without(leaking)
    if not remaining.passages:
        raise DataError(
            f"Each of the corpus's {counted(len(corpus.passages), 'passage')} gives an answer away, so "
            "retrieval.on_leak=drop leaves none. Name other documents."
        )
    return remaining


def states_a_letter(text: str) -> bool:
    """Whether a text begins with the letter of an answer, as explanations of exam questions do."""
    return bool(_LETTER.search(text[:_LETTER_CHARACTERS]))


def _letters(corpus: Corpus) -> list[str]:
    return [passage.id for passage in corpus.passages if states_a_letter(passage.text)]


def _contained(corpus: Corpus, questions: Sequence[QuestionHash]) -> dict[str, list[str]]:
    """The ids of the passages that contain each question, for the questions that any passage contains."""
    owners = _owners(questions)
    where: dict[bytes, list[int]] = defaultdict(list)  # passages by 5-gram, one more than the limit at most
    for index, passage in enumerate(corpus.passages):
        for shingle in shingles_of(passage.text):
            if (hashed := shingle_hash(shingle)) in owners and len(where[hashed]) <= BOILERPLATE_QUESTIONS:
                where[hashed].append(index)
    common = {hashed for hashed, indices in where.items() if len(indices) > BOILERPLATE_QUESTIONS}
    totals: Counter[int] = Counter()
    shared_counts: Counter[tuple[int, int]] = Counter()
    for hashed, askers in owners.items():
        if len(askers) <= BOILERPLATE_QUESTIONS and hashed not in common:
            totals.update(askers)
            shared_counts.update((question, passage) for question in askers for passage in where.get(hashed, ()))
    found: dict[str, list[str]] = defaultdict(list)
    for (question, place), both in sorted(shared_counts.items()):
        if both >= CONTAINED_SHARE * totals[question] and (both >= _LEAST_SHARED or both == totals[question]):
            found[questions[question].id].append(corpus.passages[place].id)
    return dict(sorted(found.items()))


def _owners(questions: Sequence[QuestionHash]) -> dict[bytes, list[int]]:
    """The questions by 5-gram; of several with one id the first."""
    first = {question.id: index for index, question in reversed(list(enumerate(questions)))}
    owners: dict[bytes, list[int]] = defaultdict(list)
    for index in sorted(first.values()):
        for hashed in questions[index].shingles:
            owners[hashed].append(index)
    return owners


def _examples(corpus: Corpus, ids: set[str]) -> str:
    return listed([corpus.by_id[name].where for name in sorted(ids)][:3])
