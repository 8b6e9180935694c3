"""The page's section on passages: each config that shows any, beside itself without them and with another question's.

Every figure and sentence is made from the trials' records by `medqa_sweeps.passages`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from medqa_sweeps.analysis.comparing.config_passages import Compared, Corpus
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, Row
from medqa_sweeps.analysis.comparing.passages_verdict import passages_sentences, with_passages
from medqa_sweeps.analysis.page.live_table import Column, LiveTable, live_table_html
from medqa_sweeps.analysis.page.markup import escaped
from medqa_sweeps.analysis.page.trial_tables import links_to
from medqa_sweeps.passages.statements import claim
from medqa_sweeps.statistics import PairedDifference
from medqa_sweeps.wording import CI, counted, in_percent, limits, listed, sentences, signed_points

NAME, TITLE = "passages", "Passages"
_WITH, _WITHOUT, _FOREIGN = "with passages, %", "without, %", "another question's, %"
_OVER_WITHOUT, _OVER_FOREIGN = "with minus without, points", "with minus another's, points"
_GOLD, _WRONG = "correct option named, %", "wrong options named, %"
_COLUMNS = (
    Column("trial", "trial"),
    Column("config"),
    *(Column(name, "number", highest_first=True) for name in (_WITH, _WITHOUT, _FOREIGN, _OVER_WITHOUT, _OVER_FOREIGN)),
    Column("passages"),
    Column("helped", "number", highest_first=True),
    Column("harmed", "number", highest_first=True),
    Column("none found", "number", highest_first=True),
    Column(_GOLD, "number", highest_first=True),
    Column(_WRONG, "number", highest_first=True),
)
_CAPTION = (
    "Accuracy of the same model on the questions that have passages: with them, without, and with another question's. "
    f"The differences are paired by question, each with its {CI}{{corrected}}. Passages “help” only if the model is "
    "significantly better with them than with either control: more text alone changes answers. Helped and harmed count "
    "questions answered correctly only with, or only without. None found: questions that share no word with any "
    "passage. Named: the share of questions whose passages name the correct option, and the mean share of wrong ones. "
    "Intervals allow for the choice of questions, not for another seed."
)
_OF_SEVERAL = "Of several seeds, the first that has both controls is shown."


def passages_html(board: Leaderboard, folder: Path) -> str:
    """The section; "" if no config shows passages.

    Args:
        folder: of the page, from which the trials' folders are linked.
    """
    said = passages_sentences(board)
    if not said:
        return ""
    rows = with_passages(board)
    parts = [f'<section aria-labelledby="{NAME}"><h2 id="{NAME}">{TITLE}</h2>', f"<p>{escaped(' '.join(said))}</p>"]
    if any(row.passages and row.passages.compared for row in rows):
        parts.append(_figures(board, rows, folder))
    parts += _corpora(rows)
    parts += [f"<p>{escaped(one)}</p>" for row in rows if row.passages for one in row.passages.damaged]
    return "\n".join([*parts, "</section>"])


def _figures(board: Leaderboard, rows: Sequence[Row], folder: Path) -> str:
    has_settings = any(row.settings for row in rows)
    place = f"place of {len(board.configs):,}"  # among those without passages, too
    table = LiveTable(
        name="controls",
        caption="Accuracy with passages, without, and with another question's",
        columns=[Column(place, "number")] + [column for column in _COLUMNS if has_settings or column.name != "config"],
        rows=[{place: str(number), **_cells(row)} for number, row in enumerate(board.rows, start=1) if row.passages],
        static=len(rows),
        links=links_to(board.study, folder),
        noun="config",
    )
    configs = len(board.configs)
    corrected = f", corrected for {counted(configs, 'config')} (Bonferroni)" if configs > 1 else ""
    notes = [_CAPTION.format(corrected=corrected), *([_OF_SEVERAL] if any(len(row.trials) > 1 for row in rows) else [])]
    return f'<p class="soft">{escaped(" ".join(notes))}</p>{live_table_html(table)}'


def _cells(row: Row) -> dict[str, str]:
    found = row.passages.compared if row.passages else None
    shown = found.trial if found else row.trial
    cells = {"trial": shown.name, "config": row.settings}
    return cells | (_measured(found) if found else {"passages": "not compared"})


def _measured(found: Compared) -> dict[str, str]:
    score, effect = found.score, found.effect
    return {
        _WITH: in_percent(score.accuracy),
        _WITHOUT: in_percent(score.without),
        _FOREIGN: in_percent(score.foreign),
        _OVER_WITHOUT: _difference(effect.over_without),
        _OVER_FOREIGN: _difference(effect.over_foreign),
        "passages": claim(effect).removeprefix("are "),
        "helped": f"{effect.helped:,}",
        "harmed": f"{effect.harmed:,}",
        "none found": f"{score.none_found:,}",
        _GOLD: "" if score.gold_mentioned is None else in_percent(score.gold_mentioned),
        _WRONG: "" if score.wrong_mentioned is None else in_percent(score.wrong_mentioned),
    }


def _difference(paired: PairedDifference) -> str:
    return f"{signed_points(paired.difference)}\n{limits(paired.low, paired.high)}"


def _corpora(rows: Sequence[Row]) -> Iterator[str]:
    """Where the passages come from, and what was left out, in a list: of several corpora, or numbers of cut passages,
    a line each."""
    of: dict[Corpus, list[str]] = {}
    for row in rows:
        if row.passages and row.passages.corpus:
            of.setdefault(row.passages.corpus, []).append(row.label)
    if of:
        items = "".join(f"<li>{escaped(_origin(one, names))}</li>" for one, names in of.items())
        yield f"<p>Where the passages come from:</p><ul>{items}</ul>"


def _origin(one: Corpus, names: Sequence[str]) -> str:
    reasons = "; ".join(f"{reason}: {count:,}" for reason, count in one.left_out)
    many = counted(one.passages, "passage")
    return sentences(
        f"{many} of {counted(one.documents, 'document')}, for {listed(names)} (corpus {one.fingerprint})",
        *(one.leaks or ["No passage holds a question or states the letter of an answer"]),
        "These passages were shown" if one.keeps_leaks else "",
        f"For that {counted(one.dropped, 'passage')} {_was(one.dropped)} left out" if one.dropped else "",
        f"{counted(one.cut, 'passage')} {_was(one.cut)} cut to retrieval.max_passage_tokens" if one.cut else "",
        f"Left out while the files were read: {reasons}" if reasons else "",
    )


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
