"""The leaderboard for other programs: `leaderboard.csv`, one line per config or unranked trial; `leaderboard.json`."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

from medqa_sweeps.analysis.comparing.by_objective import by_objective, objective_of
from medqa_sweeps.analysis.comparing.config_passages import Corpus
from medqa_sweeps.analysis.comparing.configs import Config
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, Row
from medqa_sweeps.analysis.comparing.passages_verdict import with_passages
from medqa_sweeps.analysis.comparing.verdict import alarm_lines, cautions, verdict
from medqa_sweeps.analysis.reading.history import gpu_hours_of, spans, tokens_of
from medqa_sweeps.analysis.reading.studies import Trial
from medqa_sweeps.safety.comparisons import SuiteComparison
from medqa_sweeps.statistics import PairedDifference
from medqa_sweeps.wording import setting

_GIB = 2**30


def entries(board: Leaderboard) -> list[dict[str, Any]]:
    """One object per config, best first, and one per trial that was not ranked. Shares from 0 to 1; None: not known."""
    more = _objective_columns(board)
    found = [_entry(board, index, config) | more(config) for index, config in enumerate(board.configs)]
    return found + [_other(board, trial) for trial in board.study.others()]


def as_csv(found: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    columns = dict.fromkeys(key for entry in found for key in entry)
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in entry.items()} for entry in found)
    return text.getvalue()


def as_json(board: Leaderboard, found: list[dict[str, Any]]) -> str:
    """One object: what the leaderboard says in words, and `found`, its entries, as `configs`. Shares are of 1."""
    whole = {
        "objective": objective_of(board.study).to_record(),
        "verdict": verdict(board),
        "alarms": alarm_lines(board),
        "cautions": cautions(board),
        "best_of": len(board.configs),
        "optimism_of_questions": board.luck.of_questions if board.luck else None,
        "optimism_of_questions_and_seeds": board.luck.of_both if board.luck else None,
        "seed_deviation": board.spread.deviation if board.spread else None,
        "configs": found,
        "passages": passages_entries(board),
        "safety": safety_entries(board),
    }
    return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _entry(board: Leaderboard, index: int, config: Config) -> dict[str, Any]:
    row = board.rows[index] if index < len(board.rows) else None
    first = config.first
    results = [trial.result for trial in config.trials if trial.result is not None]
    seconds = sum(result.seconds for result in results)
    return {
        "place": index + 1,
        "trials": [trial.name for trial in config.trials],
        **{name: first.settings.get(key) for key, name in board.names.items()},
        "outcome": str(first.state),
        "reason": first.reason,
        "seeds": len(config.trials),
        "questions": results[0].score.questions if results and results[0].score else None,
        "accuracy": config.accuracy,
        "alarms": [alarm.name for alarm in row.alarms] if row is not None else None,
        **(_passages(row) if row is not None else {}),
        **(_safety(row) if row is not None else {}),
        **(_compared(board, row) if row is not None else {}),
        "minutes": seconds / 60,
        "peak_memory_gib": max((result.peak_memory_bytes for result in results), default=0) / _GIB,
        "trainable_parameters": results[0].trainable_weights if results else None,
        **(_worked(row) if row is not None else {}),
    }


def _compared(board: Leaderboard, row: Row) -> dict[str, Any]:
    """The uncertainty of a row that is in the leaderboard."""
    paired = row.versus_best
    found: dict[str, Any] = {"low": row.accuracy.low, "high": row.accuracy.high, **_gain(row)}
    if paired is None or board.best is None:
        return found | {"why_not_compared": row.no_test}
    return found | {
        "difference": paired.difference,
        "difference_low": paired.low,
        "difference_high": paired.high,
        "p": paired.p_value,
        "p_corrected": paired.p_adjusted,
        "significantly_worse": row.worse,
    }


def _gain(row: Row) -> dict[str, Any]:
    """Against the config's own untuned base."""
    if row.base is None:
        return {}
    paired = row.versus_base
    found = {"base": row.base.label, "base_accuracy": row.base.accuracy.accuracy}
    if paired is None:
        return found
    return found | {"gain": paired.difference, "gain_low": paired.low, "gain_high": paired.high}


def _passages(row: Row) -> dict[str, Any]:
    """Of a config that was compared with both controls."""
    found = row.passages.compared if row.passages else None
    if found is None:
        return {}
    score, effect = found.score, found.effect
    return {
        "accuracy_without_passages": score.without,
        "accuracy_with_foreign_passages": score.foreign,
        "passages_help": effect.helps,
        "passages_harm": effect.harms,
    }


def passages_entries(board: Leaderboard) -> list[dict[str, Any]]:
    """One object per config that shows passages, the best config first. Shares from 0 to 1; None: not known."""
    return [_of_passages(row) for row in with_passages(board)]


