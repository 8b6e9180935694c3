"""Trials that show passages, with answers that are told: right with them, without them, with another question's."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medqa_sweeps.config import RetrievalConfig
from medqa_sweeps.data.question import Question
from medqa_sweeps.passages import control_lines
from medqa_sweeps.passages.controls import FOREIGN, WITHOUT
from medqa_sweeps.passages.effect import passage_score
from medqa_sweeps.safety.records import SafetyLine
from medqa_sweeps.trial.folder import TrialDir
from tests.analysis.trial_folders import SAMPLES_SEEN, complete

TEMPLATE = "{passages}\n{question}\n{options}"
OPTIONS = ("Belkor", "Dunmor", "Arvane", "Sotrel")
CORPUS = {
    "fingerprint": "72d7d552724c",
    "corpus": "fff36aecfafa",
    "passages": 2022,
    "documents": 31,
    "dropped": 0,
    "leaks": [],
    "cut": 0,
    "left_out": {},
}


def retrieval(k: int) -> RetrievalConfig:
    return RetrievalConfig(name="bm25", corpus="/home/hodgson/secret/guides", k=k)


def without_passages(path: Path, correct: Sequence[bool], **changes: Any) -> TrialDir:
    """A completed trial of k=0 under the same prompt."""
    return complete(path, correct, prompt__template=TEMPLATE, retrieval=retrieval(0), **changes)


def with_passages(
    path: Path,
    correct: Sequence[bool],
    without: Sequence[bool],
    foreign: Sequence[bool],
    k: int = 1,
    corpus: dict[str, Any] | None = None,
    **changes: Any,
) -> TrialDir:
    """A completed trial that answered as `correct` says with its passages, and its two controls.

    Args:
        corpus: what its provenance says otherwise of the corpus.
    """
    trial = complete(path, correct, prompt__template=TEMPLATE, retrieval=retrieval(k), **changes)
    _rewrite(trial.provenance_file, {"passages": {**CORPUS, **(corpus or {})}})
    control(trial, without, foreign)
    return trial


def control(trial: TrialDir, without: Sequence[bool], foreign: Sequence[bool], seen: int = SAMPLES_SEEN) -> None:
    """Write the controls of a trial, and what its result says of them."""
    answers = trial.predictions()[seen]
    lines = [
        SafetyLine(seen, suite, suite, id_, [0, 1, 2, 3], answers[id_].gold, answers[id_].gold if right else None)
        for suite, rights in ((WITHOUT, without), (FOREIGN, foreign))
        for id_, right in zip(answers, rights, strict=True)
    ]
    control_lines.write(trial, lines)
    questions = [
        Question(id_, "what?", OPTIONS, "ABCD".index(one.gold), passages=("[1] Belkor: causes warts",))
        for id_, one in answers.items()
    ]
    score = passage_score(lines, answers, questions)
    assert score is not None
    _rewrite(trial.result_file, {"passages": score.to_json()})


def _rewrite(file: Path, more: dict[str, Any]) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | more))
