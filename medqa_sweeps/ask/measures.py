"""An evaluation in words and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from medqa_sweeps.ask.drafts import largest_fall
from medqa_sweeps.ask.evaluation import Evaluation, QuestionResult, Share
from medqa_sweeps.ask.statements import left_out, verdict
from medqa_sweeps.retrieval.corpus import ReadCorpus
from medqa_sweeps.wording import CI, EDUCATION_ONLY, counted, interval, percent


def lines(found: Evaluation, model: str | None, no_draft: str) -> Iterator[str]:
    """What was measured, a line each.

    Args:
        model: that wrote the drafts; None: none was asked, for the reason `no_draft`.
    """
    yield f"Search, {counted(len(found.questions), 'question')} with known passages"
    yield from _rows(_search(found))
    rank = found.reciprocal_rank
    yield f"  {'mean reciprocal rank':<45} {rank.mean:.2f} ({CI} {rank.low:.2f} to {rank.high:.2f})"
    yield "Refused as not close to the folder"
    yield from _rows(_refusals(found))
    if model is None:
        yield f"No draft: {no_draft}"
        return
    yield f"Drafts of {model}, untuned, for {counted(found.drafts, 'question')}"
    yield from _rows(_drafts(found))
    if found.by_chance is not None:
        yield f"  Were the largest fall at any passage, {percent(found.by_chance)} would be at a cited one."
    yield "  Sentences of one draft are alike, so that their intervals are too narrow."


def evaluation_json(
    found: Evaluation, model: str | None, no_draft: str, notes: Sequence[str], read: ReadCorpus
) -> dict[str, Any]:
    """Everything that was measured, with each question."""
    rank = found.reciprocal_rank
    shares = {**_search(found), **_refusals(found), **(_drafts(found) if model else {})}
    return {
        "education_only": EDUCATION_ONLY,
        "model": model,
        "no_draft": None if model else no_draft,
        "measures": {name: _share_json(share) for name, share in shares.items()},
        "mean_reciprocal_rank": {"mean": rank.mean, "low": rank.low, "high": rank.high},
        "attribution_by_chance": found.by_chance,
        "questions": [_question_json(one) for one in found.questions],
        "corpus": {"fingerprint": read.corpus.fingerprint, "left_out": list(left_out(read))},
        "notes": list(notes),
    }


def _search(found: Evaluation) -> dict[str, Share]:
    return {"hit@1": found.hit_first, f"hit@{found.passages}": found.hit_shown}


def _refusals(found: Evaluation) -> dict[str, Share]:
    return {
        "questions with known passages": found.refused,
        "off-topic questions (shipped, held out)": found.off_topic_refused,
    }


def _drafts(found: Evaluation) -> dict[str, Share]:
    return {
        "sentences with valid passage numbers": found.valid_numbers,
        "quotes that stand in a cited passage": found.verbatim_quotes,
        "sentences with number and quote": found.supported,
        "cited passage has the largest fall": found.attributed,
    }


def _rows(shares: Mapping[str, Share]) -> Iterator[str]:
    for name, share in shares.items():
        yield f"  {name:<45} {_in_words(share)}"


def _in_words(share: Share) -> str:
    if share.of == 0:
        return "none to count"
    return f"{percent(share.count / share.of)}, {share.count} of {share.of} ({interval(*share.limits)})"


def _share_json(share: Share) -> dict[str, Any]:
    limits = dict(zip(("low", "high"), share.limits, strict=True)) if share.of else {}
    return {"count": share.count, "of": share.of, **limits}


def _question_json(one: QuestionResult) -> dict[str, Any]:
    falls = one.falls or ((),) * len(one.sentences)
    return {
        "question": one.question,
        "rank": one.rank,
        "is_refused": one.is_refused,
        "sentences": [
            {
                "text": sentence.text,
                "cites": list(sentence.cited),
                "verdict": verdict(sentence),
                "falls_nats": list(of_sentence),
                "largest_fall_at": largest_fall(of_sentence) if of_sentence else None,
            }
            for sentence, of_sentence in zip(one.sentences, falls, strict=True)
        ],
    }
