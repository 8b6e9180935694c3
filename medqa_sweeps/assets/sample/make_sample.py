"""Writes the synthetic sample: train.jsonl, validation.jsonl and test.jsonl beside this file, in MedQA's own format.

    uv run python -m medqa_sweeps.assets.sample.make_sample

SYNTHETIC. Conditions and drugs are invented words, and which finding goes with which condition is a random table drawn
from a seed. The sample proves the machinery and says nothing about medicine; every record carries `"synthetic": true`.

The table has SYSTEMS body systems of CONDITIONS_A_SYSTEM conditions, each with its own drug, and FINDINGS_A_SYSTEM
findings. A condition has TYPICAL findings that weigh TYPICAL_WEIGHT each; the system's other findings weigh 1. A
vignette draws a condition and then FINDINGS_SHOWN different findings of its system, one after the other, by weight. So
a patient often shows something untypical, and conditions share findings. The three wrong options are other conditions
(or their drugs) of the same system, picked blindly: the options themselves give nothing away, and the best possible
answer is known. It is the option that makes the findings, in their order, most likely (`best_answer`). Its accuracy is
the ceiling, 89 %, and is printed for each split.

Age, sex and wording are noise. "step1" asks for the diagnosis and "step2&3" for the treatment of an unnamed
diagnosis.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
TABLE_SEED = 20
SPLIT_SIZES = {"train": 2000, "validation": 400, "test": 400}
LETTERS = "ABCD"

SYSTEMS = 6
CONDITIONS_A_SYSTEM = 8
FINDINGS_A_SYSTEM = 16
TYPICAL = 4
TYPICAL_WEIGHT = 20.0
FINDINGS_SHOWN = 3

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


@dataclass(frozen=True)
class Condition:
    """A row of the fact table."""

    name: str
    drug: str
    typical: frozenset[str]


@dataclass(frozen=True)
class System:
    """Conditions that are each other's distractors, and the findings they share."""

    conditions: tuple[Condition, ...]
    findings: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """A record as it is written, with the truth behind it, which is not written."""

    record: dict[str, Any]
    findings: tuple[str, ...]
    choices: tuple[Condition, ...]


def shuffled_names(rng: random.Random, text: str) -> list[str]:
    """The comma-separated names of `text` in random order."""
    names = " ".join(text.split()).split(", ")
    assert len(names) == len(set(names))
    rng.shuffle(names)
    return names


def fact_table(seed: int) -> tuple[System, ...]:
    """A random table over the names above. Another seed gives other facts about the same names."""
    rng = random.Random(f"fact table {seed}")
    names, drugs, findings = (shuffled_names(rng, text) for text in (CONDITION_NAMES, DRUG_NAMES, FINDING_NAMES))
    systems = []
    for _ in range(SYSTEMS):
        own_findings = tuple(findings.pop() for _ in range(FINDINGS_A_SYSTEM))
        conditions = tuple(
            Condition(names.pop(), drugs.pop(), frozenset(rng.sample(own_findings, TYPICAL)))
            for _ in range(CONDITIONS_A_SYSTEM)
        )
        systems.append(System(conditions, own_findings))
    return tuple(systems)


def weight(finding: str, condition: Condition) -> float:
    return TYPICAL_WEIGHT if finding in condition.typical else 1.0


def draw_findings(rng: random.Random, system: System, condition: Condition) -> tuple[str, ...]:
    """Different findings in the order they were drawn, each by its weight among those that are left."""
    left = list(system.findings)
    drawn: list[str] = []
    for _ in range(FINDINGS_SHOWN):
        (finding,) = rng.choices(left, [weight(candidate, condition) for candidate in left])
        left.remove(finding)
        drawn.append(finding)
    return tuple(drawn)


def likelihood(findings: Sequence[str], condition: Condition) -> float:
    """Probability that `condition` shows these findings of its system in this order."""
    total = TYPICAL * TYPICAL_WEIGHT + FINDINGS_A_SYSTEM - TYPICAL
    probability = 1.0
    for finding in findings:
        probability *= weight(finding, condition) / total
        total -= weight(finding, condition)
    return probability


def best_answer(question: Question) -> tuple[str, float]:
    """The letter that nobody can beat, and the chance that it is right.

    Every option was equally likely to be the patient's condition before the findings were seen, so Bayes' rule needs
    the likelihoods alone.
    """
    likelihoods = [likelihood(question.findings, condition) for condition in question.choices]
    best = max(likelihoods)
    return LETTERS[likelihoods.index(best)], best / sum(likelihoods)


def draw_question(rng: random.Random, table: Sequence[System], gold_letter: str) -> Question:
    """One vignette whose correct option stands at `gold_letter`."""
    system = rng.choice(table)
    condition, *others = rng.sample(system.conditions, len(LETTERS))
    gold = LETTERS.index(gold_letter)
    choices = (*others[:gold], condition, *others[gold:])
    findings = draw_findings(rng, system, condition)
    step = rng.choice(tuple(ASKING))
    opening = rng.choice(OPENINGS).format(
        age=rng.randint(18, 80),
        person=rng.choice(("man", "woman")),
        findings=f"{', '.join(findings[:-1])} and {findings[-1]}",
    )
    texts = [choice.name if step == "step1" else choice.drug for choice in choices]
    record = {
        "question": f"{opening} {rng.choice(ASKING[step])}",
        "answer": texts[gold],
        "options": dict(zip(LETTERS, texts, strict=True)),
        "answer_idx": gold_letter,
        "meta_info": step,
        "synthetic": True,
    }
    return Question(record, findings, choices)


def draw_splits(table_seed: int = TABLE_SEED) -> dict[str, list[Question]]:
    """The three splits: no question text occurs twice, and each letter is gold equally often in each split."""
    table = fact_table(table_seed)
    rng = random.Random(f"splits {table_seed}")
    seen: set[str] = set()
    splits: dict[str, list[Question]] = {}
    for split, size in SPLIT_SIZES.items():
        golds = list(LETTERS * (size // len(LETTERS)))
        rng.shuffle(golds)
        splits[split] = [draw_unseen_question(rng, table, gold, seen) for gold in golds]
    return splits


def draw_unseen_question(rng: random.Random, table: Sequence[System], gold_letter: str, seen: set[str]) -> Question:
    """A question whose text is not in `seen`, which it then joins."""
    while True:
        question = draw_question(rng, table, gold_letter)
        if question.record["question"] not in seen:
            seen.add(question.record["question"])
            return question


def as_jsonl(questions: Sequence[Question]) -> str:
    return "".join(json.dumps(question.record) + "\n" for question in questions)


def ceiling(questions: Sequence[Question]) -> tuple[float, float]:
    """Accuracy of the best possible answers: expected, and on these very questions."""
    answers = [best_answer(question) for question in questions]
    hits = [letter == question.record["answer_idx"] for question, (letter, _) in zip(questions, answers, strict=True)]
    return sum(chance for _, chance in answers) / len(answers), sum(hits) / len(hits)


def main() -> None:
    for split, questions in draw_splits().items():
        (FOLDER / f"{split}.jsonl").write_text(as_jsonl(questions), encoding="utf-8")
        expected, here = ceiling(questions)
        print(f"{split}: {len(questions)} questions, ceiling {expected:.1%} expected, {here:.1%} on these")


if __name__ == "__main__":
    main()
