"""What people read on screens, taken from the sources: for tests of the words in it.

A string literal reaches people if it is prose: it holds a space or begins with a capital letter, and is no docstring.
Keys, format codes and file names are left out by this. Of files whose comments `--help` shows, comments count as well.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_PROSE = re.compile(r"[A-Z]|.*\S \S", re.DOTALL)
_JS_STRING = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`")
SHOWN_COMMENTS = (  # `--help` shows them
    *(f"medqa_sweeps/config/{name}.py" for name in ("schema", "training_groups", "data_groups", "asking_groups")),
    "medqa_sweeps/compose/settings.py",
)
Text = tuple[int, str]  # line, what stands there


def texts_of(file: Path) -> Iterator[Text]:
    """The texts of a source, with their lines; none of a kind of file that no screen shows."""
    if file.suffix not in (".py", ".yaml", ".md", ".html", ".jinja", ".js"):
        return
    source = file.read_text(encoding="utf-8")
    match file.suffix:
        case ".py":
            yield from literals(source)
            if str(file).endswith(SHOWN_COMMENTS):
                yield from comments(source)
        case ".yaml":
            yield from ((line, text.partition("#")[2]) for line, text in _lines(source) if "#" in text)
        case ".js":
            for line, text in _lines(source):
                yield from ((line, found) for found in map("".join, _JS_STRING.findall(text)) if _PROSE.match(found))
        case ".md" | ".html" | ".jinja":
            yield from _lines(source)


def literals(source: str) -> Iterator[Text]:
    """Prose in string literals; parts of an f-string that are computed are left out as `…`."""
    tree = ast.parse(source)
    skipped = {id(child) for node in ast.walk(tree) for child in _no_text(node)}
    for node in ast.walk(tree):
        if id(node) not in skipped and (text := _text(node)) is not None and _PROSE.match(text):
            yield getattr(node, "lineno", 0), text


def comments(source: str) -> Iterator[Text]:
    """Comments and the docstrings of classes."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and (doc := ast.get_docstring(node)):
            yield node.lineno, doc


def _text(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)
    return None


def _no_text(node: ast.AST) -> Iterator[ast.AST]:
    """Literals that are docstrings, or parts of an f-string, which is one text."""
    if isinstance(node, _DOCUMENTED) and node.body and isinstance(node.body[0], ast.Expr):
        yield node.body[0].value
    if isinstance(node, ast.JoinedStr):
        yield from (part for part in node.values if isinstance(part, ast.Constant))


def _lines(source: str) -> Iterator[Text]:
    return enumerate(source.splitlines(), 1)
