"""One question in every record format that means it; shared by the tests of this folder.

The formats that people meet stand in the table of `docs/data.md`, which is read here; below are further forms of them.
"""

import json
import re
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[2] / "docs" / "data.md"
STEM = "A 5-year-old boy has a barking cough.\nWhat causes it?"
TEXTS = ["RSV", "Parainfluenza virus", "E. coli", "Influenza"]
LETTERED = dict(zip("ABCD", TEXTS, strict=True))
COLUMNS = {"question": STEM, **{f"option_{letter.lower()}": text for letter, text in LETTERED.items()}}
_ROW = re.compile(r"\| ([^|`]+) \| `(\{.*\})` \| (?:`data\.answer_base=(\d)`)? \| .* \|")
_ROWS = [row for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if (row := _ROW.fullmatch(line))]
DOCUMENTED: dict[str, dict[str, Any]] = {row[1]: json.loads(row[2]) for row in _ROWS}
# Their source has no order of options, so that these are sorted.
SORTED = ("sciq", "incorrect answers")
FORMATS: dict[str, dict[str, Any]] = {
    **{name: record for name, record in DOCUMENTED.items() if name not in SORTED},
    "letter alone": {"question": STEM, "options": LETTERED, "answer_idx": "B"},
    "letter in a list": {"question": STEM, "options": LETTERED, "answer_idx": ["b"]},
    "letter as answer": {"question": STEM, "options": LETTERED, "answer": "B"},
    "small letter in a list as answer": {"question": STEM, "options": LETTERED, "answer": ["b"]},
    "text alone": {"question": STEM, "options": LETTERED, "answer": TEXTS[1]},
    "texts": {"question": STEM, "options": TEXTS, "answer": TEXTS[1]},
    "absent E": {"question": STEM, "options": {**LETTERED, "E": None}, "answer_idx": "B"},
    "options as Python prints them": {"question": STEM, "options": str(LETTERED), "answer_idx": "B"},
    "columns, small letter": {**COLUMNS, "answer": "b"},
    "columns, text": {**COLUMNS, "option_e": None, "answer": TEXTS[1]},
    "columns, number": {**COLUMNS, "correct_option": 2},
    "debris": {"question": STEM + "\n", "options": {**LETTERED, "D": 'Influenza\n"'}, "answer_idx": "B"},
    "letter beside a number": {"question": STEM, **LETTERED, "answer": "B", "answer_index": 1},
    "lettered lines": {
        "question": STEM,
        "options": "A. RSV\n(B) Parainfluenza virus\nC) E. coli\nD: Influenza",
        "key": "b.",
    },
}
# data.answer_base by format: a file of one record does not show it.
BASES = {"columns, number": 1, **{row[1]: int(row[3]) for row in _ROWS if row[3]}}
