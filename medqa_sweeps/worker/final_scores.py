"""The final test: one chosen trial and its untuned base on the locked test questions. The only file that reads them.

    python -m medqa_sweeps.worker.final_scores TRIAL STUDY READING [UNDISPUTED]

A process of its own, started by `medqa_sweeps final` on a slot as a trial is. Everything is loaded and checked first;
then the reading goes into the study's ledger, and only then the questions are read.
"""

import dataclasses
import re
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from medqa_sweeps.config import DataConfig
from medqa_sweeps.data import Question, fingerprint, read_test_questions, refuse_missing_test
from medqa_sweeps.data.duplicates import similarities
from medqa_sweeps.data.reading import read_test_hashes
from medqa_sweeps.errors import ConfigError, DataError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.prompt import PromptEncoder, refuse_long
from medqa_sweeps.retrieval.leaks import find_leaks
from medqa_sweeps.statistics import compare_answers
from medqa_sweeps.study import ledger
from medqa_sweeps.study.ledger import Gain, ReadingScores
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import Plan, plan_trial, refuse_changed
from medqa_sweeps.trial.question_overlap import count_overlap
from medqa_sweeps.trial.records import Score
from medqa_sweeps.trial.retrieving import with_passages
from medqa_sweeps.wording import setting
from medqa_sweeps.worker import device, model as model_module
from medqa_sweeps.worker.evaluation import Answer, answer_questions, score
from medqa_sweeps.worker.refusal import done_or_refused
from medqa_sweeps.worker.trained import exported_adapter, with_adapter


def main(arguments: list[str]) -> ExitCode:
    """OK: the scores are in the ledger."""
    trial, study, reading, *undisputed = arguments
    listed = Path(undisputed[0]) if undisputed else None
    return done_or_refused(lambda: score_test(TrialDir(Path(trial)), Path(study), reading, listed))


def score_test(trial: TrialDir, study: Path, reading: str, undisputed: Path | None) -> None:
    """Score a trial on the test questions of its data, into the study's ledger.

    Raises:
        TrialError: if trial, base, questions or the list are not what they should be.
    """
    device.use_threads(None)
    plan, result = plan_trial(trial.config()), trial.result()
    if result is None or result.score is None:
        raise ConfigError(f"{trial.path} has no score, so it cannot have been selected by one.")
    refuse_changed(plan, trial.provenance())
    refuse_missing_test(plan.config.data)
    _refuse_leaked(plan)
    adapter = exported_adapter(trial)
    tokenizer = model_module.load_tokenizer(plan.base)
    model = model_module.load_base(plan.base, plan.config.model, plan.config.training)

    ledger.write_request(
        study, reading, int(trial.path.name), result.signature, result.adapter_sha256, _where(plan.config.data)
    )
    questions = with_passages(plan.config, plan.base, read_test_questions(plan.config.data).questions)
    listed = _undisputed(undisputed, plan.config.data, questions) if undisputed else None

    base = _answers(model, tokenizer, plan, questions)
    trained = _answers(with_adapter(model, plan.config, adapter), tokenizer, plan, questions)
    ledger.write_scores(study, _scored(reading, plan, questions, trained, base, listed, result.score))


def _refuse_leaked(plan: Plan) -> None:
    """Check that no test question stands in the corpus that the trial's prompts show passages of.

    Raises:
        DataError: if one does, also where retrieval.on_leak=keep.
    """
    if plan.retrieved is None:
        return
    leaks = find_leaks(plan.retrieved.corpus, read_test_hashes(plan.config.data))
    if leaks.questions:
        found = " ".join(dataclasses.replace(leaks, letters=()).sentences("test question"))
        raise DataError(
            f"{found} A score on them would be of no worth. "
            "Train again without these documents, or with retrieval.on_leak=drop."
        )


def _answers(model: Any, tokenizer: Any, plan: Plan, questions: list[Question]) -> list[Answer]:
    everything = [*plan.split.train, *plan.split.validation, *questions]
    encoder = PromptEncoder(tokenizer, plan.config.prompt, max(len(question.options) for question in everything))
    lengths = [len(ids) for ids in encoder.encode_all(questions)]
    refuse_long(lengths, plan.config.training.max_length_tokens, "test")
    return answer_questions(model, tokenizer, encoder, questions, plan.config.evaluation)


def _undisputed(file: Path, data: DataConfig, questions: list[Question]) -> set[str]:
    """Ids of the questions whose label nobody disputed: a file of ids, one a line, or of the questions themselves.

    Raises:
        DataError: if the file cannot be read, is empty, or names a question that is not among the test's.
    """
    if file.suffix in (".json", ".jsonl"):
        same_kind = dataclasses.replace(data, hub_id=None, test=str(file))
        ids = {question.id for question in read_test_questions(same_kind).questions}
    else:
        try:
            ids = {line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()}
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{file} cannot be read ({error}); it holds a question's id a line.") from error
    odd = [one for one in ids if not re.fullmatch("[0-9a-f]{16}", one)]
    unknown = ids - {question.id for question in questions}
    if not ids or odd or unknown:
        raise DataError(
            f"{file}: {len(ids)} ids, {len(odd)} of them not 16 hex digits and {len(unknown)} not among the "
            f"{len(questions)} test questions. Give ids as data.question_id makes them, or a .jsonl of the questions."
        )
    return ids


def _scored(
    reading: str,
    plan: Plan,
    questions: list[Question],
    trained: list[Answer],
    base: list[Answer],
    undisputed: Collection[str] | None,
    validation: Score,
) -> ReadingScores:
    bins = plan.config.evaluation.calibration_bins
    kept = [[one for one in answers if undisputed and one.question.id in undisputed] for answers in (trained, base)]
    return ReadingScores(
        reading=reading,
        time=time.time(),
        test_fingerprint=fingerprint(questions),
        trained=score(trained, bins),
        base=score(base, bins),
        gain=_gain(trained, base),
        undisputed_trained=score(kept[0], bins) if undisputed else None,
        undisputed_base=score(kept[1], bins) if undisputed else None,
        undisputed_gain=_gain(*kept) if undisputed else None,
        validation=validation,
        seen_in_training=count_overlap(similarities(questions, plan.split.train)),
        seen_in_validation=count_overlap(similarities(questions, plan.split.validation)),
    )


def _gain(trained: list[Answer], base: list[Answer]) -> Gain:
    right = [np.array([one.predicted == one.question.gold for one in answers]) for answers in (trained, base)]
    paired = compare_answers(right[0], right[1])
    return Gain(paired.difference, paired.low, paired.high, paired.p_value)


def _where(data: DataConfig) -> str:
    return f"{data.hub_id} {setting(data.test)}" if data.hub_id else setting(data.test)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
