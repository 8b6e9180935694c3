"""A folder that is not what a command takes is refused with the one that was most likely meant."""

from collections.abc import Callable
from pathlib import Path

import pytest

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.study.find import study_at, trial_at


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A study of two trials, another study, two single runs, and a folder of something else."""
    for folder in ("multirun/quickstart/0", "multirun/quickstart/1", "multirun/other", "outputs/run1", "outputs/run2"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("multirun/quickstart/study.yaml", "multirun/other/study.yaml"):
        (tmp_path / file).touch()
    for trial in ("multirun/quickstart/0", "multirun/quickstart/1", "outputs/run1", "outputs/run2"):
        (tmp_path / trial / "config.yaml").touch()
    (tmp_path / "papers").mkdir()
    monkeypatch.chdir(tmp_path)


def test_what_is_meant_is_found(tmp_path: Path) -> None:
    assert study_at(Path("multirun/quickstart")).path == tmp_path / "multirun/quickstart"
    assert trial_at(Path("multirun/quickstart/1")).path == tmp_path / "multirun/quickstart/1"
    assert trial_at(Path("outputs/run1")).path == tmp_path / "outputs/run1"


@pytest.mark.parametrize(
    ("find", "folder", "told"),
    [
        (
            study_at,
            "multirun/quikstart",
            "multirun/quikstart: there is no such folder. Did you mean multirun/quickstart?",
        ),
        (study_at, "quickstart", "Did you mean multirun/quickstart?"),
        (study_at, "zzz", "Studies in multirun: other and quickstart."),
        (study_at, "multirun/quickstart/0", "is a trial. This command takes its study: multirun/quickstart."),
        (study_at, "outputs/run1", "is a single run. This command takes a study"),
        (study_at, "multirun", "multirun holds studies: other and quickstart. Name one of them."),
        (study_at, "papers", "papers is not a study: it has no study.yaml."),
        (
            trial_at,
            "multirun/quickstart",
            "is a study. This command takes one of its trials, such as multirun/quickstart/0",
        ),
        (trial_at, "multirun/other", "is a study. This command takes one of its trials."),
        (trial_at, "multirun/quickstart/7", "multirun/quickstart has no trial 7: it has 0 and 1."),
        (trial_at, "outputs/run3", "Did you mean outputs/run"),
        (trial_at, "outputs", "outputs holds runs: run1 and run2. Name one of them."),
        (trial_at, "papers", "papers is not a trial: it has no config.yaml."),
    ],
)
def test_what_is_something_else_is_refused(find: Callable[[Path], object], folder: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        find(Path(folder))
    assert told in str(error.value) and "\n" not in str(error.value)
