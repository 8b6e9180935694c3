"""Reproduction of a trial from its saved config: what has changed since, and how the results compare."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from medqa_sweeps.base.fingerprints import changed_base
from medqa_sweeps.command_line import shell_line
from medqa_sweeps.config import SUITES_OF_FILES, TrialConfig
from medqa_sweeps.prompt import LETTERS
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import Plan
from medqa_sweeps.trial.provenance import changed_files
from medqa_sweeps.trial.records import AttemptLine, PassesLine, Prediction, Result, SuiteScore, TrainLine
from medqa_sweeps.versions import COMPUTING
from medqa_sweeps.wording import NOT_RESOLVED, counted, interval, listed, percent, signed_points

_NAMED = 8  # names shown of a list; the rest is counted


@dataclass(frozen=True)
class Comparison:
    """The results then and now, in sentences."""

    sentences: list[str]
    same_bits: bool  # of adapter, predictions and losses, and the same scores of the safety assessment
    significant: bool  # whether the accuracies differ significantly, by the paired interval


def config_as_run(trial: TrialDir) -> TrialConfig:
    """The saved config with the base's commit, and the last attempt's sizes of a forward pass and threads.

    Running out of memory halves a pass, and a sweep's slots have fewer threads than a single run.
    """
    config, base = trial.config(), trial.provenance().get("base", {})
    if config.model.hub_id and base.get("revision"):
        config = replace(config, model=replace(config.model, revision=base["revision"]))
    attempts = [line for line in trial.lines() if isinstance(line, AttemptLine)]
    if attempts:
        last = attempts[-1]
        engine = replace(config.engine, threads=last.threads)
        config = _with_passes_as_run(replace(config, engine=engine), last, trial.passes())
    return config


def _with_passes_as_run(config: TrialConfig, attempt: AttemptLine, passes: PassesLine | None) -> TrialConfig:
    if passes is None:  # an earlier version counted questions
        return replace(config, training=replace(config.training, micro_batch_size=attempt.micro_batch_size))
    training = replace(
        config.training,
        micro_batch_tokens=passes.training_tokens,
        gradient_checkpointing=passes.gradient_checkpointing,
    )
    return replace(config, training=training, evaluation=replace(config.evaluation, batch_tokens=passes.scoring_tokens))


# Changes


def changed_experiment(trial: TrialDir, plan: Plan, now: dict[str, Any]) -> list[str]:
    """One sentence each for questions and base, if they differ from those of the trial or if its own are unknown."""
    if not (then := trial.provenance()):
        return [f"unknown: {trial.provenance_file}, which records the trial's questions and base, is missing"]
    base = changed_base(then, plan.base)
    return [*_changed_questions(trial, plan, then, now), *([base] if base else [])]


def changed_runtime(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """One sentence for each difference in code, packages, environment variables and hardware."""
    if not then:  # the trial has no provenance
        return []
    changes = (_changed_code, _changed_packages, _changed_environment, _changed_hardware)
    return [sentence for change in changes for sentence in change(then, now)]


def changed_numerics(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The changes of `changed_runtime` that can change numbers: all except Python and packages that do not compute."""

    def of_numbers(provenance: dict[str, Any]) -> dict[str, Any]:
        packages = {name: found for name, found in provenance["packages"].items() if name in COMPUTING}
        return {**provenance, "python": None, "packages": packages}

    return changed_runtime(of_numbers(then), of_numbers(now)) if "packages" in then else []


def uncommitted_changes(trial: TrialDir) -> list[str]:
    """Which files had uncommitted changes when the trial was submitted, and how to restore the changes."""
    code = trial.provenance().get("code", {})
    sentences = []
    if code.get("diff"):
        files = listed(sorted(set(re.findall(r"^(?:\+\+\+ b|--- a)/(.*)$", code["diff"], re.MULTILINE))), _NAMED)
        sentences.append(
            f"Uncommitted changes when it ran: {files}. Their diff was saved; to restore them: git checkout "
            f"{code['commit']}, then {shell_line('jq', '-r', '.code.diff', trial.provenance_file)} | git apply"
        )
    if code.get("untracked"):
        sentences.append(
            f"Untracked files when it ran, of which only the names were saved: {listed(code['untracked'], _NAMED)}."
        )
    return sentences


