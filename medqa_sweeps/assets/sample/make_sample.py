"""Writes the synthetic sample beside this file: train.jsonl, validation.jsonl and test.jsonl in MedQA's own format, and
passages.jsonl, a literature for retrieval.

    uv run python -m medqa_sweeps.assets.sample.make_sample

SYNTHETIC. Conditions are invented words, and a random table drawn from a seed assigns findings to them. Scores on the
sample show that the software works and say nothing about medicine; every record contains `"synthetic": true`.

Each of the CONDITIONS conditions has FINDINGS_A_CONDITION findings of its own, of which a vignette shows
FINDINGS_SHOWN. A share UNSPECIFIC of the vignettes shows findings of no condition, where only guessing is possible, so
the best possible accuracy is 1 - 3/4 UNSPECIFIC (`CEILING`). Wrong options are other conditions; age, sex and wording
are noise. "step1" asks for the diagnosis, "step2&3" for what to treat first, which here is the same.

Each condition has a passage that names its findings. So have FOREIGN_CONDITIONS that no question asks about, with
findings of their own. Passages share noise with vignettes: man or woman, and how they come. So a search for a vignette
finds more than the one passage that helps.
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
TABLE_SEED = 20
SPLIT_SIZES = {"train": 2000, "validation": 400, "test": 400}
LETTERS = "ABCD"

CONDITIONS = 12
FINDINGS_A_CONDITION = 4
FINDINGS_SHOWN = 3
UNSPECIFIC = 0.1
UNSPECIFIC_FINDINGS = 8
CEILING = 1 - UNSPECIFIC * (1 - 1 / len(LETTERS))
FOREIGN_CONDITIONS = 10  # as many as the remaining findings are enough for

# Twice as many names as are used here: the tiny base is trained on all of them, with other facts.
CONDITION_NAMES = """
Arden, Belkor, Carvin, Delmar, Estrel, Fenwick, Gorlan, Hastel, Ilvane, Jorvik, Kelmor, Lunden, Marvey, Norbeck,
Ostrava, Pelham, Quenby, Rosval, Selwyn, Tarnow, Ulmen, Vesper, Wendal, Yarrow, Zelnik, Ambrel, Brisko, Corvane,
Dunmor, Elgrin, Farrow, Gantry, Holbein, Istvan, Junik, Kestrel, Lorimer, Mostyn, Nevis, Orwell, Pravik, Rudnik,
Stavin, Torvald, Umbrel, Valmont, Wexler, Zoltan
"""
DRUG_NAMES = """
abrevine, belotan, cindapril, dorvamide, eltrozine, fenacort, gavidol, hexarine, ibotaxel, jusamine, kalvorin,
levadone, mirtocin, navupril, oxalidol, pendarine, quilamide, rivozole, sentacort, tolvadine, ulminate, varezole,
wistamine, xenopril, yantocin, zemidol, amvozine, brucotan, carnidine, delozole, erbamide, flotacin, gelsamine,
hydronate, iprazole, jentacort, kelidone, lumatane, medrozine, nolvacin, opramide, pristanol, rubidine, salvozole,
trenacin, uvamide, vintarol, zaprinate
"""
FINDING_NAMES = """
night sweats, dry cough, hand tremor, blurred vision, joint stiffness, weight loss, pale skin, dark urine, chest
tightness, swollen ankles, hair thinning, brittle nails, ringing ears, double images, muscle cramps, facial flushing,
poor appetite, loose stools, bitter taste, red gums, cold fingers, burning feet, stiff neck, throbbing temples, hoarse
voice, wheezing, palpitations, dizziness, nosebleeds, bruising, itching, hiccups, drooling, thirst, snoring, insomnia,
confusion, clumsiness, stuttering, drowsiness, bloating, belching, heartburn, vomiting, constipation, jaundice,
tenderness, cramping, chills, shivering, rash, blisters, ulcers, scaling, freckling, pallor, cyanosis, clubbing,
edema, warts, limping, hunching, weakness, numbness, tingling, twitching, spasms, paralysis, fainting, seizures,
squinting, tearing, photophobia, halos, floaters, drooping, deafness, earache, vertigo, sneezing, congestion,
hemoptysis, stridor, dyspnea, apnea, sputum, murmur, bradycardia, hypotension, fatigue, irritability, apathy,
restlessness, euphoria, amnesia, hypothermia
"""
OPENINGS = (
    "A {age}-year-old {person} comes to the physician with {findings}.",
    "A {age}-year-old {person} is brought to the clinic because of {findings}.",
    "A {age}-year-old {person} has had {findings} for several weeks.",
    "Examination of a {age}-year-old {person} shows {findings}.",
)
PERSONS = ("man", "woman")
PASSAGES = (
    "{condition} brings a {person} to the physician with {findings}.",
    "{condition} is found in a {person} at the clinic because of {findings}.",
    "{condition} lasts several weeks in a {person} and causes {findings}.",
    "{condition} in a {person}: examination shows {findings}.",
)
SYNTHETIC_TEXT = "Synthetic: "  # begins the text of every passage
ASKING = {
    "step1": (
        "Which of the following is the most likely diagnosis?",
        "Which of the following best explains these findings?",
    ),
    "step2&3": (
        "Which of the following is the best treatment?",
        "Which of the following drugs should be given?",
    ),
}
TREATED_FIRST = "Which of the following should be treated first?"


def shuffled_names(rng: random.Random, text: str) -> list[str]:
    """The comma-separated names of `text` in random order."""
    names = " ".join(text.split()).split(", ")
    assert len(names) == len(set(names))
    rng.shuffle(names)
    return names


def fact_table(rng: random.Random) -> tuple[dict[str, list[str]], list[str]]:
    """The findings of each condition, shared with no other, and findings of no condition."""
    names, findings = shuffled_names(rng, CONDITION_NAMES)[:CONDITIONS], shuffled_names(rng, FINDING_NAMES)
    unspecific, left = findings[:UNSPECIFIC_FINDINGS], findings[UNSPECIFIC_FINDINGS:]
    return {name: [left.pop() for _ in range(FINDINGS_A_CONDITION)] for name in names}, unspecific


def draw_record(
    rng: random.Random,
    table: dict[str, list[str]],
    unspecific: list[str],
    gold_letter: str,
    unspecific_share: float = UNSPECIFIC,
) -> dict[str, Any]:
    """One vignette with its correct option at `gold_letter`."""
    condition, *others = rng.sample(list(table), len(LETTERS))
    gold = LETTERS.index(gold_letter)
    shown = rng.sample(unspecific if rng.random() < unspecific_share else table[condition], FINDINGS_SHOWN)
    opening = rng.choice(OPENINGS).format(
        age=rng.randint(18, 80),
        person=rng.choice(PERSONS),
        findings=enumerated(shown),
    )
    step = rng.choice(tuple(ASKING))
    asking = rng.choice(ASKING["step1"]) if step == "step1" else TREATED_FIRST
    return {
        "question": f"{opening} {asking}",
        "answer": condition,
        "options": dict(zip(LETTERS, (*others[:gold], condition, *others[gold:]), strict=True)),
        "answer_idx": gold_letter,
        "meta_info": step,
        "synthetic": True,
    }


def enumerated(findings: Sequence[str]) -> str:
    """`a, b and c`."""
    return f"{', '.join(findings[:-1])} and {findings[-1]}"


def draw_passage(rng: random.Random, condition: str, findings: Sequence[str]) -> dict[str, Any]:
    """Title and text of a passage that names all findings of a condition, in random order."""
    text = rng.choice(PASSAGES).format(
        condition=condition, person=rng.choice(PERSONS), findings=enumerated(rng.sample(findings, len(findings)))
    )
    return {"title": condition, "text": SYNTHETIC_TEXT + text}


def draw_passages(table_seed: int = TABLE_SEED) -> list[dict[str, Any]]:
    """A record for each condition of the sample and each foreign one, by title."""
    table, unspecific = fact_table(_table_rng(table_seed))
    rng = random.Random(f"passages {table_seed}")
    used = {*unspecific, *(finding for findings in table.values() for finding in findings)}
    names = [name for name in shuffled_names(rng, CONDITION_NAMES) if name not in table]
    left = [finding for finding in shuffled_names(rng, FINDING_NAMES) if finding not in used]
    foreign = {name: [left.pop() for _ in range(FINDINGS_A_CONDITION)] for name in names[:FOREIGN_CONDITIONS]}
    return [
        {"id": f"synthetic-{number}", **draw_passage(rng, name, findings), "synthetic": True}
        for number, (name, findings) in enumerate(sorted({**table, **foreign}.items()), start=1)
    ]


def draw_splits(table_seed: int = TABLE_SEED) -> dict[str, list[dict[str, Any]]]:
    """The records of the three splits: no question text occurs twice, and gold letters are balanced in each split."""
    rng = _table_rng(table_seed)
    table, unspecific = fact_table(rng)
    seen: set[str] = set()
    splits: dict[str, list[dict[str, Any]]] = {}
    for split, size in SPLIT_SIZES.items():
        golds = list(LETTERS * (size // len(LETTERS)))
        rng.shuffle(golds)
        splits[split] = []
        for gold in golds:
            record = draw_record(rng, table, unspecific, gold)
            while record["question"] in seen:
                record = draw_record(rng, table, unspecific, gold)
            seen.add(record["question"])
            splits[split].append(record)
    return splits


def _table_rng(table_seed: int) -> random.Random:
    return random.Random(f"sample {table_seed}")


def as_jsonl(records: Sequence[dict[str, Any]]) -> str:
    """One record per line, as in MedQA's files."""
    return "".join(json.dumps(record) + "\n" for record in records)


def main() -> None:
    """Write the four files."""
    for split, records in draw_splits().items():
        (FOLDER / f"{split}.jsonl").write_text(as_jsonl(records), encoding="utf-8")
        print(f"{split}: {len(records)} questions, best possible accuracy {CEILING:.1%}")
    passages = draw_passages()
    (FOLDER / "passages.jsonl").write_text(as_jsonl(passages), encoding="utf-8")
    print(f"{len(passages)} passages, {FOREIGN_CONDITIONS} of them foreign")


if __name__ == "__main__":
    main()
