"""What Hydra refuses is said in one sentence, by name, and without the advice of Hydra's that leads astray."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import CompactHydraException, InstantiationException

import launch
from medqa_sweeps.compose.refusals import in_sentences, refusal, refuse_overrides, refuse_unknown_of_hydra
from medqa_sweeps.config import from_hydra
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.exit_codes import ExitCode

CONF = Path(launch.__file__).parent / "conf"
ADVICE = ("To append to", "Either remove", "Or add", "HYDRA_FULL_ERROR", "full_key", "search path", "1.", "Error ")


@pytest.fixture(autouse=True, scope="module")
def conf() -> Iterator[None]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield


def refused(*overrides: str) -> str:
    """What is said of overrides that Hydra, or the door after it, does not take."""
    try:
        composed = compose("config", overrides=list(overrides), return_hydra_config=True)
        refuse_unknown_of_hydra(composed.hydra)
        refuse_overrides(overrides)
        from_hydra(compose("config", overrides=list(overrides)))
    except ConfigError as error:
        return str(error)
    except Exception as error:
        sentence = refusal(error, overrides)
        assert sentence is not None
        return sentence
    raise AssertionError(f"{overrides} were taken")


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("lora.rank=8", "lora.rank is not a setting. Did you mean lora.r?"),
        ("+lora.rank=8", "lora.rank is not a setting. Did you mean lora.r?"),
        ("++lora.rank=8", "lora.rank is not a setting. Did you mean lora.r?"),
        ("lora={rank: 8}", "lora.rank is not a setting. Did you mean lora.r?"),
        ("lora.r.x=3", "lora.r.x is not a setting. Did you mean lora.r?"),
        ("loraa=attention", "loraa is not a setting. Did you mean lora?"),
        ("+loraa=attention", "loraa is not a setting. Did you mean lora?"),
        ("model/foo=attention", "model/foo is not a setting. Did you mean model?"),
        ("tracking.notes.n=null", "tracking.notes.n=null: must be text."),
        ("tracking.tags=[null]", "tracking.tags[0]=null: must be text."),
        ("=3", "=3: the name of a setting is missing, KEY=VALUE."),
        ("~lora.r", "~lora.r: a trial needs every setting. Give lora.r=VALUE."),
        ("~lora.rr", "lora.rr is not a setting. Did you mean lora.r?"),
        ("~optimizer", "~optimizer: a trial needs every setting. Give optimizer=OPTION."),
        ("~seed", "~seed: a trial needs every setting. Give seed=VALUE."),
        ("lora=3", "lora=3: write lora=OPTION, with the name of one option."),
        ("lora=null", "lora=null: write lora=OPTION, with the name of one option."),
        ("lora=[attention,dora]", "lora=[attention,dora]: write lora=OPTION, with the name of one option."),
        ("+lora=attention", "+lora=attention: write lora=OPTION, with the name of one option."),
        ("+lora@more=attention", "+lora@more=attention: write lora=OPTION, with the name of one option."),
        ("lora.r=sixteen", "lora.r=sixteen: must be a whole number."),
        ("lora.r=4.0", "lora.r=4.0: must be a whole number; an interval of those is int(interval(LOW,HIGH))."),
        ("lora.alpha=big", "lora.alpha=big: must be a number or null."),
        ("lora.use_dora=maybe", "lora.use_dora=maybe: must be true or false."),
        ("lora.target_modules=3", "lora.target_modules=3: must be a list in brackets, such as [a,b]."),
        ("lora.r=8,16", "lora.r=8,16: several values are a sweep, which needs -m. Add it, or give one value."),
        ("+lora.r=8", "Could not append to config. An item is already at 'lora.r'. Leave the + out."),
        ("+experiment=quickstart", "experiment appears more than once in the final defaults list. Leave the + out."),
        ("hydra.launcher.device=cpu", "hydra.launcher.device is not a setting. Did you mean hydra.launcher.devices?"),
        ("+hydra.launcher.device=cpu", "hydra.launcher.device is not a setting. Did you mean hydra.launcher.devices?"),
        ("hydra.sweeper.plan=1", "hydra.sweeper.plan is not a setting. Did you mean hydra.sweeper.plan_only?"),
        ("+hydra.sweeper.n_trial=1", "hydra.sweeper.n_trial is not a setting. Did you mean hydra.sweeper.n_trials?"),
        ("+hydra.jobb.chdir=1", "hydra.jobb is not a setting. Did you mean hydra.job?"),
        ("hydra.launcher.share=1", "hydra.launcher.share is not a setting. Did you mean hydra.launcher.share_devices?"),
        ("hydra/sweeperr=basic", "hydra/sweeperr is not a setting. Did you mean hydra/sweeper?"),
        ("hydra.sweeper.n_trials=few", "hydra.sweeper.n_trials=few: must be a whole number or null."),
    ],
)
def test_a_wrong_override_is_refused_in_one_sentence(override: str, told: str) -> None:
    assert refused("experiment=quickstart", override) == told


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("lora=al_linear", "lora=al_linear: there is no such option. Did you mean lora=all_linear? Options are all_"),
        ("experiment=quikstart", "Did you mean experiment=quickstart? Options are "),
        ("hydra/sweeper/sampler=tpee", "Did you mean hydra/sweeper/sampler=tpe? Options are cmaes, gp,"),
        ("hydra/launcher=gpus", "there is no such option. Options are basic, in_process, local_gpus, ray, slurm."),
    ],
)
def test_an_option_that_is_not_there_is_refused_with_those_that_are(override: str, told: str) -> None:
    assert told in refused(override)


@pytest.mark.parametrize("override", ["lora.r", "lora.r=[", "lora..r=3"])
def test_what_cannot_be_read_is_named_with_the_page_that_says_how_to_write(override: str) -> None:
    sentence = refused(override)
    assert sentence.startswith(f"'{override}' cannot be read: ") and "override_grammar" in sentence


@pytest.mark.parametrize(
    "override",
    ["lora.rank=8", "+lora.r=8", "lora.r=8,16", "lora=al_linear", "hydra.sweeper.plan=1", "+experiment=quickstart"],
)
def test_hydras_advice_is_left_out(override: str) -> None:
    sentence = refused(override)
    assert not [advice for advice in ADVICE if advice in sentence] and "\n" not in sentence


def test_a_key_of_a_sampler_is_looked_for_among_the_samplers() -> None:
    assert refused("hydra.sweeper.sampler.sed=3").endswith("Did you mean hydra.sweeper.sampler.seed?")


def test_every_wrong_override_is_named_and_right_ones_are_not() -> None:
    told = refused("+lora.rank=8", "lora.r=8", "+foo=1", "~optimizer").splitlines()
    assert [line.split()[0] for line in told] == ["lora.rank", "foo", "~optimizer:"]
    refuse_overrides(["lora.r=8,16", "lora=attention", "~experiment", "~tracking.notes.why", "++lora.r=8"])
    refuse_overrides(["lora.target_modules.0=q_proj", "tracking.notes.why=x", "hydra/launcher=basic", "hydra.foo=1"])


def test_a_wrong_key_in_a_file_is_refused_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# @package _global_\nlora: {rank: 8}\n")
    told = refused(f"hydra.searchpath=[file://{tmp_path}]", "experiment=mine")
    assert told == "conf/experiment/mine.yaml: lora.rank is not a setting. Did you mean lora.r?"


def test_what_we_say_stays_as_it_is_and_a_defect_is_no_refusal() -> None:
    ours = "Nothing was started.\n  lora.r=0: no\n  seed=-1: no"
    assert refusal(CompactHydraException(ours), ["foo=1"]) == ours
    assert refusal(InstantiationException("Error in call:\nTypeError()")) == "Error in call: TypeError()."
    assert refusal(ZeroDivisionError("a defect"), ["lora.r=8"]) is None


def test_a_program_ends_with_the_sentence_and_a_defect_with_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    with pytest.raises(SystemExit) as stopped, in_sentences([]):
        raise CompactHydraException("no")
    assert stopped.value.code == "no", "which Python prints, and ends with exit code 1"
    assert "HYDRA_FULL_ERROR" not in os.environ
    with pytest.raises(ZeroDivisionError), in_sentences([]):
        raise ZeroDivisionError
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(CompactHydraException), in_sentences([]):
        raise CompactHydraException("no")


@pytest.mark.parametrize("words", [["-m", "--cfg", "hydra"], ["-m", "--info", "plugins"], ["--resolve"]])
def test_options_of_hydra_that_clash_are_a_sentence(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, launch.__file__, *words, "lora.r=4"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == ExitCode.USAGE and "Traceback" not in done.stderr
    assert re.search(r"give one of them|works only with --cfg", done.stderr) and len(done.stderr.splitlines()) == 1
