"""Writes the reference pages while the site is built, from the sources that `--help` shows.

A page of `docs/reference/` holds a title, a sentence, and the line MARKER, which its tables replace. So a key that is
added to the schema is in the reference, and no list is kept by hand.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import yaml

from medqa_sweeps.__main__ import parser_of
from medqa_sweeps.commands import SUMMARIES
from medqa_sweeps.compose.comments import Setting, head_comment
from medqa_sweeps.compose.launch_help import LaunchHelp
from medqa_sweeps.compose.settings import CONF as SWEEPER_CONF
from medqa_sweeps.installation import COMMAND, CONF, IN_ENVIRONMENT
from medqa_sweeps.wording import sentences

MARKER = "% generated"
_FRONT_DOOR = "medqa-sweeps"  # as the pages type it; the sources type it as in a checkout
_HELP = LaunchHelp(CONF, SUMMARIES)
_COLUMNS = 96  # of a command's help


def settings() -> Iterator[str]:
    """Every key of a trial's config, by group, with the options of each group."""
    yield from _keys(one for one in _HELP.settings if "." not in one.key and "/" not in one.key)
    for group, options in _HELP.groups.items():
        yield from ("", f"## {group}", "")
        if group in _HELP.classes:
            yield _prose(_HELP.classes[group].__doc__ or "")
        yield from ("", "| option | what it is |", "|---|---|")
        for option in options:
            default = " (default)" if option == _HELP.defaults.get(group) else ""
            about = head_comment(CONF / group / f"{option}.yaml")
            yield f"| `{group}={option}`{default} | {_cell(about)} |"
        yield from ("", *_keys(one for one in _HELP.settings if one.key.startswith(f"{group}.")))


def sweeps() -> Iterator[str]:
    """Keys of sweeper and launcher; samplers and pruners with their keys."""
    yield from ("## Sweeper", "", *_keys(_HELP.sweeper))
    yield from ("", "## Launcher", "", *_keys(_HELP.launcher))
    yield from ("", "### hydra/launcher=slurm", "", *_keys(_HELP.slurm))
    yield from ("", "### hydra/launcher=ray", "", *_keys(_HELP.ray))
    for part in ("sampler", "pruner"):
        yield from ("", f"## {part.capitalize()}s", "")
        yield f"`hydra/sweeper/{part}=NAME` names one, `hydra.sweeper.{part}.KEY=VALUE` sets a key of it."
        for file in sorted((SWEEPER_CONF / "hydra" / "sweeper" / part).glob("*.yaml")):
            yield from ("", f"### {part} {file.stem}", "", _prose(head_comment(file)))
            lines = file.read_text(encoding="utf-8").splitlines()
            body = [line for line in lines if not line.startswith(("#", "_"))]
            if yaml.safe_load("\n".join(body)):
                yield from ("", "```yaml", *body, "```")


def commands() -> Iterator[str]:
    """What `medqa-sweeps COMMAND --help` prints, for each command."""
    for name, summary in SUMMARIES.items():
        parser = parser_of(name)
        parser.prog = f"{_FRONT_DOOR} {name}"
        text = _as_typed(parser.format_help().strip())
        yield from ("", f"## {name}", "", sentences(summary), "", "```text", text, "```")


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "reference/settings": settings,
    "reference/sweeps": sweeps,
    "reference/commands": commands,
}


def fill(_app: Any, page: str, source: list[str]) -> None:
    """Replace the marker of a page of PAGES; Sphinx hands over the page's text as a list of one."""
    if page in PAGES:
        os.environ["COLUMNS"] = str(_COLUMNS)
        before, after = source[0].split(f"{MARKER}\n")
        source[0] = "\n".join([before, *PAGES[page](), after])


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", fill)
    return {"parallel_read_safe": True}


def _keys(found: Iterable[Setting]) -> Iterator[str]:
    rows = [f"| `{one.key}` | {one.kind} | {_default(one)} | {_cell(one.comment)} |" for one in found]
    if rows:
        yield from ("| key | type | default | meaning and range |", "|---|---|---|---|", *rows)


def _default(one: Setting) -> str:
    if one.default is None:
        return "none: must be given"
    return f"`{_cell(one.default, code=True)}`" if one.default else "empty"


def _cell(text: str, code: bool = False) -> str:
    """A text within a table: on one line, with bars that end no cell."""
    return " ".join((text if code else _prose(text)).split()).replace("|", "\\|")


def _prose(text: str) -> str:
    """A comment as Markdown, which reads some signs as its own."""
    paragraphs = "\n\n".join(" ".join(one.split()) for one in text.strip().split("\n\n"))
    return re.sub(r"[\\\[<*]", r"\\\g<0>", _as_typed(paragraphs))


def _as_typed(text: str) -> str:
    for here in (COMMAND, COMMAND.removeprefix(IN_ENVIRONMENT), "uv run launch.py"):
        text = text.replace(here, _FRONT_DOOR)
    return text
