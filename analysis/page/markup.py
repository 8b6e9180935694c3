"""Text and JSON as HTML holds them: what comes from data is shown, never run."""

import html
import json
from typing import Any


def escaped(text: str) -> str:
    """For an element or a quoted attribute; control characters become spaces."""
    return html.escape("".join(c if c.isprintable() or c == "\n" else " " for c in text))


def json_in_script(data: Any) -> str:
    """For a script element of type application/json: no `<` in it can end the element."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e")
