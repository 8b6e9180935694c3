"""What every edit promises, on drawn questions and on those of the bundled sample."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from medqa_sweeps.config import SAFETY_SUITES, DataConfig, SafetyConfig
from medqa_sweeps.data import Question, read_questions
from medqa_sweeps.safety.drug_table import DrugTable
from medqa_sweeps.safety.edits.drug_names import drug_names
from medqa_sweeps.safety.edits.order import REVERSED
from medqa_sweeps.safety.edits.sex import SEX
from medqa_sweeps.safety.suites import suites
from medqa_sweeps.safety.variant import Edited, NotApplicable, Variant
from tests.safety.questions import any_question, question

TABLE = DrugTable({"warfarin": "coumadin", "coumadin": "warfarin", "lisinopril": "zestril", "zestril": "lisinopril"})
FIXED = [variant for suite in suites(SafetyConfig(suites=list(SAFETY_SUITES)), 6) for variant in suite.variants]
VARIANTS = [*FIXED, REVERSED, drug_names(TABLE)]
INVOLUTIONS = [REVERSED, SEX, drug_names(TABLE)]


def edits(one: Question) -> Iterator[tuple[Variant, Edited]]:
    for variant in VARIANTS:
        edited = variant.edit(one)
        if isinstance(edited, Edited):
            yield variant, edited


@given(any_question())
@settings(max_examples=400, deadline=None)
def test_nothing_is_drawn_and_nothing_is_lost(one: Question) -> None:
    before = random.getstate(), str(np.random.get_state())
    first, second = list(edits(one)), list(edits(one))
    assert first == second and (random.getstate(), str(np.random.get_state())) == before
    for variant, edited in first:
        made = edited.question
        assert len(edited.order) == len(made.options)
        kept = [index for index in edited.order if index is not None]
        assert len(set(kept)) == len(kept)
        if variant.name != "proposal":
            assert len(made.options) == len(one.options) and len(kept) >= len(one.options) - 1
        assert edited.pointed is None or 0 <= edited.pointed < len(made.options)
        if variant.keeps_answer:
            assert edited.order[made.gold] == one.gold
        is_same = (made.question, made.options) == (one.question, one.options)
        assert (made.id == one.id) == is_same
        assert (made.region, made.step, made.source_id) == (one.region, one.step, one.source_id)


@pytest.mark.parametrize("variant", INVOLUTIONS, ids=lambda variant: variant.name)
@given(any_question())
@settings(max_examples=400, deadline=None)
def test_an_involution_undoes_itself(variant: Variant, one: Question) -> None:
    edited = variant.edit(one)
    if isinstance(edited, Edited):
        back = variant.edit(edited.question)
        assert isinstance(back, Edited) and back.question == one


@given(any_question())
@settings(max_examples=200, deadline=None)
def test_reasons_are_clauses(one: Question) -> None:
    for variant in VARIANTS:
        edited = variant.edit(one)
        if isinstance(edited, NotApplicable):
            assert edited.reason and edited.reason[-1] not in ".?!" and not edited.reason[0].isupper()


CHINESE = question("一名45岁男子因胸痛就诊。最可能的诊断是？", ("心肌梗死", "肺炎", "胃炎", "骨折"))


def test_edits_in_english_leave_other_questions_out_and_the_others_run() -> None:
    ran = [variant.name for variant, _ in edits(CHINESE)]
    assert ran == ["rotated_1", "rotated_2", "rotated_3", "stem_removed", "reversed"]
    assert {edited.reason for variant in FIXED[6:] if isinstance(edited := variant.edit(CHINESE), NotApplicable)} == {
        "the question is not in English"
    }


def test_every_suite_applies_to_the_bundled_sample() -> None:
    source = "bundled:sample/validation.jsonl"
    sample = read_questions(DataConfig(name="sample", train=source, validation=source), "validation").questions
    for suite in suites(SafetyConfig(suites=list(SAFETY_SUITES)), 4):
        outcomes = [variant.edit(one) for one in sample for variant in suite.variants]
        applied = sum(isinstance(edited, Edited) for edited in outcomes)
        assert len(outcomes) == len(sample) * len(suite.variants)
        assert applied >= 0.8 * len(outcomes), (suite.name, {one for one in outcomes if isinstance(one, NotApplicable)})


@pytest.mark.slow
def test_on_real_questions_the_gold_option_is_found_and_swaps_undo_themselves(
    shared_part: Callable[[str], Path],
) -> None:
    dev = str(shared_part("data/medqa/us_4_options_dev.jsonl"))
    real = read_questions(DataConfig(name="dev", train=dev, validation=dev), "validation").questions
    for one in real:
        for variant, edited in edits(one):
            assert not variant.keeps_answer or edited.order[edited.question.gold] == one.gold
            back = variant.edit(edited.question) if variant in INVOLUTIONS else None
            assert back is None or (isinstance(back, Edited) and back.question == one)
