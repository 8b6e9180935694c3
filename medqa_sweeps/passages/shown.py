"""`retrieved.jsonl` of a trial's folder: for each question the passages that its prompts show."""

from collections.abc import Iterator
from typing import Any

from medqa_sweeps.data.question import Question
from medqa_sweeps.durable.lines import replace_lines
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import Plan
from medqa_sweeps.trial.retrieving import Retrieved


def write(trial: TrialDir, plan: Plan) -> None:
    """Write a line per question; no file if no passages are shown."""
    if plan.retrieved is not None:
        replace_lines(trial.retrieved_file, _lines(plan, plan.retrieved))


def _lines(plan: Plan, found: Retrieved) -> Iterator[dict[str, Any]]:
    for part, questions in (("train", plan.split.train), ("validation", plan.split.validation)):
        yield from (_line(part, question, found) for question in questions)


def _line(part: str, question: Question, found: Retrieved) -> dict[str, Any]:
    """Passages as [id, score] in the order of the prompt; the score is of the question that they were ranked for."""
    swapped = question.id in found.swapped
    shown = (found.foreign if swapped else found.passages).get(question.id, ()) if question.passages else ()
    by = found.retriever["name"]
    cut = sum(one.cut for one in shown)
    return {
        "part": part,
        "id": question.id,
        "passages": [[one.passage_id, round(one.score, 4 if by == "bm25" else 6)] for one in shown],
        **({"retriever": by} if by != "bm25" else {}),
        **({"foreign": True} if swapped else {}),
        **({"cut": cut} if cut else {}),
    }
