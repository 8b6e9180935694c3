"""One meaning of `hydra.launcher.devices` and `--devices`, for a single run, for each command, and passed on to sweeps.

The GPUs are `fake_nvml.py`'s and the training is `stand_in.py`; Hydra, processes and folders are real.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from medqa_sweeps.__main__ import main
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.pool.devices import find_devices
from medqa_sweeps.pool.request import DeviceRequest, requested, requested_of_launcher, with_devices
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.trial.provenance import collect, runtime
from medqa_sweeps.trial.records import Outcome, Result, Score
from tests.analysis.trial_folders import submit, trial_config
from tests.conftest import variant
from tests.pool.fake_nvml import Card, FakeNvml
from tests.sweep.test_faults import PROGRAM, ROOT

ONE_RUN = (
    *("experiment=quickstart", "tracking=none", "split.max_validation=16", "training.max_steps=2"),
    *("evaluation.reports=1", "hydra.run.dir=run"),
)


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    FakeNvml().install(monkeypatch.setattr)
    yield
    runtime.cache_clear()  # it has seen cards that are not there


@pytest.fixture
def becomes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words of the program that this process was to become."""
    words: list[str] = []

    def execv(program: str, arguments: Sequence[str]) -> None:
        words.extend(arguments[2:])
        raise SystemExit(0)

    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setattr(os, "chdir", lambda folder: None)
    return words


