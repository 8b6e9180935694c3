"""A storage that others use too: what must agree is asked of the storage, and one process at a time sweeps a study.

Databases, journals, folders and processes are real; another machine is a mark that says it is one.
"""

import dataclasses
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import psutil
import pytest
import yaml

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.sweep import presence, storage
from medqa_sweeps.sweep.presence import Mark, marked
from medqa_sweeps.sweep.space_parsing import parse_search_space
from medqa_sweeps.sweep.storage import Asked, refuse_other_values
from tests.sweep.test_faults import Program
from tests.sweep.test_storage import Plain, until

optuna.logging.set_verbosity(optuna.logging.WARNING)
DEFINITION = {"space": {"x": "1, 2"}, "metric": "accuracy", "direction": "maximize", "config": {"seed": 0}}


class Place:
    """A folder that asks a database for the study "s", as a sweep does."""

    def __init__(self, folder: Path, url: str, holds_trials: bool = True, **definition: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.url = StudyDir(folder), url
        self.asked = Asked("s", self.folder, {**DEFINITION, **definition}, True, holds_trials)

    def study(self) -> optuna.Study:
        return storage.load(self.asked, storage.connected(self.url), self.numbers()) or optuna.create_study(
            study_name="s", storage=self.url, direction="maximize"
        )

    def numbers(self) -> list[int]:
        return [int(path.name) for path in self.folder.path.iterdir() if path.name.isdecimal()]

    def swept(self, trials: int = 1, allow_changes: bool = False) -> list[str]:
        study = self.study()
        said = storage.check(self.asked, study, allow_changes)
        self.folder.define("s", self.asked.definition, {})
        storage.keep(self.asked, study)
        for _ in range(trials):
            trial = study.ask()
            (self.folder.path / str(trial.number)).mkdir()
            study.tell(trial, trial.suggest_categorical("x", [1, 2]))
        return said


@pytest.fixture
def place(tmp_path: Path) -> Callable[..., Place]:
    return lambda name, **more: Place(tmp_path / name, f"sqlite:///{tmp_path / 'optuna.db'}", **more)


def test_a_folder_goes_on_with_its_study_wherever_it_is_moved(place: Callable[..., Place], tmp_path: Path) -> None:
    place("first").swept()
    assert place("first").swept() == []
    (tmp_path / "first").rename(tmp_path / "moved")
    assert place("moved").swept() == []
    assert len(place("moved").study().trials) == 3


def test_the_study_of_another_folder_is_refused_with_what_differs(place: Callable[..., Place], tmp_path: Path) -> None:
    place("first").swept()
    for definition, more in (({}, ""), ({"space": {"x": "1, 2, 3"}}, "space.x: 1, 2 then, 1, 2, 3 now")):
        with pytest.raises(ConfigError) as refused:
            place("second", **definition).swept()
        assert f"'s' of another folder, {tmp_path / 'first'}, with 1 trial. Resume it there" in str(refused.value)
        assert more in str(refused.value)
    assert not (tmp_path / "second" / "study.yaml").exists()


def test_a_study_whose_folder_is_gone_says_how_to_begin_anew(place: Callable[..., Place], tmp_path: Path) -> None:
    place("first").swept()
    shutil.rmtree(tmp_path / "first")
    for name in ("first", "second"):
        with pytest.raises(ConfigError, match=r"study.yaml is gone.*optuna delete-study --study-name s"):
            place(name).swept()


def test_a_folder_whose_trials_the_storage_does_not_have_is_refused(
    place: Callable[..., Place], tmp_path: Path
) -> None:
    """Another database, another name, a lost journal, another sweeper's folders: trial 0 would be a stranger's."""
    place("first").swept(2)
    other = Place(tmp_path / "first", f"sqlite:///{tmp_path / 'other.db'}")
    with pytest.raises(ConfigError, match=r"has folders of trials \(0 and 1\) that the study 's'.* does not have"):
        other.swept()
    assert optuna.get_all_study_names(other.url) == [], "nothing was made on the way"


def test_what_the_storage_says_is_what_counts(place: Callable[..., Place]) -> None:
    """study.yaml may be edited, or brought from elsewhere: the study in the storage stays what it is."""
    first = place("first")
    first.swept()
    changed = {**first.folder.definition(), "config": {"seed": 1}}
    first.folder.definition_file.write_text(yaml.safe_dump(changed))
    with pytest.raises(ConfigError, match=r"not the one asked for:\n  config.seed: 0 then, 1 now"):
        place("first", config={"seed": 1}).swept()
    place("first", config={"seed": 1}).swept(allow_changes=True)
    assert place("first", config={"seed": 1}).swept() == []


def test_a_copied_folder_is_refused_beside_the_one_that_it_was_copied_from(
    place: Callable[..., Place], tmp_path: Path
) -> None:
    place("first").swept()
    shutil.copytree(tmp_path / "first", tmp_path / "copy")
    with pytest.raises(ConfigError, match=f"copy is a copy of {tmp_path / 'first'}.*a part of the trials"):
        place("copy").swept()


def test_the_study_of_another_program_is_refused_where_folders_hold_the_trials(place: Callable[..., Place]) -> None:
    study = optuna.create_study(study_name="s", storage=place("first").url, direction="maximize")
    study.tell(study.ask(), 1.0)
    with pytest.raises(ConfigError, match=r"'s' that another program made, with 1 trial. Choose another"):
        place("first").swept()


def test_an_earlier_versions_study_goes_on_in_its_folder(place: Callable[..., Place]) -> None:
    first = place("first")
    first.folder.definition_file.write_text(yaml.safe_dump(DEFINITION))
    study = optuna.create_study(study_name="s", storage=first.url, direction="maximize")
    study.tell(study.ask(), 1.0)
    for _ in range(2):
        assert place("first").swept() == []


def test_a_list_that_changed_is_refused_before_anything_runs(place: Callable[..., Place]) -> None:
    place("first").swept()
    study = place("first").study()
    refuse_other_values(study, parse_search_space(["x=1,2", "y=1,2"], {}, [], {}, None))
    for words, now in ((["x=1,2,3"], "1, 2, 3 now"), (["x=interval(1,2)"], "1.0 to 2.0 now")):
        with pytest.raises(ConfigError, match=f"x: 1, 2 in trial 0 of the study 's', {now}"):
            refuse_other_values(study, parse_search_space(words, {}, [], {}, None))


@pytest.fixture
def elsewhere(place: Callable[..., Place], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], optuna.Study]]:
    """A study with the mark of a sweep on another machine, which lives or does not."""
    monkeypatch.setattr(presence, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(presence, "WATCH_SECONDS", 2.0)
    over = threading.Event()

    def study(lives: bool) -> optuna.Study:
        found = place("first").study()
        there = Mark("another-machine", 7, 1.0, "/there")
        found.set_user_attr("swept_by", dataclasses.asdict(there))
        if lives:
            threading.Thread(target=beat, args=(place("first").url, there)).start()
        return found

    def beat(url: str, mark: Mark) -> None:
        there = optuna.load_study(study_name="s", storage=url)
        for count in range(1, 100):
            there.set_user_attr("swept_by", dataclasses.asdict(dataclasses.replace(mark, beat=count)))
            if over.wait(0.2):
                return

    yield study
    over.set()


@pytest.mark.parametrize("lives", [True, False])
def test_a_sweep_on_another_machine_is_known_by_its_beat(
    elsewhere: Callable[[bool], optuna.Study], lives: bool
) -> None:
    study, said = elsewhere(lives), list[str]()
    if lives:
        with pytest.raises(ConfigError, match="being swept by process 7 on another-machine, in /there"):
            marked(study, Path("/here"), said.append).__enter__()
    else:
        with marked(study, Path("/here"), said.append):
            assert study.user_attrs["swept_by"]["process"] == psutil.Process().pid
        assert study.user_attrs["swept_by"] is None
    assert "to see whether process 7 on another-machine" in said[0]


def test_a_killed_process_of_this_machine_holds_nothing_up(place: Callable[..., Place]) -> None:
    """Its number may be another process's by now; the moment of its start is not."""
    study, said = place("first").study(), list[str]()
    own = psutil.Process()
    for number, started in ((own.pid, own.create_time() - 60), (2**22 + 1, 1.0)):
        left = Mark(presence.socket.gethostname(), number, started, "/here")
        study.set_user_attr("swept_by", dataclasses.asdict(left))
        with marked(study, Path("/here"), said.append):
            pass
    assert said == []


def test_a_sweep_whose_study_was_taken_up_elsewhere_stops(
    place: Callable[..., Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.0)
    study = place("first").study()

    class Stopped:
        why = ""

        def stop(self, why: str) -> None:
            self.why = why

    sweep: Any = Stopped()
    with marked(study, Path("/here"), print) as beat:
        beat(sweep)
        beat(sweep)
        assert study.user_attrs["swept_by"]["beat"] == 2 and not sweep.why
        taken = dataclasses.asdict(Mark("another-machine", 7, 1.0, "/there"))
        study.set_user_attr("swept_by", taken)
        beat(sweep)
        assert sweep.why == "process 7 on another-machine, in /there has taken up this study"
    assert study.user_attrs["swept_by"] == taken, "the other's mark stays"


def test_two_sweeps_that_begin_at_once_on_one_study_are_one_and_a_sentence(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    places = [Plain(tmp_path / name) for name in ("first", "second")]
    words = f"x=0,1,2,3 seconds=0.3 hydra.sweeper.storage={url} hydra.sweeper.study_name=named"
    processes = [place.start(words) for place in places]
    ends = [(process.communicate(timeout=200)[0], process.returncode) for process in processes]
    assert sorted(code for _, code in ends) == [0, 1], ends
    (refused,) = (said for said, code in ends if code)
    assert "the study 'named' in hydra.sweeper.storage is being swept by process" in refused
    assert "Traceback" not in refused
    trials = places[0].optuna(url, "named").trials
    assert [(trial.number, trial.state.name, trial.params["x"]) for trial in trials] == [
        (number, "COMPLETE", number) for number in range(4)
    ]
    ran = [len(list(place.study.glob("*/told.json"))) for place in places]
    assert sorted(ran) == [0, 4], "each trial ran once"


@pytest.mark.variant
def test_another_programs_study_goes_on_in_another_folder_after_the_first_was_killed(tmp_path: Path) -> None:
    """Hydra's own folders have the time in their name: results are in the storage, and each folder has its jobs."""
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    first, second = Plain(tmp_path / "first"), Plain(tmp_path / "second")
    words = f"x=0,1,2,3 seconds=0.3 hydra.sweeper.storage={url} hydra.sweeper.study_name=named"
    killed = first.start(words)
    until(lambda: list(first.study.glob("*/told.json")))
    killed.kill()
    killed.communicate()
    code, said = second.run(words)
    assert code == 0 and f"of this study ran in {first.study}; the next run in this folder" in said, said
    assert [trial.state.name for trial in second.optuna(url, "named").trials] == ["COMPLETE"] * 4
    code, said = second.run(words.replace("x=0,1,2,3", "x=0,1"))
    assert code == 1 and "space.x: 0, 1, 2, 3 then, 0, 1 now" in said, said


@pytest.mark.variant
def test_trials_of_two_folders_do_not_share_a_study(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    words = (f"hydra.sweeper.storage={url}", "hydra.sweeper.study_name=named")
    first = Program(tmp_path / "first", "lora.r=2,4", *words)
    assert first.ended() == 0, first.said()
    for folder, more, told in (
        ("second", ("lora.r=2,4,8", *words), f"'named' of another folder, {tmp_path / 'first'}, with 2 trials"),
        ("first", ("lora.r=2,4",), "has folders of trials (0 and 1) that the study 'named' in"),
    ):
        refused = Program(tmp_path / folder, *more, log=f"refused-{len(more)}-{folder}")
        assert refused.ended() == 1 and told in refused.said() and "Traceback" not in refused.said(), refused.said()
    assert not list((tmp_path / "second").glob("[0-9]*"))
