"""The trials of the page: the leaderboard, and every trial that could not be ranked with its reason."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from medqa_sweeps.analysis.comparing.configs import Config, settings_text, varying_keys
from medqa_sweeps.analysis.comparing.leaderboard import Base, Leaderboard, Row
from medqa_sweeps.analysis.comparing.verdict import GAIN_CI, TEST_CI, VERDICTS, resume_text
from medqa_sweeps.analysis.page.live_table import Column, LiveTable, live_table_html
from medqa_sweeps.analysis.page.markup import escaped
from medqa_sweeps.analysis.reading.history import spans, tokens_of
from medqa_sweeps.analysis.reading.studies import Study, Trial
from medqa_sweeps.command_line import command
from medqa_sweeps.statistics import Estimate, PairedDifference
from medqa_sweeps.wording import (
    CI,
    compact,
    counted,
    in_percent,
    limits,
    sentences,
    setting,
    short_names,
    signed_points,
)

OTHERS = 50  # trials without a score that are listed without a script
_REASON_CHARACTERS = 400
_TO_BEST, _GAIN = "difference from the best, points", "gain over the untuned base, points"
_KEPT = "kept under edits, %"
_OF_SEVERAL = ("place", "verdict", _TO_BEST)  # columns that say nothing of one config
_COLUMNS = (
    Column("place", "number"),
    Column("trial", "trial"),
    Column("config"),
    Column("accuracy, %", "number", highest_first=True),
    Column(_TO_BEST, "number", highest_first=True),
    Column("verdict"),
    Column("seeds", "number"),
    Column(_GAIN, "number", highest_first=True),
    Column(_KEPT, "number", highest_first=True),
    Column("trainable parameters", "number"),
    Column("training tokens", "number"),
    Column("minutes", "number"),
    Column("memory, GiB", "number"),
    Column("ran on"),
)
_CAPTION = (
    f"Validation accuracy, each with its own, uncorrected {CI}; best first. {sentences(VERDICTS)} The difference from "
    f"the best: {TEST_CI}. The gains over a config's own untuned base have {GAIN_CI}. Tokens and minutes are sums over "
    "seeds. A ! behind a trial's number: it raised an alarm."
)
_CAPTION_OF_KEPT = (
    " Kept under edits: the share of the assessed questions that are right as they are and under every edit "
    f"that keeps the answer, with its {CI} (Wilson; of several seeds, the mean)."
)
_CAPTION_OF_ONE = f"Validation accuracy and the gain over the untuned base, each with its {CI}."


def leaderboard_html(board: Leaderboard, folder: Path) -> str:
    """Every config, in a table that can be sorted and filtered; without a script the first of them.

    Args:
        folder: of the page, from which the trials' folders are linked.
    """
    if not board.rows:
        return "<p>No trial has completed its planned training.</p>"
    cells = [_config_cells(board, index, config) for index, config in enumerate(board.configs)]
    ran_on = [_ran_on(config) for config in board.configs]
    if len({node for nodes in ran_on for node in nodes}) > 1:
        cells = [{**row, "ran on": ", ".join(nodes)} for row, nodes in zip(cells, ran_on, strict=True)]
    bases = [{"trial": "base", **_base_cells(board, base)} for base in board.bases]
    if len({len(config.trials) for config in board.configs}) > 1:
        cells = [{**row, "seeds": str(len(config.trials))} for row, config in zip(cells, board.configs, strict=True)]
    left_out = _OF_SEVERAL if len(board.configs) == 1 else ()
    known = [one for one in _COLUMNS if one.name not in left_out and any(row.get(one.name) for row in cells)]
    table = LiveTable(
        name="configs",
        caption="Leaderboard",
        columns=known,
        rows=cells,
        settings=_settings(board.names, [config.first for config in board.configs]),
        foot=bases,
        links=links_to(board.study, folder),
        static=len(board.rows),
        noun="config",
    )
    caption = (_CAPTION_OF_ONE if len(board.configs) == 1 else _CAPTION) + _CAPTION_OF_KEPT * board.shows_kept
    return f'<p class="soft">{escaped(caption)}</p>{live_table_html(table)}'


def not_ranked_html(board: Leaderboard, folder: Path) -> str:
    """The trials that could not be ranked, and folders that could not be read."""
    others, unreadable = board.study.others(), board.study.unreadable
    if not others and not unreadable:
        return ""
    parts = ['<section aria-labelledby="others"><h2 id="others">Not ranked</h2>']
    if unfinished := board.study.to_resume():
        resume = command("resume", board.study.folder)
        parts.append(f"<p>{escaped(resume_text(unfinished))} <code>{escaped(resume)}</code></p>")
    if others:
        names = short_names(varying_keys(board.study.trials))  # with the seed, which is no part of a config
        rows = [
            {
                "trial": trial.name,
                "config": settings_text(trial, names),
                "outcome": str(trial.state),
                "why": trial.why[:_REASON_CHARACTERS],
            }
            for trial in others
        ]
        columns = [Column("trial", "trial"), Column("config"), Column("outcome"), Column("why", "words")]
        known = [column for column in columns if any(row[column.name] for row in rows)]
        links = links_to(board.study, folder)
        settings = _settings(names, others)
        table = LiveTable("unranked", "Trials without a rank", known, rows, settings, (), links, OTHERS, "trial")
        parts.append(live_table_html(table))
    parts += [f"<p>{escaped(sentence)}</p>" for sentence in unreadable[:OTHERS]]
    if len(unreadable) > OTHERS:
        parts.append(f"<p>{counted(len(unreadable) - OTHERS, 'more folder')} could not be read.</p>")
    return "\n".join([*parts, "</section>"])


def links_to(study: Study, folder: Path) -> dict[str, str]:
    """By name of a trial that has a folder, where that is from the page's own folder."""
    with_folder = [trial for trial in study.trials if trial.settings]
    of_study = {parent: link_to(parent, folder) for parent in {trial.directory.path.parent for trial in with_folder}}
    return {
        trial.name: f"{of_study[trial.directory.path.parent]}{quote(trial.directory.path.name)}/"
        for trial in with_folder
    }


