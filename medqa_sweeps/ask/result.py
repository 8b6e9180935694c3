"""An answer: passages, then a draft whose sentences are checked, or the reason why there is none."""

from dataclasses import dataclass
from typing import Any

from medqa_sweeps.ask.checking import CheckedSentence, checked
from medqa_sweeps.ask.drafts import Draft
from medqa_sweeps.ask.lookup import FoundPassage, Lookup
from medqa_sweeps.ask.statements import closeness, draft_as_a_whole, left_out, verdict
from medqa_sweeps.retrieval.corpus import ReadCorpus
from medqa_sweeps.wording import EDUCATION_ONLY


@dataclass(frozen=True)
class Answer:
    """What `ask` has for one question."""

    lookup: Lookup
    model: str | None  # that wrote the draft; None: none was asked
    draft: Draft | None
    no_draft: str | None  # why there is none, as a sentence; None: there is one

    @property
    def sentences(self) -> list[CheckedSentence]:
        """The first sentences of the draft, checked against the whole passages; empty without a draft."""
        texts = [one.passage.text for one in self.lookup.passages]
        return [] if self.draft is None else checked(self.draft.text, texts)


def answer_json(answer: Answer, read: ReadCorpus) -> dict[str, Any]:
    """Everything that is known of an answer."""
    lookup = answer.lookup
    return {
        "education_only": EDUCATION_ONLY,
        "question": lookup.question,
        "is_close": lookup.is_close,
        "statement": closeness(lookup),
        "best_score": lookup.best_score,
        "threshold": {"score": lookup.threshold.score, "off_topic_question": lookup.threshold.question},
        "passages": [passage_json(one) for one in lookup.passages],
        "draft": draft_json(answer),
        "no_draft": answer.no_draft,
        "corpus": {
            "fingerprint": read.corpus.fingerprint,
            "files": read.files,
            "passages": len(read.corpus.passages),
            "left_out": list(left_out(read)),
        },
    }


def passage_json(found: FoundPassage) -> dict[str, Any]:
    passage = found.passage
    own_id = {} if passage.source_id is None else {"source_id": passage.source_id}
    return {
        "number": found.number,
        "file": passage.document,
        passage.place.unit: passage.place.number,
        **own_id,
        "title": passage.title,
        "score": found.score,
        "matched": list(found.matched),
        "text": passage.text,
    }


def draft_json(answer: Answer) -> dict[str, Any] | None:
    """The draft with the check of each sentence; None without one."""
    if answer.draft is None:
        return None
    return {
        "model": answer.model,
        "text": answer.draft.text,
        "is_finished": answer.draft.is_finished,
        "passages_shown_in_part": list(answer.draft.cut_passages),
        "sentences": [
            {
                "text": one.text,
                "cites": list(one.cited),
                "quotes": [{"text": quote.text, "found_in": list(quote.found_in)} for quote in one.quotes],
                "is_supported": one.is_supported,
                "verdict": verdict(one),
            }
            for one in answer.sentences
        ],
        "meaning": draft_as_a_whole(answer.sentences),
    }
