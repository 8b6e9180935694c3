"""All alarms of a trial, from its folder."""

from collections.abc import Iterator

from medqa_sweeps.alarms.accuracy import not_above_chance, peaked_early, worse_than_base
from medqa_sweeps.alarms.alarm import Alarm
from medqa_sweeps.alarms.inputs import EvaluatedAnswers, answers_of, leaks_of, losses_of, result_of
from medqa_sweeps.alarms.leaks import near_duplicates
from medqa_sweeps.alarms.letters import no_answer_changed, one_letter
from medqa_sweeps.alarms.loss import loss_never_fell
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Outcome, Result


def alarms_of(trial: TrialDir, result: Result | None = None) -> list[Alarm]:
    """The trial's alarms, the most serious first; none for a failed trial, which has no score.

    Never raises an exception: missing or damaged files give no alarm. An unfinished trial is judged by its last
    evaluation. Takes about 7 ms for 400 questions and 3 evaluations, and 0.25 s more on the first call (see `tails`).

    Args:
        result: how the trial ended, if result.json is not written yet.
    """
    result = result or result_of(trial)
    if result is not None and result.outcome is Outcome.FAILED:
        return []
    answers = answers_of(trial)
    found = [
        *(alarms_of_answers(answers, result.samples_seen if result else None) if answers else ()),
        loss_never_fell(losses_of(trial)),
        near_duplicates(*leaks_of(trial)),
    ]
    return [alarm for alarm in found if alarm is not None]


def alarms_of_answers(answers: EvaluatedAnswers, scored_at: int | None = None) -> Iterator[Alarm | None]:
    """The alarms about the answers, the most serious first.

    Args:
        scored_at: samples seen at the evaluation that gives the trial its score; if there is none there, the last one.
    """
    gold, options, evaluations = answers.gold, answers.options, answers.evaluations
    seen = scored_at if scored_at in evaluations else max(evaluations)
    if not seen:  # only the untuned base was evaluated
        return
    predicted, base = evaluations[seen], evaluations.get(0)
    yield one_letter(gold, options, predicted)
    if base is not None:
        yield no_answer_changed(base, predicted)
    yield not_above_chance(gold, options, predicted)
    if base is not None:
        yield worse_than_base(gold, base, predicted)
    yield peaked_early(gold, evaluations)