def link_to(there: Path, folder: Path) -> str:
    """The address of one folder on a page in another."""
    return quote(os.path.relpath(os.path.abspath(there), os.path.abspath(folder))) + "/"


def _settings(names: Mapping[str, str], trials: Sequence[Trial]) -> dict[str, list[str]]:
    """By short name, the value of each trial: what can be sorted by."""
    return {name: [setting(trial.settings.get(key)) for trial in trials] for key, name in names.items()}


def _config_cells(board: Leaderboard, index: int, config: Config) -> dict[str, str]:
    row = board.rows[index] if index < len(board.rows) else None
    cells = {"place": str(index + 1), "trial": row.marked_names if row else config.trial_names}
    cells["config"] = settings_text(config.first, board.names)
    if note := "; ".join(dict.fromkeys(trial.reason for trial in config.trials if trial.reason)):
        cells["config"] += f"\n{note}"
    return cells | (_compared(board, row) if row else _scored(config)) | _costs(config, row)


def _compared(board: Leaderboard, row: Row) -> dict[str, str]:
    is_best = row is board.best
    to_best = {_TO_BEST: "0.0"} if is_best else _difference(row.versus_best, _TO_BEST)
    gain = _difference(row.versus_base, _GAIN)
    kept = _kept(row.safety.kept if board.shows_kept else None)
    return {**_accuracy(row), **to_best, **gain, **kept, "verdict": "best" if is_best else row.verdict}


def _scored(config: Config) -> dict[str, str]:
    """Of a config that is not tested: its accuracy, with the interval of its score if it has one seed."""
    result = config.first.result
    cell = in_percent(config.accuracy)
    if len(config.trials) == 1 and result is not None and result.score is not None:
        cell += f"\n{limits(result.score.low, result.score.high)}"
    return {"accuracy, %": cell, "verdict": "not tested"}


def _base_cells(board: Leaderboard, base: Base) -> dict[str, str]:
    """Of an untuned base; what it keeps under edits is with each of its configs."""
    kept = [row.safety.base_kept for row in board.rows if row.base and row.base.settings == base.settings]
    known = next((one for one in kept if one is not None and board.shows_kept), None)
    return {"config": base.settings or "untuned", **_accuracy(base), **_kept(known)}


def _accuracy(row: Row | Base) -> dict[str, str]:
    return {"accuracy, %": _share(row.accuracy)}


def _kept(found: Estimate | None) -> dict[str, str]:
    return {} if found is None else {_KEPT: _share(found)}


def _share(found: Estimate) -> str:
    return f"{in_percent(found.accuracy)}\n{limits(found.low, found.high)}"


def _difference(paired: PairedDifference | None, name: str) -> dict[str, str]:
    if paired is None:
        return {}
    interval = f"{signed_points(paired.low)} to {signed_points(paired.high)}"
    return {name: f"{signed_points(paired.difference)}\n{interval}"}


def _ran_on(config: Config) -> list[str]:
    """The nodes of its trials, in the order of their attempts."""
    return list(dict.fromkeys(span.machine for trial in config.trials for span in spans(trial)))


def _costs(config: Config, row: Row | None) -> dict[str, str]:
    results = [trial.result for trial in config.trials if trial.result is not None]
    return {
        "trainable parameters": compact(results[0].trainable_weights),
        "training tokens": compact(round(tokens_of(config.trials))) if row else "",
        "minutes": f"{sum(result.seconds for result in results) / 60:.1f}",
        "memory, GiB": f"{max(result.peak_memory_bytes for result in results) / 2**30:.1f}",
    }
