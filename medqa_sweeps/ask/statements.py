"""What was found for a question, in sentences that claim no more than a search for words can show."""

from collections import Counter
from collections.abc import Iterator, Sequence

from medqa_sweeps.ask.checking import CheckedSentence
from medqa_sweeps.ask.lookup import Lookup
from medqa_sweeps.retrieval.corpus import ReadCorpus
from medqa_sweeps.wording import counted, ended

NOTHING_CLOSE = "Nothing in this folder is close to the question"
MEANING_OF_CLOSE = (
    "A score above that of off-topic questions says that the words are near; it does not say that a passage answers "
    "the question."
)
MEANING_OF_QUOTES = (
    "A quote that was found shows where its words stand, not that the rest of the sentence is true. Read the passage."
)
NOT_SUPPORTED = "not supported by the passages"
NONE_SUPPORTED = "No sentence of this draft is supported: read the passages instead."
TINY_BASE = "The bundled tiny base has learnt no language: its draft means nothing."


def closeness(lookup: Lookup) -> str:
    """Whether the question is close to the corpus, with the scores that decide it."""
    if not lookup.passages:
        return f"{NOTHING_CLOSE}: no passage shares a word with it."
    scores = f"the best passage scores {lookup.best_score:.1f}, and {_off_topic(lookup)}"
    if lookup.is_close:
        return f"{ended(scores[0].upper() + scores[1:])} {MEANING_OF_CLOSE}"
    return f"{NOTHING_CLOSE}: {ended(scores)} The nearest passages are shown."


def _off_topic(lookup: Lookup) -> str:
    if lookup.threshold.question is None:
        return "no off-topic question shares a word with this folder"
    return f'the off-topic question "{lookup.threshold.question}" reaches {lookup.threshold.score:.1f}'


def about_generated(questions: int) -> str:
    """What questions that were made of the passages can show."""
    return (
        f"The folder itself gave {counted(questions, 'question')}: each is the first sentence of a passage. A person's "
        "questions use other words: their passages are found less often, and more of them are refused."
    )


def fewer_than_asked(lookup: Lookup, asked: int) -> str | None:
    """Why fewer passages are shown than were asked for; None: they are not."""
    shown = len(lookup.passages)
    if shown in (0, asked):
        return None
    return f"{counted(asked, 'passage')} asked for: {shown} of this folder share{'s' * (shown == 1)} a word with it."


def verdict(sentence: CheckedSentence) -> str:
    """What the check of a sentence found."""
    if sentence.reason is not None:
        return f"{NOT_SUPPORTED}: {sentence.reason}"
    found = sorted({number for quote in sentence.quotes for number in quote.found_in})
    return f"quote found in passage {' and '.join(map(str, found))}"


def draft_as_a_whole(sentences: Sequence[CheckedSentence]) -> str:
    """What the checks of a draft's sentences mean together."""
    if not sentences:
        return "The model wrote nothing."
    return MEANING_OF_QUOTES if any(sentence.is_supported for sentence in sentences) else NONE_SUPPORTED


def left_out(read: ReadCorpus) -> Iterator[str]:
    """A sentence for each file that cannot be read, and one with the counts of what else was passed over."""
    for sentence in read.refused:
        yield f"Left out: {sentence}"
    if counts := _counts(read.left_out):
        yield f"Left out: {counts}."


def _counts(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} ({count:,})" for reason, count in sorted(reasons.items()))
