"""How well a model answers questions: the letter's log-probability at the answer position, a forward pass per question.

Names of shapes: B questions in a batch, T tokens, N written tokens, L letters.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from medqa_sweeps.config import EvaluationConfig
from medqa_sweeps.data import UNLABELLED, Question
from medqa_sweeps.errors import Diverged
from medqa_sweeps.prompt import LETTERS, PromptEncoder
from medqa_sweeps.statistics import calibration_error, standard_error, wilson_interval
from medqa_sweeps.trial.records import Prediction, Score
from medqa_sweeps.worker.letter_scores import letter_log_probabilities, padded, scoring_passes
from medqa_sweeps.worker.model import inference

Answered = Callable[[int], None]  # is told how many of the questions have been answered so far


def nobody(answered: int) -> None:
    """Nobody follows the answers."""


@dataclass(frozen=True)
class Answer:
    """What the model chose for one question."""

    question: Question
    predicted: int | None  # index of the option; None when generated text held no letter
    log_probabilities: list[float]  # nats, one per option, over the whole vocabulary; empty when generated


def answer_questions(
    model: Any,
    tokenizer: Any,
    encoder: PromptEncoder,
    questions: list[Question],
    config: EvaluationConfig,
    answered: Answered = nobody,
) -> list[Answer]:
    """An answer to each question, in their order. Options stand as in the file.

    Raises:
        Diverged: if a letter's log-probability is not finite.
    """
    choose = _likeliest_letters if config.method == "log_probability" else _written_letters
    encoded = list(encoder.encode_all(questions))
    answers: dict[int, Answer] = {}
    with inference(model):
        for batch in scoring_passes(encoded, config):
            rows = [encoded[index] for index in batch]
            for index, (predicted, scores) in zip(
                batch, choose(model, tokenizer, encoder, rows, [questions[i] for i in batch], config), strict=True
            ):
                answers[index] = Answer(questions[index], predicted, scores)
            answered(len(answers))
    return [answers[index] for index in range(len(questions))]


def score(answers: list[Answer], calibration_bins: int) -> Score:
    """Accuracy and what goes with it.

    Raises:
        ValueError: if there is no answer.
    """
    if not answers:
        raise ValueError("no answers to score; the validation split is empty")
    correct = [answer.predicted == answer.question.gold for answer in answers]
    low, high = wilson_interval(sum(correct), len(correct))
    gold_log_probability, error = _probabilities(answers, correct, calibration_bins)
    return Score(
        questions=len(answers),
        accuracy=sum(correct) / len(correct),
        standard_error=standard_error(sum(correct), len(correct)),
        low=low,
        high=high,
        gold_log_probability=gold_log_probability,
        calibration_error=error,
        recall_by_letter=_share_by((LETTERS[answer.question.gold] for answer in answers), correct),
        accuracy_by_step=_share_by((answer.question.step for answer in answers), correct),
        accuracy_by_region=_share_by((answer.question.region for answer in answers), correct),
    )


def prediction(answer: Answer, samples_seen: int) -> Prediction:
    """The line of `predictions.jsonl`."""
    return Prediction(
        samples_seen=samples_seen,
        id=answer.question.id,
        gold="" if answer.question.gold == UNLABELLED else LETTERS[answer.question.gold],
        predicted=None if answer.predicted is None else LETTERS[answer.predicted],
        log_probabilities={LETTERS[i]: round(value, 6) for i, value in enumerate(answer.log_probabilities)},
        source_id=answer.question.source_id,
    )


def _likeliest_letters(
    model: Any, tokenizer: Any, encoder: PromptEncoder, rows: list[list[int]], questions: list[Question], config: Any
) -> Iterator[tuple[int, list[float]]]:
    letters_BxL = letter_log_probabilities(model, rows, tokenizer.pad_token_id, encoder.letter_ids)
    for row, question in zip(letters_BxL, questions, strict=True):
        scores = row[: len(question.options)]
        if not torch.isfinite(scores).all():
            raise Diverged(
                f"the log-probabilities of question {question.id} are not finite ({scores.tolist()}): the model has "
                "diverged. Use a smaller optimizer.lr or a longer warm-up."
            )
        yield int(scores.argmax()), scores.tolist()


def _written_letters(
    model: Any, tokenizer: Any, encoder: PromptEncoder, rows: list[list[int]], questions: list[Question], config: Any
) -> Iterator[tuple[int | None, list[float]]]:
    input_ids_BxT, mask_BxT = padded(rows, tokenizer.pad_token_id, left=True)
    written_BxN = model.generate(
        input_ids=input_ids_BxT,
        attention_mask=mask_BxT,
        max_new_tokens=config.max_new_tokens,
        do_sample=False,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=encoder.end_of_turn_id,
    )[:, input_ids_BxT.shape[1] :]
    texts = tokenizer.batch_decode(written_BxN, skip_special_tokens=True)
    for text, question in zip(texts, questions, strict=True):
        yield _first_letter(text, len(question.options)), []


def _first_letter(text: str, options: int) -> int | None:
    """Index of the letter that `text` begins with, perhaps after a space or bracket and not inside a word."""
    bare = text.lstrip(" \n(*")
    index = LETTERS[:options].find(bare[:1]) if bare else -1
    return index if index >= 0 and not bare[1:2].isalnum() else None


def _probabilities(answers: list[Answer], correct: list[bool], bins: int) -> tuple[float | None, float | None]:
    """Mean gold log-probability, and calibration of the chosen letter's probability among the letters."""
    if not all(answer.log_probabilities for answer in answers):
        return None, None
    gold = [answer.log_probabilities[answer.question.gold] for answer in answers]
    confidence = [float(torch.tensor(answer.log_probabilities).softmax(0).max()) for answer in answers]
    return sum(gold) / len(gold), calibration_error(np.array(confidence), np.array(correct), bins)


def _share_by(keys: Iterable[str | None], correct: list[bool]) -> dict[str, float]:
    """Share of correct answers per key, keys in order; answers without a key are left out."""
    groups: dict[str, list[bool]] = defaultdict(list)
    for key, right in zip(keys, correct, strict=True):
        if key is not None:
            groups[key].append(right)
    return {key: sum(group) / len(group) for key, group in sorted(groups.items())}
