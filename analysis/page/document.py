"""The page: verdict, cautions, pictures, tables. One file that asks nothing of any network.

All text passes `markup.escaped`, and JSON in a script has its `<` written as an escape: a question that contains
`<script>` is shown, not run. A policy in the page itself forbids it to load anything.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import Template

from plotly.offline import get_plotlyjs

from analysis.comparing.confirmation_result import confirmation_of
from analysis.comparing.confirmation_verdict import sentences as confirmed_sentences
from analysis.comparing.leaderboard import Base, Leaderboard, Row
from analysis.comparing.settings import settings_in_words
from analysis.comparing.verdict import ALARMED, alarms_in_words, cautions, verdict
from analysis.export import gpu_hours_of, tokens_of
from analysis.page.chooser import chooser
from analysis.page.markup import escaped, json_in_script
from analysis.plots import Picture, Table
from analysis.plots.confirmation import confirmed_picture
from analysis.reading.final_tests import final_tests
from analysis.terminal.printing import counts, names_of_trials
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.statistics import PairedDifference
from medqa_sweeps.wording import compact, in_percent, signed_points

_HERE = Path(__file__).parent
OTHERS = 50  # trials without a score that are listed
_REASON_CHARACTERS = 400

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
script-src 'unsafe-inline' 'unsafe-eval'; img-src data: blob:">
<title>$title</title>
<style>$css</style>
</head>
<body>
<a class="skip" href="#verdict">To the verdict</a>
<header>
<h1>$title</h1>
<p class="soft">$counts</p>
$beside
<nav aria-label="Parts of this page"><ul>$links</ul></nav>
</header>
<main>
<section aria-labelledby="verdict">
<h2 id="verdict" tabindex="-1">Verdict</h2>
<p class="verdict">$verdict</p>
$alarms
<ul class="cautions" aria-label="What to keep in mind">$cautions</ul>
</section>
<section aria-labelledby="leaderboard"><h2 id="leaderboard">Leaderboard</h2>
$leaderboard
</section>
$others
$since
<section aria-labelledby="pictures"><h2 id="pictures">Plots</h2>
$pictures
</section>
</main>
<footer><p>$disclaimer</p></footer>
<script>$plotly</script>
<script>$script</script>
</body>
</html>
""")


def page(board: Leaderboard, title: str, pictures: Sequence[Picture], beside: Sequence[str] = ()) -> str:
    """The whole HTML document.

    Args:
        beside: file names of the pages for the other sets of validation questions.
    """
    said, since = cautions(board), _since(board)
    links = [("verdict", "Verdict"), ("leaderboard", "Leaderboard"), *((name, text) for name, text, _ in since)]
    links += [(p.name, p.title) for p in pictures]
    drawn = "\n".join([*map(_picture, pictures), chooser(board)])
    afterwards = "\n".join(section for _, _, section in since)
    return _PAGE.substitute(
        title=escaped(title),
        css=(_HERE / "page.css").read_text(encoding="utf-8"),
        script="".join((_HERE / name).read_text(encoding="utf-8") for name in ("chooser.js", "page.js")),
        plotly=get_plotlyjs() if "data-plot=" in drawn + afterwards else "",
        counts=escaped(counts(board.study.trials)),
        beside=_beside(beside),
        links="".join(f'<li><a href="#{name}">{escaped(text)}</a></li>' for name, text in links),
        verdict=escaped(verdict(board)),
        alarms=_alarms(board),
        cautions="".join(f"<li>{escaped(sentence)}</li>" for sentence in said),
        pictures=drawn.strip() or "<p>Nothing to draw yet.</p>",
        since=afterwards,
        leaderboard=_leaderboard(board),
        others=_others(board),
        disclaimer=escaped(said[-1]),
    )


def _alarms(board: Leaderboard) -> str:
    lines = alarms_in_words(board)
    items = "".join(f"<li>{escaped(line)}</li>" for line in lines)
    return f'<div class="alarms" role="note"><p>{escaped(ALARMED)}</p><ul>{items}</ul></div>' if lines else ""


