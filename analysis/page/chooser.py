"""Any two of the leading configs beside each other, as the reader chooses.

Every sentence and number is made here, for all pairs of the first 12; the script shows those of the chosen pair. It is
hidden until the script shows it: without one, the pairs in `plots/disagreement.py` are what can be seen.
"""

from pathlib import Path
from string import Template
from typing import Any

from medqa_sweeps.analysis.comparing.discordant import (
    FIRST_SEED,
    INVENTED,
    answers_by_question,
    discordant_ids,
    discordant_text,
    letter,
    question_texts,
)
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, Row
from medqa_sweeps.analysis.comparing.pairs import Pair, corrected_for_pairs, leading_pairs, pair_text
from medqa_sweeps.analysis.page.markup import escaped, json_in_script

_FILE = Path(__file__).with_name("chooser.html")
NAME, TITLE = "any-two", "Compare any two of the first"
_OPTION_CHARACTERS = 80
_QUESTION_CHARACTERS = 2000  # 66 pairs split on up to 792 questions: the page stays below 10 MB whatever their length


def chooser(board: Leaderboard) -> str:
    """The part of the page; "" where no two configs answered the same questions."""
    pairs = leading_pairs(board)
    if not pairs:
        return ""
    indices = sorted({index for pair in pairs for index in pair})
    options = "".join(f'<option value="{index}">{escaped(_name(board.rows[index]))}</option>' for index in indices)
    return Template(_FILE.read_text(encoding="utf-8").rstrip()).substitute(
        name=NAME, title=escaped(f"{TITLE} {len(indices)}"), options=options, data=json_in_script(_data(board, pairs))
    )


def _data(board: Leaderboard, pairs: dict[tuple[int, int], Pair]) -> dict[str, Any]:
    """What the script shows: each question's text once, however many pairs it splits."""
    ids = {indices: discordant_ids(pair.first, pair.second) for indices, pair in pairs.items()}
    every = list(dict.fromkeys(id_ for some in ids.values() for id_ in some))
    texts = question_texts(board.rows[0], every)
    answered = {index: answers_by_question(board.rows[index]) for index in {index for pair in pairs for index in pair}}
    number = {id_: at for at, id_ in enumerate(every)}
    return {
        "questions": [
            [_cut(text, _QUESTION_CHARACTERS) for text in (texts[id_].text, texts[id_].correct_answer)] for id_ in every
        ],
        "letters": {index: [letter(of_row, id_) for id_ in every] for index, of_row in answered.items()},
        "pairs": {
            f"{one}-{other}": {
                "names": [pair.first.label, pair.second.label],
                "says": pair_text(pair, board, corrected_for_pairs(board)),
                "shown": _shown(board, pair),
                "questions": [number[id_] for id_ in ids[one, other]],
            }
            for (one, other), pair in pairs.items()
        },
    }


def _shown(board: Leaderboard, pair: Pair) -> str:
    """Which questions the table has."""
    parts = [f"{discordant_text(pair.first, pair.second)}."]
    parts += [FIRST_SEED] * (len(pair.first.trials) > 1 or len(pair.second.trials) > 1)
    parts += [INVENTED] * board.study.is_synthetic
    return " ".join(parts)


def _name(row: Row) -> str:
    name = row.label if row.settings in ("", row.label) else f"{row.label} ({row.settings})"
    return _cut(name, _OPTION_CHARACTERS)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
