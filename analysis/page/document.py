"""The whole page: what study it is, verdict, cautions, tables, plots. One file that loads nothing from a network.

All text passes `markup.escaped`, and JSON in a script has its `<` written as an escape: a question that contains
`<script>` is shown, not run. A policy in the page itself forbids it to load anything.
"""

from collections.abc import Sequence
from pathlib import Path
from string import Template

from plotly.offline import get_plotlyjs

from medqa_sweeps.analysis.comparing.confirmation_result import confirmation_of
from medqa_sweeps.analysis.comparing.confirmation_verdict import confirmation_sentences
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard
from medqa_sweeps.analysis.comparing.verdict import about_alarms, alarm_lines, cautions, verdict
from medqa_sweeps.analysis.page.about import facts, methods, read_grounds
from medqa_sweeps.analysis.page.chooser import chooser
from medqa_sweeps.analysis.page.markup import escaped
from medqa_sweeps.analysis.page.passages_section import NAME as PASSAGES, TITLE as PASSAGES_TITLE, passages_html
from medqa_sweeps.analysis.page.plot_figure import plot_html
from medqa_sweeps.analysis.page.safety_section import NAME as SAFETY, TITLE as SAFETY_TITLE, safety_html
from medqa_sweeps.analysis.page.trial_tables import leaderboard_html, link_to, not_ranked_html
from medqa_sweeps.analysis.plots.confirmation import confirmation_plot
from medqa_sweeps.analysis.plots.plot import Plot
from medqa_sweeps.analysis.reading.final_tests import final_tests
from medqa_sweeps.analysis.reading.trial_state import count_text
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.wording import EDUCATION_ONLY, SYNTHETIC

_SHORT, _LONG = 14, 80  # characters of a fact that takes a column of a narrow screen, and of a wide one


def page_html(
    board: Leaderboard,
    title: str,
    plots: Sequence[Plot],
    folder: Path,
    tables: Sequence[str] = (),
    beside: Sequence[str] = (),
) -> str:
    """The whole HTML document.

    Args:
        folder: that the page is written to, from which the trials' folders are linked.
        tables: names of the files with the leaderboard for other programs, beside the page.
        beside: names of the pages for the other sets of validation questions.
    """
    notes, since = cautions(board), _since(board)
    standing = [sentence for sentence in notes if sentence in (EDUCATION_ONLY, SYNTHETIC)][::-1]
    others, safety = not_ranked_html(board, folder), safety_html(board, folder)
    passages = passages_html(board, folder)
    links = [("verdict", "Verdict"), ("leaderboard", "Leaderboard"), *([("others", "Not ranked")] if others else [])]
    links += [(PASSAGES, PASSAGES_TITLE)] if passages else []
    links += [(SAFETY, SAFETY_TITLE)] if safety else []
    links += [*((name, text) for name, text, _ in since), ("plots", "Plots")]
    drawn = "\n".join([*map(plot_html, plots), chooser(board)])
    afterwards = "\n".join(section for _, _, section in since)
    return Template(_text_of("page.html")).substitute(
        title=escaped(title),
        css=_text_of("page.css"),
        script=_text_of("live_table.js") + _text_of("chooser.js") + _text_of("page.js"),
        plotly=get_plotlyjs() if "data-plot=" in drawn + afterwards else "",
        counts=escaped(count_text(trial.state for trial in board.study.trials)),
        beside=_beside(beside),
        about=_about(board, folder, tables),
        links=_list_of_links(links),
        plot_links=_list_of_links([(plot.name, plot.title) for plot in plots]),
        verdict=escaped(verdict(board)),
        alarms=_alarms(board),
        cautions="".join(f"<li>{escaped(sentence)}</li>" for sentence in notes if sentence not in standing),
        plots=drawn.strip() or "<p>There is nothing to plot yet.</p>",
        since=afterwards,
        leaderboard=leaderboard_html(board, folder),
        others=others,
        passages=passages,
        safety=safety,
        disclaimer=escaped(" ".join(standing)),
    )


def _about(board: Leaderboard, folder: Path, tables: Sequence[str]) -> str:
    """What study this is: its facts, a paragraph of methods, and where its files are."""
    grounds = read_grounds(board)
    items = "".join(
        f'<div class="{_width(text)}"><dt>{escaped(name)}</dt><dd>{escaped(text)}</dd></div>'
        for name, text in facts(board, grounds)
    )
    files = [f'<a href="{escaped(name)}">{escaped(name)}</a>' for name in tables]
    if not board.study.several:
        files.insert(0, f'<a href="{escaped(link_to(board.study.folder, folder))}">folder of the study</a>')
    text = methods(board, grounds)
    quoted = f"<details><summary>Methods, for a paper</summary><p>{escaped(text)}</p></details>" if text else ""
    listed = f'<p class="files">Files: {", ".join(files)}; each trial links to its folder.</p>' if files else ""
    return f'<dl class="facts">{items}</dl>{listed}{quoted}'


def _width(text: str) -> str:
    """Of a fact, for page.css: the columns that it takes."""
    return "short" if len(text) <= _SHORT else "long" if len(text) <= _LONG else "whole"


def _list_of_links(links: Sequence[tuple[str, str]]) -> str:
    return "".join(f'<li><a href="#{name}">{escaped(text)}</a></li>' for name, text in links)


def _alarms(board: Leaderboard) -> str:
    if not (lines := alarm_lines(board)):
        return ""
    items = "".join(f"<li>{escaped(line)}</li>" for line in lines)
    return f'<div class="alarms" role="note"><p>{escaped(about_alarms(board))}</p><ul>{items}</ul></div>'


def _beside(pages: Sequence[str]) -> str:
    if not pages:
        return ""
    links = ", ".join(f'<a href="{escaped(name)}">{escaped(name)}</a>' for name in pages)
    sentence = "Trials that answered other validation questions are compared on separate pages:"
    return f'<p class="soft">{sentence} {links}</p>'


def _since(board: Leaderboard) -> list[tuple[str, str, str]]:
    """What new seeds and the locked test questions showed afterwards: name, title and section of each."""
    parts: list[tuple[str, str, str]] = []
    if board.study.several:
        return parts
    try:
        if confirmed := confirmation_of(board.study.folder):
            drawn = plot_html(confirmation_plot(confirmed))
            parts.append(
                _afterwards("fresh-seeds", "Confirmed under new seeds", confirmation_sentences(confirmed), drawn)
            )
        if tests := [f"{test.when}: {' '.join(test.sentences)}" for test in final_tests(board.study.folder)]:
            parts.append(_afterwards("final-tests", "On the locked test questions", tests))
    except ConfigError as error:
        parts.append(_afterwards("damaged", "Afterwards", [str(error)]))
    return parts


def _afterwards(name: str, title: str, sentences: Sequence[str], drawn: str = "") -> tuple[str, str, str]:
    items = "".join(f"<li>{escaped(sentence)}</li>" for sentence in sentences)
    heading = f'<h2 id="{name}">{escaped(title)}</h2>'
    return name, title, f'<section aria-labelledby="{name}">{heading}<ul>{items}</ul>{drawn}</section>'


def _text_of(name: str) -> str:
    """A file of this folder."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
