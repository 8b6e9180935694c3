"""A page as its tags, for tests to read."""

import json
from html.parser import HTMLParser
from pathlib import Path


class Page(HTMLParser):
    """The tags of a page and the text that is shown; JSON by the plot that it is for."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.shown, self.figures, self._inside = "", {}, ("", "")
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = (tag, dict(attrs).get("data-plot") or "")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ("", "")

    def handle_data(self, data: str) -> None:
        if self._inside[0] not in ("script", "style"):
            self.shown += data
        elif self._inside[1]:
            self.figures[self._inside[1]] = json.loads(data)