def _beside(pages: Sequence[str]) -> str:
    if not pages:
        return ""
    links = ", ".join(f'<a href="{escaped(name)}">{escaped(name)}</a>' for name in pages)
    return f'<p class="soft">Other trials answered other validation questions, so they are compared apart: {links}</p>'


def _since(board: Leaderboard) -> list[tuple[str, str, str]]:
    """What fresh seeds and the locked test questions said of the study afterwards: name, title and section of each."""
    parts: list[tuple[str, str, str]] = []
    if board.study.several:
        return parts
    try:
        if confirmed := confirmation_of(board.study.folder):
            drawn = _picture(confirmed_picture(confirmed))
            parts.append(_afterwards("fresh-seeds", "Confirmed under new seeds", confirmed_sentences(confirmed), drawn))
        if tests := [f"{test.when}: {' '.join(test.sentences)}" for test in final_tests(board.study.folder)]:
            parts.append(_afterwards("final-tests", "On the locked test questions", tests))
    except ConfigError as error:
        parts.append(_afterwards("damaged", "Afterwards", [str(error)]))
    return parts


def _afterwards(name: str, title: str, told: Sequence[str], drawn: str = "") -> tuple[str, str, str]:
    items = "".join(f"<li>{escaped(sentence)}</li>" for sentence in told)
    heading = f'<h2 id="{name}">{escaped(title)}</h2>'
    return name, title, f'<section aria-labelledby="{name}">{heading}<ul>{items}</ul>{drawn}</section>'


def _picture(picture: Picture) -> str:
    name = picture.name
    parts = [
        f'<figure aria-labelledby="{name}" aria-describedby="{name}-says">',
        f'<h3 id="{name}">{escaped(picture.title)}</h3>',
        f'<figcaption id="{name}-says">{escaped(picture.says)}</figcaption>',
    ]
    if picture.figure is not None:
        height = picture.figure.layout.height
        parts.append(
            f'<div class="plot" id="{name}-plot" role="img" aria-label="{escaped(picture.title)}: '
            f'{escaped(picture.says)}" style="min-height:{height}px"></div>'
            f'<script type="application/json" data-plot="{name}-plot">{_json(picture)}</script>'
        )
    for table in picture.tables:
        parts.append(f"<details><summary>{escaped(table.caption)}</summary>{_table(table)}</details>")
    return "\n".join([*parts, "</figure>"])


def _json(picture: Picture) -> str:
    assert picture.figure is not None
    data = json.loads(picture.figure.to_json())
    data["layout"].pop("template", None)
    return json_in_script(data)


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escaped(cell)}</th>' for cell in table.header)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in table.rows)
    return _framed(f"<caption>{escaped(table.caption)}</caption><thead><tr>{head}</tr></thead>{body}", table.caption)


def _cells(row: Iterable[str]) -> str:
    first, *rest = row
    kind = ' class="text"' if len(first) > 60 else ""
    return f'<th scope="row"{kind} style="font-weight:400">{escaped(first)}</th>' + "".join(
        f"<td>{escaped(cell)}</td>" for cell in rest
    )


