"""The stored results as Markdown tables, for people: python -m benchmarks.table [NAME ...]"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks.record import RESULTS


def main() -> None:
    for file in sorted(RESULTS.glob("*.json")):
        if not sys.argv[1:] or file.stem in sys.argv[1:]:
            print("\n".join(_page(file.stem, json.loads(file.read_text()))))


def _page(name: str, stored: dict[str, Any]) -> Iterator[str]:
    machine = stored["machine"]
    yield f"## {name}\n"
    yield f"{stored['date']}, {machine['cores']} cores ({machine['cpu']}), load {machine['load_1_minute']:.1f}: "
    yield f"`{stored['command']}`\n"
    rows = list(_rows(stored["figures"]))
    columns = list(dict.fromkeys(column for row in rows for column in row))
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        yield f"| {' | '.join(_text(row.get(column, '')) for column in columns)} |"
    yield ""


def _rows(figures: Any, name: str = "") -> Iterator[dict[str, Any]]:
    """Every innermost object is a row; what it lay under is its name."""
    if isinstance(figures, list):
        for one in figures:
            yield from _rows(one, name)
    elif any(isinstance(value, dict) or _is_table(value) for value in figures.values()):
        for key, value in figures.items():
            if isinstance(value, dict) or _is_table(value):
                yield from _rows(value, f"{name}, {key}".strip(", "))
    else:
        yield {**({"": name} if name else {}), **figures}


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(_text, value))
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value).replace("\n", " ").replace("|", "/")[:200]


if __name__ == "__main__":
    main()
