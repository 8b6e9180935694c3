"""Search terms: what a common tokenizer drops is kept, and a script without spaces is split."""

import pytest

from medqa_sweeps.retrieval.tokenize import terms


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("5 mg/dL of Vitamin K", "5 mg dl vitamin k"),
        ("A 45-year-old man's T-cell count is 1,200", "45 year old man t cell count 1200"),
        ("pH 7.35, HbA1c 6.5%, CD4 B12", "ph 7.35 hba1c 6.5 cd4 b12"),
        ("5mg 2nd", "5 mg 2 nd"),
        ("snake_case and the of", "snake case"),
        ("Ménière's", "ménière"),
        ("Me\u0301nie\u0300re, ５\uff4d\uff47", "ménière 5 mg"),
        ("患者发热3天", "患者 者发 发热 3 天"),
        ("ビタミンK欠乏", "ビタ タミ ミン k 欠乏"),
        ("고혈압 약", "고혈 혈압 약"),
        ("", ""),
        ("the of and?!", ""),
    ],
)
def test_terms(text: str, found: str) -> None:
    assert terms(text) == found.split()


def test_plurals_count_as_singulars_if_asked() -> None:
    singular = "therapy disease crystal virus glucose kidney toe"
    assert " ".join(terms("therapies diseases crystals virus glucose kidneys toes", stem=True)) == singular
    assert terms("therapies") == ["therapies"]
