"""Wrong settings of the sweeper, its sampler and its pruner are sentences; every sampler and pruner on offer works."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from optuna.trial import TrialState

import launch
from medqa_sweeps.compose.refusals import refusal
from medqa_sweeps.compose.settings import CONF
from medqa_sweeps.config.overrides import key_of
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.jobs.contract import JobEnded, Reported
from medqa_sweeps.sweep.asked_settings import custom_search_space, refuse_no_grid, refuse_settings
from medqa_sweeps.sweep.pruning import OptunaPruner, PairedHalving, make_pruner
from medqa_sweeps.sweep.sampling import SeededPerTrial
from medqa_sweeps.sweep.space_parsing import parse_search_space
from medqa_sweeps.sweep.study import Study
from medqa_sweeps.sweep.sweeper import _instantiated
from medqa_sweeps.trial.records import Outcome

SAMPLER, PRUNER = "hydra.sweeper.sampler", "hydra.sweeper.pruner"
NAMES = {kind: sorted(file.stem for file in (CONF / "hydra/sweeper" / kind).glob("*.yaml")) for kind in (
    "sampler", "pruner")}  # fmt: skip
TRIALS = 8
SAMPLERS = [name for name in NAMES["sampler"] if name != "motpe"]  # which says what to use instead
PRUNERS = [name for name in NAMES["pruner"] if name != "none"]


@pytest.fixture(autouse=True, scope="module")
def conf() -> Iterator[None]:
    with initialize_config_dir(str(Path(launch.__file__).parent / "conf"), version_base="1.3"):
        yield


def settings(*overrides: str) -> Any:
    return compose("config", ["experiment=quickstart", *overrides], return_hydra_config=True).hydra.sweeper


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("hydra.sweeper.n_jobs=-1", "hydra.sweeper.n_jobs=-1: 1 or more, or null."),
        ("hydra.sweeper.n_jobs=0", "hydra.sweeper.n_jobs=0: 1 or more, or null."),
        ("hydra.sweeper.n_trials=0", "hydra.sweeper.n_trials=0: 1 or more, or null."),
        ("hydra.sweeper.max_failure_rate=2", "hydra.sweeper.max_failure_rate=2.0: a share from 0 to 1."),
        ("hydra.sweeper.max_failure_rate=nan", "hydra.sweeper.max_failure_rate=nan: a share from 0 to 1."),
        ("hydra.sweeper.timeout=-1", "hydra.sweeper.timeout=-1.0: must be above 0, or null for no limit."),
        ("hydra.sweeper.timeout=nan", "hydra.sweeper.timeout=nan: must be above 0, or null for no limit."),
        ("hydra.sweeper.max_device_hours=0", "hydra.sweeper.max_device_hours=0.0: must be above 0"),
        ("hydra.sweeper.storage=foo", "hydra.sweeper.storage=foo is no URL of a database. Give one"),
        ("hydra.sweeper.storage='no://x/y'", "hydra.sweeper.storage=no://x/y is no URL of a database. Give one"),
        ("hydra.sweeper.storage='oracle://x:secret@y/z'", "storage needs the package oracledb, which is not"),
        (f"{SAMPLER}=tpe", f"{SAMPLER}=tpe: write hydra/sweeper/sampler=tpe, with a slash. Options are cmaes"),
        (f"{SAMPLER}=best", f"{SAMPLER}=best: write hydra/sweeper/sampler=NAME, with a slash. Options are cmaes"),
        (f"{PRUNER}=median", f"{PRUNER}=median: write hydra/sweeper/pruner=median, with a slash. Options are hyper"),
        (f"~{SAMPLER}._target_", f"{SAMPLER} has no _target_. Choose hydra/sweeper/sampler=NAME first"),
        (
            f"{SAMPLER}._target_=optuna.samplers.RandomSampler",
            "only seed. n_startup_trials and n_ei_candidates come from the default, hydra/sweeper/sampler=tpe, into "
            f"which your fields were merged; {SAMPLER}.n_startup_trials=null {SAMPLER}.n_ei_candidates=null drops",
        ),
        (f"{SAMPLER}._target_=optuna.samplers.NoSampler", f"{SAMPLER}._target_=optuna.samplers.NoSampler: "),
        (f"{SAMPLER}._target_=nothing.TPESampler", "there is no module nothing. Choose one with hydra/sweeper/sampler"),
        (f"+{SAMPLER}.foo=1", f"{SAMPLER}: TPESampler takes no foo, only consider_prior"),
        (f"{SAMPLER}.seed=-1", f"{SAMPLER}.seed=-1: must be 0 or more, and at most 4294967295."),
        (f"{SAMPLER}.seed=abc", f"{SAMPLER}.seed=abc: must be a whole number or null."),
        (f"{SAMPLER}.n_startup_trials=-1", f"{SAMPLER}.n_startup_trials=-1: must be 0 or more."),
        (f"{SAMPLER}.n_ei_candidates=1.5", f"{SAMPLER}.n_ei_candidates=1.5: must be a whole number."),
        (f"{SAMPLER}.n_ei_candidates=true", f"{SAMPLER}.n_ei_candidates=True: must be a whole number."),
        (f"{SAMPLER}.multivariate=often", f"{SAMPLER}.multivariate=often: must be true or false or null."),
    ],
)
def test_a_wrong_setting_is_a_sentence(override: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        refuse_settings(settings(override))
    assert told in str(error.value) and "\n" not in str(error.value) and "secret" not in str(error.value)


def test_all_wrong_settings_are_named_at_once() -> None:
    wrong = ["hydra.sweeper.n_jobs=0", "hydra.sweeper.timeout=0", f"{SAMPLER}=tpe", f"{PRUNER}=none"]
    with pytest.raises(ConfigError) as error:
        refuse_settings(settings(*wrong))
    assert [key_of(line).partition(":")[0] for line in str(error.value).splitlines()] == list(map(key_of, wrong))


def test_what_can_be_is_taken() -> None:
    refuse_settings(settings(f"{SAMPLER}._target_=optuna.samplers.TPESampler"))  # upstream's line
    refuse_settings(settings("hydra.sweeper.storage='sqlite:///a.db'", "hydra.sweeper.n_jobs=1"))
    asked = settings()
    OmegaConf.set_struct(asked, False)
    for kind, names in NAMES.items():
        for name in names:
            asked[kind] = OmegaConf.load(CONF / "hydra/sweeper" / kind / f"{name}.yaml")
            refuse_settings(asked)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("no.such", "there is no module no"),
        ("medqa_sweeps.no_such", "no_such"),
        ("space", "there is no module space"),
        ("os.getcwd", "it cannot be called with two arguments"),
        ("os.sep", "it cannot be called with two arguments"),
    ],
)
def test_a_custom_search_space_that_is_none_is_a_sentence(path: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        custom_search_space(path)
    assert str(error.value).startswith(f"hydra.sweeper.custom_search_space={path}: ") and told in str(error.value)


def test_upstreams_sweeper_by_its_target_is_a_sentence() -> None:
    error = RuntimeError("Unknown plugin class : 'hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper'")
    assert "hydra/sweeper=async_optuna takes the keys of Hydra's own Optuna sweeper" in (refusal(error) or "")
    assert refusal(RuntimeError("something else")) is None


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_searches_a_mixed_space_that_depends(name: str) -> None:
    words = ["kind=a,b", "n=interval(1,64)", "rate=tag(log,interval(1e-5,1e-1))", "share=interval(0,1)"]
    space = parse_search_space(words, {}, [], {"kind=a": {"depth": "interval(1,9)", "how": "x,y"}}, None)
    asked = settings(f"hydra/sweeper/sampler={name}").sampler
    small = {"n_startup_trials": 4, "population_size": 4, "warn_independent_sampling": False}
    sampler = _instantiated(OmegaConf.merge(asked, {key: small[key] for key in small if key in asked}, {"seed": 1}))
    study = Study(optuna.create_study(sampler=SeededPerTrial(sampler, 1)), space, TRIALS)
    kinds = []
    while candidate := study.ask():
        point = candidate.params
        kinds.append(point["kind"])
        assert ("how where kind=a" in point) == (point["kind"] == "a")
        assert 1 <= point["n"] <= 64 and 1e-5 <= point["rate"] <= 1e-1 and 0 <= point["share"] <= 1
        study.tell(JobEnded(candidate.number, Outcome.COMPLETED, point["share"] * point["n"]))
    assert len(kinds) == TRIALS and set(kinds) == {"a", "b"}


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("name", PRUNERS)
def test_every_pruner_follows_trials_that_report(name: str, tmp_path: Path) -> None:
    """The worst of many comes last, and each of them cuts it."""
    asked = settings(f"hydra/sweeper/pruner={name}").pruner
    more = {"threshold": {"lower": 0.1}, "patient": {"patience": 0}, "wilcoxon": {"n_startup_steps": 0}}.get(name, {})
    lengths = {key: value for key, value in (("min_resource", 8), ("max_resource", 64)) if key in asked}
    pruner = make_pruner(_instantiated(OmegaConf.merge(asked, more, lengths)), tmp_path)
    if isinstance(pruner, PairedHalving):
        return  # ours compares predictions: tests/sweep/test_pruning.py
    assert isinstance(pruner, OptunaPruner)
    study = optuna.create_study(direction="maximize", pruner=pruner.pruner, study_name="study")
    why = None
    for value in (*(0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25) * 2, 0.01):
        trial, why = study.ask(), None
        for report in range(1, 9):
            trial.report(value - 1e-3 * report, 8 * report)
            why = why or pruner.after(trial, Reported(trial.number, 8 * report, value))
        study.tell(trial, None if why else value, state=TrialState.PRUNED if why else TrialState.COMPLETE)
    assert why and type(pruner.pruner).__name__ in why


def test_what_a_custom_search_space_suggests_reaches_hydra_as_it_is() -> None:
    """None was trained as the text "None"."""
    values = [None, "None", True, "true", 8, "8", 1e-5, "a,b", "", " a ", "${x}", "it's", "[a]", "null", "\\'"]
    asked = optuna.create_study(sampler=optuna.samplers.RandomSampler())
    for value in values:
        asked.enqueue_trial({"it": value})
    space = parse_search_space([], {}, [], {}, None)
    study = Study(asked, space, len(values), extend=lambda trial: trial.suggest_categorical("it", values) and None)
    for value in values:
        candidate = study.ask()
        assert candidate is not None
        (override,) = OverridesParser.create().parse_overrides(candidate.overrides)
        found = OmegaConf.create({"it": override.value()}).it
        assert (type(found), found) == (type(value), value)


INTERVAL = "optimizer.lr=tag(log,interval(1e-4,1e-2))"


@pytest.mark.parametrize("words", [[INTERVAL], ["lora.r=8,16", INTERVAL]])
def test_a_grid_over_an_interval_is_refused(words: list[str]) -> None:
    """It was a random search, without a sentence."""
    config = compose("config", ["hydra/sweeper/sampler=grid"], return_hydra_config=True)
    with pytest.raises(ConfigError, match=r"sampler=grid: optimizer.lr has an interval.*Give a list.*range.*=random"):
        refuse_no_grid(config, parse_search_space(words, {}, [], {}, None))
    depends = parse_search_space(["lora=dora,all_linear"], {}, [], {"lora=dora": {"seed": "interval(1,9)"}}, None)
    with pytest.raises(ConfigError, match="sampler=grid: seed has an interval"):
        refuse_no_grid(config, depends)


def test_a_grid_of_lists_and_ranges_and_another_sampler_are_taken() -> None:
    for sampler, words in (("grid", ["lora.r=8,16", "seed=range(0,3)"]), ("random", [INTERVAL]), ("tpe", [INTERVAL])):
        config = compose("config", [f"hydra/sweeper/sampler={sampler}"], return_hydra_config=True)
        refuse_no_grid(config, parse_search_space(words, {}, [], {}, None))