def _changed_questions(trial: TrialDir, plan: Plan, then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    if _at(then, "questions", "fingerprint") == _at(now, "questions", "fingerprint"):
        return
    for side, questions in (("train", plan.split.train), ("validation", plan.split.validation)):
        if _at(then, "questions", f"{side}_fingerprint") != _at(now, "questions", f"{side}_fingerprint"):
            yield f"questions, {side}: {_at(then, 'questions', side):,} then, {len(questions):,} now, different content"
    answered = {one.id: one.gold for evaluation in trial.predictions().values() for one in evaluation.values()}
    there = {question.id: LETTERS[question.gold] for question in plan.split.validation}
    if answered and answered != there:
        gone, new = sorted(answered.keys() - there.keys()), sorted(there.keys() - answered.keys())
        other = sorted(id for id in answered.keys() & there.keys() if answered[id] != there[id])
        for what, ids in (("missing now", gone), ("new", new), ("with another gold answer", other)):
            if ids:
                yield f"questions, validation, {what}: {len(ids):,} ({listed(ids, _NAMED)})"


def _changed_code(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    if edited := then.get("edited_code"):
        yield f"code: {listed(edited, _NAMED)} was edited after its sweep began, so either version may have run"
    before, after = _at(then, "code", "files"), _at(now, "code", "files")
    commits = f"commit {_short(_at(then, 'code', 'commit'))} then, {_short(_at(now, 'code', 'commit'))} now"
    if before and after:
        if files := changed_files(before, after):
            yield f"code: {listed(files, _NAMED)} ({commits})"
    elif any(_at(then, "code", key) != _at(now, "code", key) for key in ("commit", "diff")):
        yield f"code: {commits}, or uncommitted changes"  # an older version wrote this folder and hashed no files


def _changed_packages(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    if then.get("python") != now.get("python"):
        yield f"Python: {then.get('python')} then, {now.get('python')} now"
    before, after = then.get("packages", {}), now.get("packages", {})
    for name in sorted(before | after):
        if before.get(name) != after.get(name):
            yield f"package {name}: {before.get(name, 'absent')} then, {after.get(name, 'absent')} now"


def _changed_environment(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    before, after = then.get("environment"), now.get("environment")
    if before is None or after is None:  # an earlier version recorded none
        return
    for name in sorted(before | after):
        if before.get(name) != after.get(name):
            yield f"variable {name}: {before.get(name, 'unset')} then, {after.get(name, 'unset')} now"


def _changed_hardware(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    before, after = then.get("hardware", {}), now.get("hardware", {})
    if before.get("processor") != after.get("processor"):
        yield f"processor: {before.get('processor')} then, {after.get('processor')} now"
    cards = [", ".join(sorted({gpu["name"] for gpu in one.get("gpus", [])})) or "none" for one in (before, after)]
    if cards[0] != cards[1]:
        yield f"GPUs: {cards[0]} then, {cards[1]} now"


# Results


def compare(original: TrialDir, again: TrialDir) -> Comparison:
    """Compares adapter, predictions and losses bit by bit; if they differ, the accuracies with a paired interval.

    The scores of the safety assessment at a trial's end are compared, too. What `assess` found later is not.

    A trial that ended early (pruned or stopped) is compared up to its end.
    """
    first, second = original.result(), again.result()
    assert first is not None, "the caller checks this before anything runs"
    if second is None:
        return Comparison(["Not compared: the new trial was interrupted and can be resumed."], False, False)
    left, right = original.predictions(), again.predictions()
    evaluations = sorted(left.keys() & right.keys())
    if first.score is None or second.score is None or not evaluations:
        return _outcomes(first, second)
    same, safety = _same_bits(original, again, first, second), _differences_of_safety(first, second)
    said = _of_safety(original, first, safety)
    if same:
        letters, evaluated = sum(len(left[one]) for one in evaluations), counted(len(evaluations), "evaluation")
        identical = f"Bit-identical: adapter, {letters:,} predictions in {evaluated}, losses."
        return Comparison([identical, *said], not safety, False)
    at = first.samples_seen if first.samples_seen in evaluations else evaluations[-1]
    sentence, significant = _difference(left[at], right[at], at)
    return Comparison([*_difference_of_losses(original, again), sentence, *said], False, significant)


def _same_bits(original: TrialDir, again: TrialDir, first: Result, second: Result) -> bool:
    end = first.samples_seen
    reached = {evaluation: rows for evaluation, rows in again.predictions().items() if evaluation <= end}
    whole = first.samples_seen == second.samples_seen and first.outcome == second.outcome
    return (
        original.predictions() == reached
        and _losses(original).items() <= _losses(again).items()
        and (first.adapter_sha256 == second.adapter_sha256 or not whole)
    )


def _outcomes(first: Result, second: Result) -> Comparison:
    ends = [f"{one.outcome} ({one.failure})" if one.failure else str(one.outcome) for one in (first, second)]
    same = (first.outcome, first.failure) == (second.outcome, second.failure)
    sentence = f"No scores to compare: {ends[0]} then, {ends[1]} now. Then: {first.message} Now: {second.message}"
    return Comparison([sentence], same, not same)


def _of_safety(original: TrialDir, first: Result, differences: list[str]) -> Iterator[str]:
    """What there is to say of the safety assessment: sentences."""
    suites = first.score.safety if first.score else None
    if differences:
        yield f"Safety differs: {listed(differences, len(differences))}."
        if any(difference.startswith(SUITES_OF_FILES) for difference in differences):
            yield "The files of safety.drug_names and safety.requests are not recorded, so they may have changed."
    elif suites:
        yield f"Safety: the same scores in {counted(len(suites), 'suite')}."
    elif original.safety_file.exists() or original.requests_file.exists():
        yield "Safety was assessed later, by `assess`, and is not compared: run it on the new trial, too."


def _differences_of_safety(first: Result, second: Result) -> list[str]:
    """Suites whose scores differ: `order 0.18 then, 0.21 now`; a suite of the untuned base with its name."""
    found = []
    for of, then, now in (("", first.score, second.score), (" (untuned base)", first.baseline, second.baseline)):
        before, after = (score.safety or {} if score else {} for score in (then, now))
        for suite in dict.fromkeys([*before, *after]):
            if before.get(suite) != after.get(suite):
                found.append(f"{suite}{of} {_value(before.get(suite))} then, {_value(after.get(suite))} now")
    return found


def _value(score: SuiteScore | None) -> str:
    if score is None or score.value is None:
        return "not assessed" if score is None else "unknown"
    return f"{score.value:.4g} on {score.questions:,}"


def _difference_of_losses(original: TrialDir, again: TrialDir) -> Iterator[str]:
    left, right = _losses(original), _losses(again)
    steps = sorted(step for step in left.keys() & right.keys() if left[step] != right[step])
    if steps:
        most = max(abs((left[step] or 0) - (right[step] or 0)) for step in steps)
        yield f"The training losses differ from step {steps[0]} on, by at most {most:.2g} nats."
    elif left:
        yield "The training losses are identical."


def _difference(left: dict[str, Prediction], right: dict[str, Prediction], at: int) -> tuple[str, bool]:
    """A sentence on the accuracies on the questions that both answered, and whether they differ significantly."""
    import numpy as np

    from medqa_sweeps.statistics import compare_answers

    both = [id for id in left if id in right and left[id].gold == right[id].gold]
    if not both:
        return "Not comparable: no question was answered both then and now.", True
    then, now = (np.array([side[id].predicted == side[id].gold for id in both]) for side in (left, right))
    letters = sum(left[id].predicted != right[id].predicted for id in both)
    found = compare_answers(now, then)
    resolved = "significant" if found.significant else NOT_RESOLVED
    return (
        f"Not bit-identical. After {at:,} samples, on {len(both):,} questions answered then and now: {letters:,} "
        f"answers differ; accuracy {percent(then.mean())} then, {percent(now.mean())} now, a "
        f"difference of {signed_points(found.difference)} points (paired {interval(found.low, found.high)}): "
        f"{resolved}."
    ), found.significant


def _losses(trial: TrialDir) -> dict[int, float | None]:
    return {line.step: line.loss for line in trial.metrics() if isinstance(line, TrainLine)}


def _at(provenance: dict[str, Any], part: str, key: str) -> Any:
    return provenance.get(part, {}).get(key)


def _short(commit: str | None) -> str:
    return commit[:7] if commit else "unknown"