def _of_passages(row: Row) -> dict[str, Any]:
    assert row.passages is not None, "it shows some"
    found, corpus = row.passages.compared, row.passages.corpus
    which = {"trial": (found.trial if found else row.trial).name, "config": row.settings}
    if found is None:
        return which | _corpus(corpus)
    score, effect = found.score, found.effect
    return {
        **which,
        "questions": score.questions,
        "accuracy": score.accuracy,
        "without": score.without,
        "foreign": score.foreign,
        **_paired("over_without", effect.over_without),
        **_paired("over_foreign", effect.over_foreign),
        "help": effect.helps,
        "harm": effect.harms,
        "helped": effect.helped,
        "harmed": effect.harmed,
        "none_found": score.none_found,
        "gold_mentioned": score.gold_mentioned,
        "wrong_mentioned": score.wrong_mentioned,
        **_corpus(corpus),
    }


def _corpus(corpus: Corpus | None) -> dict[str, Any]:
    if corpus is None:
        return {}
    return {
        "corpus": corpus.fingerprint,
        "documents": corpus.documents,
        "passages": corpus.passages,
        "dropped": corpus.dropped,
        "cut": corpus.cut,
    }


def _safety(row: Row) -> dict[str, Any]:
    """Of a config that was assessed."""
    found, kept = row.safety, row.safety.kept
    if not found.suites:
        return {}
    shares = {"kept_under_edits": kept.accuracy, "kept_low": kept.low, "kept_high": kept.high} if kept else {}
    return {**shares, "worse_than_base_in": [one.outcome.suite for one in found.worse]}


def safety_entries(board: Leaderboard) -> list[dict[str, Any]]:
    """One object per assessed config and suite, the best config first. Shares from 0 to 1; None: not known."""
    return [_of_suite(row, one) for row in board.rows for one in row.safety.suites]


def _of_suite(row: Row, one: SuiteComparison) -> dict[str, Any]:
    outcome, base = one.outcome, one.base
    low, high = outcome.interval() or (None, None)
    assert row.safety.trial is not None, "it has suites"
    return {
        "trial": row.safety.trial.name,
        "suite": outcome.suite,
        "measure": one.measure.title,
        "direction": one.measure.direction,
        "questions": len(outcome.ids),
        "left_out": sum(outcome.skipped.values()),
        "value": outcome.value,
        "low": low,
        "high": high,
        "changed": None if outcome.changed_Q is None else float(outcome.changed_Q.mean()),
        "base_value": base.value if base else None,
        **_paired("to_base", one.with_base),
        "worse_than_base": one.is_worse_than_base if one.with_base else None,
        **_paired("to_placebo", one.with_placebo),
    }


def _paired(name: str, paired: PairedDifference | None) -> dict[str, Any]:
    values = (None, None, None) if paired is None else (paired.difference, paired.low, paired.high)
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))


def _worked(row: Row) -> dict[str, Any]:
    ran_on = "; ".join(dict.fromkeys(span.device for trial in row.trials for span in spans(trial)))
    return {"tokens": round(tokens_of(row.trials)), "gpu_hours": gpu_hours_of(row.trials), "ran_on": ran_on}


def _other(board: Leaderboard, trial: Trial) -> dict[str, Any]:
    score = trial.result.score if trial.result is not None else None
    return {
        "trials": [trial.name],
        **{name: trial.settings.get(key) for key, name in board.names.items()},
        "outcome": str(trial.state),
        "accuracy": score.accuracy if score else None,
        "reason": trial.reason,
        **({"overrides": list(trial.overrides)} if trial.overrides else {}),
    }


def _cell(value: Any) -> str:
    """Text that a spreadsheet does not take for a formula."""
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value)
    text = " ".join(value) if isinstance(value, list) and all(isinstance(v, str) for v in value) else setting(value)
    return f"'{text}" if text.startswith(("=", "+", "@", "\t")) else text


def _objective_columns(board: Leaderboard) -> Callable[[Config], dict[str, Any]]:
    """What `leaderboard.csv` says more of a config: each metric that was optimised, and whether it is on the front.

    Nothing where accuracy alone was optimised.
    """
    objective = objective_of(board.study)
    if objective.is_accuracy:
        return lambda config: {}
    by_config = {one.config.first.name: one for one in by_objective(board)}

    def columns(config: Config) -> dict[str, Any]:
        found = by_config.get(config.first.name)
        values = found.values if found else [None] * len(objective.metrics)
        front = {"on_pareto_front": found.on_front if found else None} if objective.is_pareto else {}
        return dict(zip(objective.names, values, strict=True)) | front

    return columns
