"""What a sweep says of trials that began earlier, when packages or this project itself were others."""

import json
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import launch
from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.base import locate
from medqa_sweeps.base.fingerprints import fingerprint_1
from medqa_sweeps.config import TrialConfig, from_hydra
from medqa_sweeps.errors import DataError
from medqa_sweeps.jobs.single import run_single
from medqa_sweeps.jobs.trials import TrialJobs
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.sweep.announce import about_questions
from medqa_sweeps.trial import plan as trial_plan
from medqa_sweeps.trial.changes import changes_since_start
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial, refuse_changed
from medqa_sweeps.trial.provenance import collect
from medqa_sweeps.trial.records import Outcome, Result
from tests.analysis.trial_folders import trial_config

CONFIG = trial_config(data__validation="bundled:sample/validation.jsonl", model__path="bundled:tiny_gemma3")


def begun(folder: Path, finished: bool = False, **provenance: Any) -> TrialDir:
    """A trial that was submitted, with what it stood on as given; None takes a part away."""
    trial, plan = TrialDir(folder), plan_trial(CONFIG)
    trial.submit(plan.config, collect(plan, ["a test"]))
    recorded = {**trial.provenance(), **provenance}
    trial.provenance_file.write_text(json.dumps({key: part for key, part in recorded.items() if part is not None}))
    if finished:
        trial.finish(Result(Outcome.COMPLETED, plan.signature))
    return trial


def packages(**others: str) -> dict[str, str]:
    return {**collect(plan_trial(CONFIG), [])["packages"], **others}


def jobs_in(folder: Path) -> tuple[TrialJobs, list[str]]:
    said: list[str] = []
    return TrialJobs(None, folder, [], say=said.append), said  # type: ignore[arg-type]  # nothing is started


def test_a_trial_that_stands_on_what_is_here_needs_no_word(tmp_path: Path) -> None:
    assert changes_since_start("It", begun(tmp_path).provenance()) == []


def test_finished_trials_of_other_versions_are_named_once_a_difference(tmp_path: Path) -> None:
    for number, torch in enumerate(("2.9", "2.9", "2.10")):
        begun(tmp_path / str(number), finished=True, packages=packages(torch=torch, rich="0"))
    begun(tmp_path / "3", finished=True)
    jobs, said = jobs_in(tmp_path)
    ends = [jobs.ended_before(number) for number in range(5)]
    now = packages()["torch"]
    assert said == [
        f"Changed since trial 0 began: package torch: 2.9 then, {now} now.",
        f"Changed since trial 2 began: package torch: 2.10 then, {now} now.",
    ]
    assert [end and end.changed for end in ends] == [
        f"package torch: {one} then, {now} now" for one in ("2.9", "2.9", "2.10")
    ] + ["", None]


def test_a_trial_that_goes_on_under_other_versions_is_named(tmp_path: Path) -> None:
    begun(tmp_path / "0", packages=packages(peft="0.1"))
    jobs, said = jobs_in(tmp_path)
    assert jobs.prepare(0, []).number == 0
    assert said == [f"Changed since trial 0 began: package peft: 0.1 then, {packages()['peft']} now."]


def test_trials_of_an_earlier_version_of_ours_are_said_to_be_that(tmp_path: Path) -> None:
    base = {"label": "it", "fingerprint": fingerprint_1(locate(CONFIG.model))}
    for number in range(2):
        begun(tmp_path / str(number), finished=number == 0, fingerprints=None, base=base)
    jobs, said = jobs_in(tmp_path)
    assert jobs.ended_before(0) and jobs.prepare(1, [])
    (sentence,) = said
    assert sentence.startswith("Trial 0 is from an earlier version of medqa_sweeps, which recorded only config.json")
    assert "run again" in sentence and "not pooled" in sentence


@pytest.mark.parametrize("version", [1, 2])
def test_on_another_base_a_trial_does_not_go_on(tmp_path: Path, version: int) -> None:
    trial = begun(tmp_path, fingerprints=version, base={"label": "it", "fingerprint": "0" * 12})
    with pytest.raises(DataError, match=r"base: it \(000000000000\) then.*has changed since the trial was submitted"):
        refuse_changed(plan_trial(CONFIG), trial.provenance())


def test_a_trial_whose_base_has_changed_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    trial = begun(tmp_path, base={"label": "it", "fingerprint": "0" * 12})
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DataError, match="has changed since the trial was submitted"):
        run_single(CONFIG, trial, announce=False)
    assert sorted(tmp_path.iterdir()) == before, "no result: with the files back, it goes on"


def test_what_began_on_its_validation_questions_goes_on_and_nothing_new_does(tmp_path: Path) -> None:
    same = trial_config(data__validation="bundled:sample/train.jsonl")
    plan = plan_trial(same)
    TrialDir(tmp_path / "0").submit(plan.config, collect(plan, ["a test"]))
    jobs, _ = jobs_in(tmp_path)
    assert jobs.prepare(0, []).number == 0
    with pytest.raises(DataError, match="allow_overlap"):
        run_single(same, TrialDir(tmp_path / "1"), announce=False)


def test_a_study_that_knows_fewer_settings_is_the_same_study(tmp_path: Path) -> None:
    config = OmegaConf.to_container(OmegaConf.structured(TrialConfig))
    assert isinstance(config, dict)
    folder = StudyDir(tmp_path)
    folder.define("study", {"config": config}, {})
    text = folder.definition_file.read_text()
    folder.definition_file.write_text(text.replace("    allow_overlap: false\n", ""))
    assert folder.definition_file.read_text() != text and folder.changes({"config": config}) == []
    config["data"]["allow_overlap"] = True
    assert folder.changes({"config": config}) == ["config.data.allow_overlap: False then, True now"]


@pytest.mark.parametrize("part", ["train", "validation"])
def test_questions_that_changed_since_the_newest_trial_are_told_before_another_begins(
    tmp_path: Path, part: str
) -> None:
    """Only the leaderboard said it, after the training."""
    file, study = tmp_path / "questions.jsonl", StudyDir(tmp_path / "study")
    lines = resolve_bundled(f"bundled:sample/{part}.jsonl").read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:40]))
    words = ["experiment=quickstart", f"data.{part}={file}"]
    with initialize_config_dir(str(Path(launch.__file__).parent / "conf"), version_base="1.3"):
        composed, other = (
            compose("config", [*words, *more], return_hydra_config=True) for more in ([], ["split.seed=1"])
        )
    plan = plan_trial(from_hydra(composed))
    TrialDir(study.path / "0").submit(plan.config, collect(plan, ["a test"]))
    assert list(about_questions(composed, study)) == []
    file.write_text("".join(lines[:39]))
    for kept in (trial_plan._split, trial_plan._read):  # another process has read nothing yet
        kept.cache_clear()
    told = list(about_questions(composed, study))
    assert len(told) == 1 and "the questions of sample have changed since trial 0 began (fingerprint" in told[0]
    assert list(about_questions(other, study)) == [], "these were asked to be others"
