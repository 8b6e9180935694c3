"""A file that is not what was written to it: one sentence, with its name, what is wrong, and the next step."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medqa_sweeps import damage as damage_module
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.study import ledger, not_run
from medqa_sweeps.study.confirmation import read_confirmation
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.study.objective import objective_in
from medqa_sweeps.study_identity import identity_of
from medqa_sweeps.trial.folder import MetricsReader, TrialDir

READERS: list[tuple[str, Callable[[Path], Any]]] = [
    ("result.json", lambda folder: TrialDir(folder).result()),
    ("provenance.json", lambda folder: TrialDir(folder).provenance()),
    ("metrics.jsonl", lambda folder: TrialDir(folder).lines()),
    ("metrics.jsonl", lambda folder: MetricsReader(TrialDir(folder)).new_lines()),
    ("predictions.jsonl", lambda folder: TrialDir(folder).predictions()),
    ("not_run.jsonl", not_run.not_run),
    ("final.jsonl", ledger.readings),
    ("confirm.yaml", read_confirmation),
    ("study.yaml", lambda folder: StudyDir(folder).definition()),
    ("study.yaml", identity_of),
]


@pytest.mark.parametrize(
    ("file", "reader"), READERS, ids=[f"{index}-{file}" for index, (file, _) in enumerate(READERS)]
)
@pytest.mark.parametrize("content", ["{\n", "[1, 2]\n", "7\n", "\x00\n"])
def test_the_error_names_the_damaged_file_and_the_next_step(
    file: str, reader: Callable[[Path], Any], content: str, tmp_path: Path
) -> None:
    folder = tmp_path / "study"  # not beside other tests' studies, which look for a confirmation there
    folder.mkdir()
    (folder / file).write_text(content)
    with pytest.raises(ConfigError, match=rf"/{file} is damaged (in line 1 )?\(\w+: .*\)\. Restore .* backup"):
        reader(folder)


def test_objectives_of_a_damaged_study_are_not_those_of_a_single_run(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("metric: [accuracy\n")
    with pytest.raises(ConfigError, match=r"study\.yaml is damaged"):
        objective_in(tmp_path)


@pytest.mark.parametrize("damage", ["{", '{"kind": "another"}', '{"kind": "train"}', "null", "\xff"])
def test_damage_in_the_middle_of_a_history_names_its_line(damage: str, tmp_path: Path) -> None:
    """A last line without its end is no damage: a process died over it."""
    trial = TrialDir(tmp_path)
    attempt = (
        '{"kind": "attempt", "attempt": 1, "samples_seen": 0, "time": 0.0, "pid": 1, "host": "h", "device": "cpu", '
        '"micro_batch_size": 1}\n'
    )
    trial.metrics_file.write_text(attempt + attempt + '{"kind": "tr')
    assert len(trial.lines()) == 2
    follower = MetricsReader(trial)
    assert len(follower.new_lines()) == 2
    trial.metrics_file.write_text(attempt + attempt + f"{damage}\n" + attempt, encoding="latin-1")
    for read in (trial.lines, follower.new_lines):
        with pytest.raises(ConfigError, match=r"metrics\.jsonl is damaged in line 3 \(.*delete that line") as caught:
            read()
        assert "column" not in str(caught.value), "JSON counts lines from the one that it was given"


def test_a_required_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    """A folder stands for a file that the system refuses: who tests as root may read everything."""
    refused = pytest.raises(ConfigError, match=rf"^{tmp_path} cannot be read \(Is a directory\)\.$")
    with refused, damage_module.reading(tmp_path):
        tmp_path.read_text()
