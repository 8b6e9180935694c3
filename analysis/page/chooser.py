"""Any two of the leading configs beside each other, as the reader chooses.

Every sentence and number is made here, for all pairs of the first 12; the script shows those of the chosen pair. It is
hidden until the script shows it: without one, the pairs in `pictures/disagreement.py` are what can be seen.
"""

from string import Template
from typing import Any

import numpy as np

from analysis.comparing.discordant import letter, letters_of, split_ids, told_questions
from analysis.comparing.leaderboard import Leaderboard, Row
from analysis.comparing.pairs import Pair, in_words, leading_pairs
from analysis.page.markup import escaped, json_in_script

NAME, TITLE = "any-two", "Compare any two of the first"
_OPTION_CHARACTERS = 80
_QUESTION_CHARACTERS = 2000  # 66 pairs split on up to 792 questions: the page stays below 10 MB whatever their length

_CHOOSER = Template("""<figure id="$name" aria-labelledby="$name-title" hidden>
<h3 id="$name-title">$title</h3>
<div class="choice">
<label>First <select id="$name-first">$options</select></label>
<label>Second <select id="$name-second">$options</select></label>
</div>
<p id="$name-says" role="status" aria-live="polite"></p>
<p id="$name-counts" class="soft"></p>
<div class="scroll" tabindex="0" role="region" aria-label="Questions that only one answers correctly">
<table><caption>Questions that only one answers correctly</caption>
<thead><tr><th scope="col">question</th><th scope="col">right answer</th>\
<th scope="col"></th><th scope="col"></th></tr></thead><tbody></tbody></table></div>
<script type="application/json" data-pairs="$name">$data</script>
</figure>""")


def chooser(board: Leaderboard) -> str:
    """The part of the page; "" where no two configs answered the same questions."""
    pairs = leading_pairs(board)
    if not pairs:
        return ""
    places = sorted({place for pair in pairs for place in pair})
    options = "".join(f'<option value="{place}">{escaped(_name(board.rows[place]))}</option>' for place in places)
    return _CHOOSER.substitute(
        name=NAME, title=escaped(f"{TITLE} {len(places)}"), options=options, data=json_in_script(_data(board, pairs))
    )


def _data(board: Leaderboard, pairs: dict[tuple[int, int], Pair]) -> dict[str, Any]:
    """What the script shows: each question's text once, however many pairs it splits."""
    ids = {places: split_ids(pair.first, pair.second) for places, pair in pairs.items()}
    every = list(dict.fromkeys(id_ for some in ids.values() for id_ in some))
    told = told_questions(board.rows[0], every)
    answered = {place: letters_of(board.rows[place]) for place in {place for pair in pairs for place in pair}}
    number = {id_: at for at, id_ in enumerate(every)}
    return {
        "questions": [
            [_cut(text, _QUESTION_CHARACTERS) for text in (told[id_].text, told[id_].right_answer)] for id_ in every
        ],
        "letters": {place: [letter(of_row, id_) for id_ in every] for place, of_row in answered.items()},
        "pairs": {
            f"{one}-{other}": {
                "names": [pair.first.label, pair.second.label],
                "says": in_words(pair, board),
                "counts": _counts(pair, len(ids[one, other])),
                "questions": [number[id_] for id_ in ids[one, other]],
            }
            for (one, other), pair in pairs.items()
        },
    }


def _counts(pair: Pair, shown: int) -> str:
    first, second = pair.first.answers.correct_SxQ[0], pair.second.answers.correct_SxQ[0]
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    of_seeds = "" if len(pair.first.trials) == len(pair.second.trials) == 1 else " (of several seeds the first)"
    return (
        f"Only {pair.first.label} answers {only_first} correctly, only {pair.second.label} {only_second}{of_seeds}. "
        f"Shown are {shown} of them."
    )


def _name(row: Row) -> str:
    name = row.label if row.settings in ("", row.label) else f"{row.label} ({row.settings})"
    return _cut(name, _OPTION_CHARACTERS)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
