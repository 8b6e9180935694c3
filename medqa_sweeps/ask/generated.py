"""Questions made of a corpus, where nobody has written any: a sentence of a passage asks for that passage.

They are easier than a person's questions, since they repeat the passage's own words. So what they show is a limit: what
is not found even so, no question finds.
"""

from medqa_sweeps.ask.known import KnownQuestion
from medqa_sweeps.ask.lookup import MOST_QUESTION_CHARACTERS
from medqa_sweeps.errors import DataError
from medqa_sweeps.retrieval.chunks import Passage
from medqa_sweeps.retrieval.corpus import Corpus
from medqa_sweeps.retrieval.sentences import sentences
from medqa_sweeps.retrieval.tokenize import terms

MOST_QUESTIONS = 100
_LEAST_TERMS = 4  # distinct search terms: a heading of two words stands in many passages


def generated_questions(corpus: Corpus, most: int = MOST_QUESTIONS) -> list[KnownQuestion]:
    """The first sentence of passages, each with all passages that contain it, since passages overlap.

    The passages are the first ones in the order of their ids. These are hashes, so that it is as if they were drawn,
    and the same on every machine.

    Raises:
        DataError: if no passage has a sentence of four words to search for.
    """
    found: dict[str, KnownQuestion] = {}
    for passage in corpus.passages:
        if len(found) == most:
            break
        if sentence := _first_sentence(passage):
            ids = frozenset(one.id for one in corpus.passages if sentence in " ".join(one.text.split()))
            found.setdefault(sentence, KnownQuestion(sentence, ids))
    if not found:
        raise DataError(
            f"No passage of the corpus has a sentence of {_LEAST_TERMS} words to search for, so no question can be "
            "made. Write a file of questions: --evaluate FILE."
        )
    return list(found.values())


def _first_sentence(passage: Passage) -> str | None:
    folded = (" ".join(sentence.split()) for sentence in sentences(passage.text))
    fitting = (one for one in folded if len(set(terms(one))) >= _LEAST_TERMS and len(one) <= MOST_QUESTION_CHARACTERS)
    return next(fitting, None)
