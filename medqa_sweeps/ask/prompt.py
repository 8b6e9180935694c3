"""What the untuned base reads before it writes a draft: the passages with their numbers, the question, the task."""

from collections.abc import Sequence

from medqa_sweeps.ask.drafts import NumberedPassage
from medqa_sweeps.ask.quotes import LEAST_WORDS
from medqa_sweeps.ask.sentences import MOST_SENTENCES
from medqa_sweeps.config import PromptConfig
from medqa_sweeps.data import Question
from medqa_sweeps.data.question import UNLABELLED

MOST_PASSAGE_TOKENS = 400  # of one passage in a prompt; 1,000 characters of English have about 230
MOST_DRAFT_TOKENS = 200
_NUMBERS = {3: "three", 6: "six"}

PROMPT = PromptConfig(
    name="ask",
    chat=True,
    template=(
        "Answer from these passages alone.\n\n"
        "{passages}\n\n"
        f"Write at most {_NUMBERS[MOST_SENTENCES]} sentences. In each, copy at least {_NUMBERS[LEAST_WORDS]} words "
        "from a passage between double quotation marks, and put the passage's number in square brackets behind them, "
        'like this: "copied words" [1].\n\n'
        "Question: {question}"
    ),
)


def shown(passage: NumberedPassage, text: str) -> str:
    """A passage as it stands in the prompt; `text` is its text, cut to MOST_PASSAGE_TOKENS."""
    return f"[{passage.number}] {passage.title}\n{text}\n"


def question_with(question: str, passages: Sequence[str]) -> Question:
    """What `PromptEncoder` encodes; text of question and passages never becomes a control token."""
    return Question("", question, (), UNLABELLED, passages=tuple(passages))
