"""How `sphinx-build` makes the site of these pages: uv run sphinx-build -W --keep-going -n docs docs/_build"""

import sys
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

project = "medqa_sweeps"
html_title = "medqa_sweeps"
extensions = ["myst_parser", "reference"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_show_copyright = False
html_show_sphinx = False
myst_heading_anchors = 3  # of headings, for links from other pages
smartquotes = False  # `--help` stays as it is typed


def setup(app: Any) -> None:
    for name in ("csv", "tsv"):  # which Pygments does not know
        app.add_lexer(name, TextLexer)
