"""The page: verdict, cautions, pictures, tables. One file that asks nothing of any network.

All text passes `markup.escaped`, and JSON in a script has its `<` written as an escape: a question that contains
`<script>` is shown, not run. A policy in the page itself forbids it to load anything.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template

from plotly.offline import get_plotlyjs

from analysis.chooser import chooser
from analysis.confirmation import confirmation_of
from analysis.confirmation_verdict import sentences
from analysis.export import gpu_hours_of, tokens_of
from analysis.leaderboard import Leaderboard, Row
from analysis.ledger import final_tests
from analysis.markup import escaped, json_in_script
from analysis.pictures import Picture, Table
from analysis.pictures.confirmed import confirmed_picture
from analysis.settings import settings_in_words
from analysis.terminal import compact, counts, names_of_trials
from analysis.verdict import cautions, percent, verdict
from medqa_sweeps.errors import ConfigError

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
<nav aria-label="Parts of this page"><ul>$links</ul></nav>
</header>
<main>
<section aria-labelledby="verdict">
<h2 id="verdict" tabindex="-1">Verdict</h2>
<p class="verdict">$verdict</p>
<ul class="cautions" aria-label="What to keep in mind">$cautions</ul>
</section>
$since
<section aria-labelledby="pictures"><h2 id="pictures">Pictures</h2>
$pictures
</section>
<section aria-labelledby="leaderboard"><h2 id="leaderboard">Leaderboard</h2>
$leaderboard
</section>
$others
</main>
<footer><p>$disclaimer</p></footer>
<script>$plotly</script>
<script>$script</script>
</body>
</html>
""")


def page(board: Leaderboard, title: str, pictures: Sequence[Picture]) -> str:
    """The whole HTML document."""
    said, since = cautions(board), _since(board)
    links = [("verdict", "Verdict"), *((name, text) for name, text, _ in since)]
    links += [*((p.name, p.title) for p in pictures), ("leaderboard", "Leaderboard")]
    drawn = "\n".join([*map(_picture, pictures), chooser(board)])
    afterwards = "\n".join(section for _, _, section in since)
    return _PAGE.substitute(
        title=escaped(title),
        css=(_HERE / "page.css").read_text(encoding="utf-8"),
        script="".join((_HERE / name).read_text(encoding="utf-8") for name in ("pair.js", "page.js")),
        plotly=get_plotlyjs() if "data-plot=" in drawn + afterwards else "",
        counts=escaped(counts(board.study.trials)),
        links="".join(f'<li><a href="#{name}">{escaped(text)}</a></li>' for name, text in links),
        verdict=escaped(verdict(board)),
        cautions="".join(f"<li>{escaped(sentence)}</li>" for sentence in said),
        pictures=drawn.strip() or "<p>Nothing to draw yet.</p>",
        since=afterwards,
        leaderboard=_leaderboard(board),
        others=_others(board),
        disclaimer=escaped(said[-1]),
    )


def _since(board: Leaderboard) -> list[tuple[str, str, str]]:
    """What fresh seeds and the locked test questions said of the study afterwards: name, title and section of each."""
    parts = []
    try:
        if confirmed := confirmation_of(board.study.folder):
            drawn = _picture(confirmed_picture(confirmed))
            parts.append(_afterwards("fresh-seeds", "Confirmed under fresh seeds", sentences(confirmed), drawn))
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


_NUMBERS = ("accuracy, %", "95 % interval", "points to best", "paired 95 % interval")
_COSTS = ("tokens", "minutes", "GPU hours", "memory, GiB", "weights")


def _leaderboard(board: Leaderboard) -> str:
    if not board.rows:
        return "<p>No trial has completed yet.</p>"
    has_settings = any(row.settings for row in board.rows)
    names = ("trial", *(["config"] if has_settings else []), *_NUMBERS, "verdict", *_COSTS, "outcome")
    numbers = {*_NUMBERS, *_COSTS}
    head = "".join(f'<th scope="col"{_number(name in numbers)}>{escaped(name)}</th>' for name in names)
    rows = [_row(board, row, names) for row in [*board.rows, *([board.base] if board.base else [])]]
    caption = (
        "Validation accuracy, best first. tied: cannot be told apart from the best, after correction for all pairs. "
        "Tokens, minutes and GPU hours are sums over seeds."
    )
    table = _framed(f"<caption>Leaderboard</caption><thead><tr>{head}</tr></thead>{''.join(rows)}", "Leaderboard")
    more = f"<p>{board.not_shown:,} more are in <code>leaderboard.csv</code>.</p>" if board.not_shown else ""
    return f'<p class="soft">{escaped(caption)}</p>{table}{more}'


def _row(board: Leaderboard, row: Row, names: Sequence[str]) -> str:
    is_base = row is board.base
    paired, estimate = row.versus_best, row.accuracy
    word = "best" if row is board.best else "" if paired is None else "tied" if row.tied_with_best else ""
    word = word or ("not compared" if paired is None else "worse" if paired.difference < 0 else "better")
    cells = {
        "config": row.settings or row.label,
        "accuracy, %": percent(estimate.accuracy),
        "95 % interval": f"{percent(estimate.low)} to {percent(estimate.high)}",
        "points to best": "" if paired is None else percent(paired.difference),
        "paired 95 % interval": "" if paired is None else f"{percent(paired.low)} to {percent(paired.high)}",
        "verdict": word,
        **({} if is_base else _costs(row)),
        "outcome": "untuned" if is_base else str(row.trial.state),
    }
    body = "".join(
        f"<td{_number(name in _NUMBERS or name in _COSTS)}>{escaped(cells.get(name, ''))}</td>" for name in names[1:]
    )
    trial = "base" if is_base else names_of_trials(row)
    return f'<tr{" class=best" if row is board.best else ""}><th scope="row">{escaped(trial)}</th>{body}</tr>'


def _costs(row: Row) -> dict[str, str]:
    results = [trial.result for trial in row.trials if trial.result is not None]
    hours = gpu_hours_of(row)
    return {
        "tokens": compact(round(tokens_of(row))),
        "minutes": f"{sum(result.seconds for result in results) / 60:.1f}",
        "GPU hours": f"{hours:.2f}" if hours else "none",
        "memory, GiB": f"{max(result.peak_memory_bytes for result in results) / 2**30:.1f}",
        "weights": compact(results[0].trainable_weights),
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
        parts.append(_table(Table("Trials without a final score", ("trial", "config", "outcome", "why"), rows)))
    if len(others) > OTHERS:
        parts.append(f"<p>and {len(others) - OTHERS:,} more: {escaped(counts(others[OTHERS:]))}</p>")
    parts += [f"<p>{escaped(sentence)}</p>" for sentence in unreadable[:OTHERS]]
    return "\n".join([*parts, "</section>"])


def _number(is_one: bool) -> str:
    return ' class="number"' if is_one else ""
