"""One question in every record format that means it; shared by the tests of this folder."""

from typing import Any

STEM = "A 5-year-old boy has a barking cough.\nWhat causes it?"
TEXTS = ["RSV", "Parainfluenza virus", "E. coli", "Influenza"]
LETTERED = dict(zip("ABCD", TEXTS, strict=True))
CAPITALS = {"Question": STEM, "Options": LETTERED, "Correct Option": "B", "Correct Answer": TEXTS[1]}
COLUMNS = {"question": STEM, **{f"option_{letter.lower()}": text for letter, text in LETTERED.items()}}
FORMATS: dict[str, dict[str, Any]] = {
    "medqa": {"question": STEM, "options": LETTERED, "answer": TEXTS[1], "answer_idx": "B", "meta_info": "step1"},
    "letter alone": {"question": STEM, "options": LETTERED, "answer_idx": "B"},
    "letter in a list": {"question": STEM, "options": LETTERED, "answer_idx": ["b"]},
    "letter as answer": {"question": STEM, "options": LETTERED, "answer": "B"},
    "small letter in a list as answer": {"question": STEM, "options": LETTERED, "answer": ["b"]},
    "text alone": {"question": STEM, "options": LETTERED, "answer": TEXTS[1]},
    "texts": {"question": STEM, "options": TEXTS, "answer": TEXTS[1]},
    "absent E": {"question": STEM, "options": {**LETTERED, "E": None}, "answer_idx": "B"},
    "options as Python prints them": {"question": STEM, "options": str(LETTERED), "answer_idx": "B"},
    "bigbio source": {
        "question": STEM,
        "options": [{"key": key, "value": value} for key, value in LETTERED.items()],
        "answer": TEXTS[1],
        "answer_idx": "B",
    },
    "bigbio qa": {"id": "0", "question": STEM, "choices": TEXTS, "answer": [TEXTS[1]]},
    "ending": {"id": "x", "sent1": STEM, "sent2": "", **{f"ending{n}": t for n, t in enumerate(TEXTS)}, "label": 1},
    "medmcqa": {"question": STEM, **dict(zip(("opa", "opb", "opc", "opd"), TEXTS, strict=True)), "cop": 2},
    "nested": {"id": "0", "data": CAPITALS, "subject_name": None},
    "nested, flattened": CAPITALS,
    "columns": {**COLUMNS, "answer_idx": "B"},
    "columns, small letter": {**COLUMNS, "answer": "b"},
    "columns, text": {**COLUMNS, "option_e": None, "answer": TEXTS[1]},
    "columns, number": {**COLUMNS, "correct_option": 2},
    "debris": {"question": STEM + "\n", "options": {**LETTERED, "D": 'Influenza\n"'}, "answer_idx": "B"},
}
# data.answer_base by format: a file of one record does not show it.
BASES = {"medmcqa": 1, "columns, number": 1}
