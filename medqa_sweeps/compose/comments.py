"""What the sources say of settings: comments beside the fields of a dataclass, and at the head of the files of `conf/`.

So each explanation stands in one place, where a reader of the code finds it, and `--help` shows the same text.
"""

import ast
import inspect
import re
import sys
import types
import typing
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from medqa_sweeps.config import DataConfig
from medqa_sweeps.wording import setting

_KINDS = {int: "whole number", float: "number", bool: "true or false", str: "text", list: "list", dict: "mapping"}
_NO_DEFAULT = "???"  # OmegaConf's MISSING


@dataclass(frozen=True)
class Setting:
    """One key that can be given on the command line."""

    key: str  # dotted, as in `lora.r`
    kind: str  # "whole number or null"; "" if the comment says it
    default: str | None  # as one types it; None: there is none
    comment: str


def settings_of(kind: type, prefix: str, defaults: dict[str, Any] | None = None) -> Iterator[Setting]:
    """The fields of a dataclass that people set, in its order, those of data.columns among those of data; other groups
    of fields and Hydra's own keys are left out.

    Args:
        prefix: of the dotted keys, such as "lora.".
        defaults: values that stand for those of the dataclass.
    """
    hints, comments = typing.get_type_hints(kind), comments_of(kind)
    for field in fields(kind):
        hint = field.metadata.get("type", hints[field.name])
        if kind is DataConfig and is_dataclass(hint):
            assert isinstance(hint, type)
            yield from settings_of(hint, f"{prefix}{field.name}.", (defaults or {}).get(field.name))
        if field.name.startswith("_") or field.name == "defaults" or is_dataclass(hint):
            continue
        default = field.default if field.default_factory is MISSING else field.default_factory()
        value = (defaults or {}).get(field.name, default)
        yield Setting(prefix + field.name, _kind(hint), _typed(value), comments.get(field.name, ""))


def comments_of(kind: type) -> dict[str, str]:
    """By field the comment on its line, or the comment lines directly above it."""
    lines = inspect.getsource(sys.modules[kind.__module__]).splitlines()
    tree = ast.parse("\n".join(lines))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__)
    found = {}
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            beside = lines[(node.end_lineno or node.lineno) - 1].encode()[node.end_col_offset :].decode()
            found[node.target.id] = _joined([*_above(lines, node.lineno - 1), beside])
    return found


def head_comment(file: Path) -> str:
    """What a file of `conf/` says of itself in the first paragraph of its comment."""
    head: list[str] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("# @"):  # Hydra's: `# @package _global_`
            continue
        if not line.startswith("# ") or line.startswith("# All keys:"):
            break
        head.append(line)
    return _joined(head)


def first_sentence(text: str) -> str:
    """Up to the first full stop that a capital letter follows."""
    return re.split(r"(?<=[.!?])\s+(?=[A-Z])", text, maxsplit=1)[0]


def _above(lines: list[str], line: int) -> list[str]:
    start = line
    while lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return lines[start:line]


def _joined(comment: list[str]) -> str:
    return " ".join(filter(None, (line.strip().lstrip("#").strip() for line in comment)))


def _kind(hint: Any) -> str:
    """`whole number or null` of `int | None`; "" of `Any`."""
    parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    named = [_KINDS.get(typing.get_origin(one) or one, "") for one in parts if one is not type(None)]
    return " or ".join([*filter(None, named), *(["null"] if type(None) in parts else [])])


def _typed(value: Any) -> str | None:
    if value == _NO_DEFAULT:
        return None
    if isinstance(value, dict):
        return "{}" if not value else setting(str(value))
    return setting(value) or "''"
