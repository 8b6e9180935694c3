"""The user's table of drug names: what it swaps, what it drops, what it refuses."""

from pathlib import Path

import pytest

from medqa_sweeps.errors import DataError
from medqa_sweeps.safety.drug_table import DrugTable, read_drug_table
from medqa_sweeps.safety.edits.drug_names import drug_names
from medqa_sweeps.safety.variant import Edited, NotApplicable
from tests.safety.questions import question


def table(path: Path, text: str | bytes) -> DrugTable:
    file = path / "names.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_drug_table(file)


def test_question_and_every_option_are_swapped_in_their_case(tmp_path: Path) -> None:
    names = table(tmp_path, "generic,brand\nwarfarin,Coumadin\nlisinopril,Zestril\nabatacept,[['orencia']]\n")
    options = ("Warfarin", "LISINOPRIL 5 mg", "stop warfarin", "Abatacept")
    edited = drug_names(names).edit(question("He takes warfarin.", options))
    assert isinstance(edited, Edited)
    assert edited.question.question == "He takes coumadin."
    assert edited.question.options == ("Coumadin", "ZESTRIL 5 mg", "stop coumadin", "Orencia")


def test_the_longest_name_goes_first_in_one_pass_and_words_stay_whole(tmp_path: Path) -> None:
    names = table(tmp_path, "warfarin,zestril\ninsuline glargine,lantus\ninsuline,humulin\n")
    assert names.swapped("insuline glargine, insuline, warfarins") == "lantus, humulin, warfarins"
    assert names.swapped("warfarin and zestril") == "zestril and warfarin"


def test_a_swap_that_would_make_another_name_is_left_out(tmp_path: Path) -> None:
    names = table(tmp_path, "aaaa,bbbb\nbbbb xr,cccc\n")
    assert drug_names(names).edit(question("aaaa xr", ("x", "y"), 0)) == NotApplicable("a drug name meets another one")
    names = table(tmp_path, "morphine,m-eslon\neslon,dddd\n")
    assert drug_names(names).edit(question("morphine", ("x", "y"), 0)) == NotApplicable("a drug name meets another one")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Aspirin is given.", "no name of the table occurs in it"),
        ("ſalbutamol and salbutamols are given.", "no name of the table occurs in it"),
        ("Warfarin, which is Coumadin.", "both names of a drug occur in it"),
        ("He took WarFarin.", "a drug name is written in mixed case"),
        ("warfarin, warfarin-induced necrosis", "a drug name is part of a longer word"),
    ],
)
def test_it_leaves_out_what_it_could_spoil(tmp_path: Path, text: str, why: str) -> None:
    names = table(tmp_path, "warfarin,coumadin\nsalbutamol,ventolin\n")
    assert drug_names(names).edit(question(text, ("x", "y"), 0)) == NotApplicable(why)


def test_the_counterpart_is_the_first_brand_that_is_the_drugs_alone_and_no_word(tmp_path: Path) -> None:
    names = table(
        tmp_path,
        "generic,brand\nnicotine,\"['commit', 'nicorette']\"\namlodipine,caduet\namlodipine,norvasc\n"
        "atorvastatin,caduet\nepinephrine,adrenalin\nsecretin-x,secretin-x-ferring\n",
    )
    assert names.counterparts == {
        "nicotine": "nicorette",
        "nicorette": "nicotine",
        "amlodipine": "norvasc",
        "norvasc": "amlodipine",
    }
    assert names.dropped == {
        "no brand belongs to this generic name alone": 2,
        "a name is also another word": 1,
    }


def test_a_table_may_have_semicolons_a_byte_order_mark_and_further_columns(tmp_path: Path) -> None:
    names = table(tmp_path, "\ufeffid;brand;generic\n1;Coumadin;Warfarin\n\n")
    assert names.counterparts == {"warfarin": "coumadin", "coumadin": "warfarin"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("warfarin\nlisinopril\n", "line 1: has 1 columns. Write a generic name and a brand"),
        ("a,b,c\n", "line 1: has 3 columns"),
        ("generic,brand\nwarfarin,coumadin\nwarfarin\n", "line 3: has 1 columns"),
        ("generic,brand\nwarfarin,\n", "line 2: has an empty name"),
        ("bismuth,BC\n", "line 1: 'BC' is too short"),
        ("warfarin,coumadin\ncoumadin,warfarin\n", "'warfarin' is a generic name here and a brand of 'coumadin'"),
        ("warfarin,warfarin\n", "line 1: 'warfarin' is a generic name here and a brand of 'warfarin'"),
        ("aaaa,bbbb\nbbbb,cccc\n", "line 2: 'bbbb' is a generic name here and a brand of 'aaaa'"),
        ("\"['aaaa', 'bbbb']\",cccc\n", "line 1: names 2 generic drugs"),
        ("aaaa,cccc\nbbbb,cccc\n", "no pair of names can be swapped (2: no brand belongs"),
        ("generic,brand\n", "it has a header alone"),
        ("", "is empty. Name a file with rows"),
        (b"aaaa,bbbb\ncccc,d\xe9\xe9d\n", "line 2: not UTF-8. Save it as UTF-8"),
        ("aaaa,bbbb\ncc\0cc,dddd\n", "line 2: not text"),
        ('aaaa,"bbbb\n', "line 1: not CSV"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_line(tmp_path: Path, text: str | bytes, found: str) -> None:
    with pytest.raises(DataError) as error:
        table(tmp_path, text)
    assert found in str(error.value) and str(tmp_path) in str(error.value)
