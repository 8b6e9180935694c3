"""Retrieval: what literature stood beside the questions, and whether it helped; of files, counts and no names."""

from collections.abc import Iterator

from medqa_sweeps.card.records import Records
from medqa_sweeps.card.tables import facts
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.passages import control_lines
from medqa_sweeps.passages.effect import passage_effect
from medqa_sweeps.passages.statements import NO_CONTROLS, statement
from medqa_sweeps.wording import counted

_RANKED = {"bm25": "bm25", "dense": "an encoder's vectors", "hybrid": "bm25 and an encoder's vectors together"}
_ORDER = {"best_first": "the best first", "best_last": "the best next to the question"}


def passages(records: Records) -> Iterator[str]:
    """Nothing if the trial shows no passages."""
    config = records.config.retrieval
    if not config.is_used:
        return
    yield from ("## Passages beside the questions", "")
    yield (
        f"Each question is asked with up to {counted(config.k, 'passage')} of a corpus, ranked by "
        f"{_RANKED[config.name]} for the question's text alone, without its options. The scores above are of the "
        "model with them."
    )
    yield ""
    yield from facts(
        [
            ("passages in a prompt", f"up to {config.k}, {_ORDER[config.order]}, each of at most "
             f"{config.max_passage_tokens:,} tokens"),
            ("in training", _in_training(records)),
            ("fingerprint of the corpus", str(records.recorded("passages", "corpus") or "not recorded")),
            *_encoders(records),
            ("documents", _recorded(records, "documents")),
            ("passages", _recorded(records, "passages")),
            ("left out, as they give an answer away", _recorded(records, "dropped")),
            ("shown in part, as they are longer", _recorded(records, "cut")),
            ("found in the corpus", " ".join(records.recorded("passages", "leaks") or ())),
        ]
    )  # fmt: skip
    if (records.recorded("passages", "leaks") or ()) and not records.recorded("passages", "dropped"):
        yield from ("Passages that give answers away were shown, so a gain means nothing.", "")
    yield from ("The corpus is not part of this file. Without it the model is another one than was scored.", "")
    yield from (_effect(records), "")


def not_assessed(records: Records) -> Iterator[str]:
    """What the list of omissions says of retrieval."""
    if not records.config.retrieval.is_used:
        yield "answers with retrieved text beside the question"
    else:
        yield "answers with another corpus, and whether what the passages say is correct"


def _encoders(records: Records) -> Iterator[tuple[str, str]]:
    """Their fingerprints, and no names: a folder's name says whose machine it is on."""
    retriever = records.recorded("passages", "retriever") or {}
    for key, what in (("embedder", "passages"), ("query_embedder", "questions")):
        if key in retriever:
            yield f"fingerprint of the encoder of {what}", retriever[key]["fingerprint"]


def _in_training(records: Records) -> str:
    config = records.config.retrieval
    if config.train == "none":
        return "none: training questions were shown without passages"
    shares = ((config.train_without, "without any"), (config.train_foreign, "with another question's"))
    drawn = [f"{100 * share:g}% {what}" for share, what in shares if share]
    return "; ".join(["as in scoring", *drawn])


def _recorded(records: Records, name: str) -> str:
    count = records.recorded("passages", name)
    return "not recorded" if count is None else f"{count:,}"


def _effect(records: Records) -> str:
    """The model beside itself without the passages, and with another question's."""
    score = records.result.passages
    if score is None:
        return NO_CONTROLS
    configs = records.configs
    try:
        effect = passage_effect(control_lines.read(records.trial), records.answers, configs)
    except ConfigError:
        return "The records of the controls are damaged, so whether the passages help is not known."
    if effect is None:
        return NO_CONTROLS
    beside = f" These are answers of {records.scored}, not of this file." if records.form != "adapter" else ""
    return f"{statement(score, effect, configs)}{beside}"