def completed(path: Path, accuracy: float) -> None:
    plan = plan_trial(trial_config(data__validation="bundled:sample/validation.jsonl"))
    trial = TrialDir(path)
    trial.submit(plan.config, collect(plan, ["a test"]))
    trial.finish(Result(Outcome.COMPLETED, plan.signature, score=Score(100, accuracy, 0.0, 0.0, 1.0)))


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study of one completed trial, which was swept on the GPUs 1 and 3."""
    completed(tmp_path / "study" / "0", 0.5)
    command = ["launch.py", "-m", "lora.r=8,16", "hydra.launcher.devices=[1,3]", "hydra.launcher.share_devices=true"]
    origin = {"trials": 2, "command": command, "directory": str(ROOT)}
    (tmp_path / "study" / "study.yaml").write_text(yaml.safe_dump(origin))
    return tmp_path / "study"


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (None, ()),
        ("auto", ()),
        (["auto"], ()),
        ("cpu", ("cpu",)),
        (2, ("2",)),
        ([0, 2], ("0", "2")),
        ("0,2", ("0", "2")),
        (" [0, GPU-aaaa ] ", ("0", "GPU-aaaa")),
    ],
)
def test_a_list_on_the_command_line_means_what_the_setting_means(wanted: object, names: tuple[str, ...]) -> None:
    assert requested(wanted).names == requested_of_launcher({"devices": wanted}).names == names


@pytest.mark.parametrize("wanted", ["", "0,,1", "[]", "cpu,0", "0,auto", [], [0, "cpu"]])
def test_an_invalid_list_of_devices_is_refused_as_it_was_given(wanted: object) -> None:
    with pytest.raises(ConfigError, match=r"^hydra\.launcher\.devices=.*only GPUs, as in hydra.*=\[0,2\]"):
        requested(wanted)
    with pytest.raises(ConfigError, match=r"^--devices .*only GPUs, as in --devices 0,2"):
        requested(wanted, by_option=True)


def test_an_error_recommends_the_option_of_the_same_command(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(Card("GPU-a", used=40 << 30)).install(monkeypatch.setattr)
    with pytest.raises(ConfigError) as by_setting:
        find_devices(requested())
    for said in ("hydra.launcher.devices=[0,2]", "hydra.launcher.share_devices=true", "hydra.launcher.devices=cpu"):
        assert said in str(by_setting.value)
    with pytest.raises(ConfigError) as by_option:
        find_devices(requested(by_option=True))
    assert "hydra" not in str(by_option.value)
    for said in ("--devices 0,2", "--share-devices", "--devices cpu"):
        assert said in str(by_option.value)


@pytest.mark.parametrize("names", [(), ("cpu",), ("2",), ("0", "2"), ("GPU-8a7b-1", "MIG-9c/1/0")])
def test_a_request_survives_hydra(names: tuple[str, ...]) -> None:
    request = DeviceRequest(names, share=True)
    parsed = {one.key_or_group: one.value() for one in OverridesParser.create().parse_overrides(request.overrides())}
    settings = {key.rpartition(".")[2]: value for key, value in parsed.items()}
    assert requested_of_launcher(settings) == request


def test_a_request_replaces_the_previous_one() -> None:
    words = ["-m", "hydra.launcher.devices=[1,3]", "++hydra.launcher.share_devices=true", "lora.r=8,16"]
    assert with_devices(words, DeviceRequest(("cpu",))) == ["-m", "lora.r=8,16", "hydra.launcher.devices=cpu"]
    with pytest.raises(ConfigError, match=r"hydra/launcher=in_process, which has no devices to choose"):
        with_devices(["hydra/launcher=in_process"], DeviceRequest(("0",)))


# A single run


def launch(folder: Path, *words: str, cards: str = "") -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CARDS": cards}
    command = [sys.executable, str(PROGRAM), *ONE_RUN, *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100)


def gpu_of(trial: Path) -> str | None:
    return next(line["gpu"] for line in map(json.loads, (trial / "metrics.jsonl").open()) if line["kind"] == "attempt")


@pytest.mark.parametrize(
    ("devices", "gpu", "said"),
    [("[2]", "GPU-c", "gpu2 (NVIDIA H100)"), variant("cpu", None, "cpu ("), variant("auto", "GPU-a", "gpu0 (")],
)
def test_a_single_run_uses_the_requested_device(devices: str, gpu: str | None, said: str, tmp_path: Path) -> None:
    done = launch(tmp_path, f"hydra.launcher.devices={devices}", cards="GPU-a,GPU-b,GPU-c")
    assert done.returncode == 0, done.stderr
    assert gpu_of(tmp_path / "run") == gpu
    assert f"Runs on    {said}" in done.stdout


def test_a_single_run_on_a_gpu_that_is_not_there_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    done = launch(tmp_path, "hydra.launcher.devices=[7]", cards="GPU-a")
    assert done.returncode == 1 and "GPU 7 does not exist. Available: 0 NVIDIA H100 GPU-a" in done.stderr
    assert "Questions" not in done.stdout and not list(tmp_path.iterdir())


# Commands


def test_a_trial_is_resumed_on_the_same_devices_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[DeviceRequest] = []
    monkeypatch.setattr(
        "medqa_sweeps.jobs.single.run_single", lambda *arguments, devices, announce: asked.append(devices)
    )
    trial = submit(tmp_path / "run")
    for words in (["resume", str(trial.path)], ["resume", str(trial.path), "--devices", "cpu"]):
        main(words)
    (trial.path / ".hydra").mkdir()
    (trial.path / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump({"hydra": {"launcher": {"devices": [2]}}}))
    main(["resume", str(trial.path)])
    assert [one.names for one in asked] == [(), ("cpu",), ("2",)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], ["hydra.launcher.devices=[1,3]", "hydra.launcher.share_devices=true"]),
        (["--devices", "cpu"], ["hydra.launcher.devices=cpu"]),
        (["--devices", "0,2"], ["hydra.launcher.devices=[0,2]"]),
        (["--share-devices"], ["hydra.launcher.devices=auto", "hydra.launcher.share_devices=true"]),
    ],
)
@pytest.mark.parametrize("command", [["resume"], ["confirm", "--top", "1", "--seeds", "1"]])
def test_a_resumed_sweep_uses_the_requested_devices(
    command: list[str],
    options: list[str],
    words: list[str],
    study: Path,
    becomes: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    FakeNvml(*(Card(f"GPU-{number}") for number in range(4))).install(monkeypatch.setattr)
    with pytest.raises(SystemExit):
        main([command[0], str(study), *command[1:], *options])
    assert [word for word in becomes if word.startswith("hydra.launcher.")] == words


@pytest.mark.parametrize(
    "command",
    [
        ["resume", "{}"],
        ["confirm", "{}", "--top", "1", "--seeds", "1"],
        ["final", "{}"],
        ["predict", "{}/0", "bundled:sample/validation.jsonl"],
        ["reproduce", "{}/0"],
    ],
    ids=lambda command: command[0],
)
def test_every_command_that_computes_refuses_a_gpu_that_is_not_there_before_anything_is_written(
    command: list[str],
    study: Path,
    becomes: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    there = sorted(study.parent.rglob("*"))
    assert main([*(word.format(study) for word in command), "--devices", "7"]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("--devices 7: GPU 7 does not exist. Available: none") and not said.out
    assert sorted(study.parent.rglob("*")) == there and not becomes


@pytest.mark.parametrize("command", ["final", "predict", "reproduce"])
def test_what_a_command_is_asked_for_reaches_the_machine(
    command: str, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would compute is replaced by something that tells which devices it was given."""
    given: list[DeviceRequest] = []

    def tell(*arguments: object, **named: object) -> None:
        given.extend(one for one in [*arguments, *named.values()] if isinstance(one, DeviceRequest))
        raise ConfigError("enough")

    for module in ("pool.local", "jobs.single", "jobs.final_test"):
        monkeypatch.setattr(f"medqa_sweeps.{module}.local_pool", tell)
    trial = TrialDir(study / "0")
    trial.adapter_folder.mkdir()
    (trial.adapter_folder / "adapter_model.safetensors").touch()
    FakeNvml(*(Card(f"GPU-{number}") for number in range(4))).install(monkeypatch.setattr)
    config = trial.config_file.read_text()
    trial.config_file.write_text(config.replace("  test: null\n", "  test: bundled:sample/test.jsonl\n"))  # for `final`
    words = {"final": [str(study)], "predict": [str(trial.path), "bundled:sample/validation.jsonl"]}
    assert main([command, *words.get(command, [str(trial.path)]), "--devices", "3"]) == 1
    assert [one.names for one in given] == [("3",)]