def _framed(inside: str, name: str) -> str:
    """A table that scrolls in its own frame, also by keyboard."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{escaped(name)}"><table>{inside}</table></div>'


_NUMBERS = ("accuracy, %", "95% CI", "points to best", "95% CI of the test", "gain over own base", "95% CI of the gain")
_COSTS = ("tokens", "minutes", "GPU hours", "memory, GiB", "parameters")
_CAPTION = (
    "Validation accuracy, best first. worse: significantly worse than the best; not resolved: the difference could be "
    "chance. The CI of the test excludes 0 exactly for those that are worse. The gain over a config's own untuned base "
    "has a CI that holds for all rows together. Tokens, minutes and GPU hours are sums over seeds."
)


def _leaderboard(board: Leaderboard) -> str:
    if not board.rows:
        return "<p>No trial has completed its planned training.</p>"
    has_settings = any(row.settings for row in board.rows)
    names = ("trial", *(["config"] if has_settings else []), *_NUMBERS, "verdict", *_COSTS, "outcome")
    numbers = {*_NUMBERS, *_COSTS}
    head = "".join(f'<th scope="col"{_number(name in numbers)}>{escaped(name)}</th>' for name in names)
    rows = [_config_row(board, row, names) for row in board.rows]
    rows += [_base_row(base, names) for base in board.bases]
    table = _framed(f"<caption>Leaderboard</caption><thead><tr>{head}</tr></thead>{''.join(rows)}", "Leaderboard")
    more = f"<p>{board.not_shown:,} more are in <code>leaderboard.csv</code>.</p>" if board.not_shown else ""
    return f'<p class="soft">{escaped(_CAPTION)}</p>{table}{more}'


def _config_row(board: Leaderboard, row: Row, names: Sequence[str]) -> str:
    cells = {
        "config": row.settings or row.label,
        **_accuracy(row),
        **_difference(row.versus_best, "points to best", "95% CI of the test"),
        **_difference(row.versus_base, "gain over own base", "95% CI of the gain"),
        "verdict": _verdict_word(board, row),
        **_costs(row),
        "outcome": "; ".join(dict.fromkeys(trial.reason or str(trial.state) for trial in row.trials)),
    }
    return _row(
        names_of_trials(row) + " !" * bool(row.alarms), cells, names, " class=best" if row is board.best else ""
    )


def _base_row(base: Base, names: Sequence[str]) -> str:
    return _row("base", {"config": base.label, **_accuracy(base), "outcome": "untuned"}, names)


def _row(name: str, cells: Mapping[str, str], names: Sequence[str], mark: str = "") -> str:
    body = "".join(
        f"<td{_number(name in _NUMBERS or name in _COSTS)}>{escaped(cells.get(name, ''))}</td>" for name in names[1:]
    )
    return f'<tr{mark}><th scope="row">{escaped(name)}</th>{body}</tr>'


def _accuracy(row: Row | Base) -> dict[str, str]:
    estimate = row.accuracy
    limits = f"{in_percent(estimate.low)} to {in_percent(estimate.high)}"
    return {"accuracy, %": in_percent(estimate.accuracy), "95% CI": limits}


def _difference(paired: PairedDifference | None, name: str, limits: str) -> dict[str, str]:
    if paired is None:
        return {}
    found = f"{signed_points(paired.low)} to {signed_points(paired.high)}"
    return {name: signed_points(paired.difference), limits: found}


def _verdict_word(board: Leaderboard, row: Row) -> str:
    if row is board.best:
        return "best"
    return "worse" if row.worse else "not resolved" if row.not_resolved else "not compared"


def _costs(row: Row) -> dict[str, str]:
    results = [trial.result for trial in row.trials if trial.result is not None]
    hours = gpu_hours_of(row)
    return {
        "tokens": compact(round(tokens_of(row))),
        "minutes": f"{sum(result.seconds for result in results) / 60:.1f}",
        "GPU hours": f"{hours:.2f}" if hours else "none",
        "memory, GiB": f"{max(result.peak_memory_bytes for result in results) / 2**30:.1f}",
        "parameters": compact(results[0].trainable_weights),
    }


def _others(board: Leaderboard) -> str:
    """The trials that could not be ranked, and folders that could not be read."""
    others, unreadable = board.study.others(), board.study.unreadable
    if not others and not unreadable:
        return ""
    rows = [
        (t.name, settings_in_words(t, board.names), str(t.state), t.reason[:_REASON_CHARACTERS])
        for t in others[:OTHERS]
    ]
    parts = ['<section aria-labelledby="others"><h2 id="others">Not ranked</h2>']
    if rows:
        parts.append(_table(Table("Every other trial", ("trial", "config", "outcome", "why"), rows)))
    if len(others) > OTHERS:
        parts.append(f"<p>and {len(others) - OTHERS:,} more: {escaped(counts(others[OTHERS:]))}</p>")
    parts += [f"<p>{escaped(sentence)}</p>" for sentence in unreadable[:OTHERS]]
    return "\n".join([*parts, "</section>"])


def _number(is_one: bool) -> str:
    return ' class="number"' if is_one else ""
