"""A command line of `launch.py` that cannot be read ends in one sentence, and so does a refusal of a Hydra program."""

import subprocess
import sys
from pathlib import Path

import pytest
from hydra.errors import CompactHydraException
from yaml import YAMLError, safe_load

from medqa_sweeps.compose import ending
from medqa_sweeps.compose.arguments import launch_arguments
from medqa_sweeps.compose.refusals import refusal
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.exit_codes import ExitCode
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--lr", "3"], "--lr is not an option. Settings have no dashes: did you mean optimizer.lr=VALUE?"),
        (["--lora-r=3"], "--lora-r=3 is not an option. Settings have no dashes: did you mean lora.r=VALUE?"),
        (["--multi-run"], "--multi-run is not an option. Did you mean --multirun?"),
        (["--xyz"], "--xyz is not an option. Settings are written KEY=VALUE; `uv run launch.py --help` lists them."),
        (["seed=1", "-m", "lora.r=8"], "lora.r=8: options such as -m must come before all settings, or after all"),
        (["--cfg", "foo"], "--cfg/-c: invalid choice: 'foo'"),
        (["-m", "--cfg", "job"], "--multirun and --cfg exclude each other: give one of them."),
        (["--resolve"], "--resolve works only with --cfg: add --cfg job, or leave it out."),
        (["--config-dir", "nowhere"], "--config-dir nowhere: there is no such folder."),
    ],
)
def test_a_wrong_option_is_refused_in_a_sentence(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        launch_arguments(words)
    assert stopped.value.code == ExitCode.USAGE
    written = capsys.readouterr().err
    assert written.startswith(told) and written.count("\n") == 1


def test_what_hydra_reads_is_read() -> None:
    arguments = launch_arguments(["-m", "lora.r=8", "--help"])
    assert arguments.multirun and arguments.help and arguments.overrides == ["lora.r=8"]


def test_a_file_that_is_not_yaml_is_named_with_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine.yaml"
    file.write_text("a: 1\nlora: {r: [8\n")
    with pytest.raises(YAMLError) as error, file.open() as stream:
        safe_load(stream)
    assert str(refusal(error.value)).startswith("mine.yaml, line 3, column 1: this is not YAML: expected")


def test_a_refusal_ends_the_program_and_a_developer_sees_where(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as stopped:
        ending.end_with(ConfigError("no"))
    assert stopped.value.code == "no", "which Python prints, and ends with exit code 1"
    monkeypatch.setattr(ending, "_ASKED", True)
    with pytest.raises(CompactHydraException) as raised:
        ending.end_with(ConfigError("no"))
    assert isinstance(raised.value.__cause__, ConfigError)


@pytest.mark.parametrize(
    "words",
    [
        ["hydra/sweeper=async_optuna", "hydra.sweeper.max_failure_rate=7"],
        ["hydra/launcher=local_gpus", "hydra.launcher.devices=[77]"],
    ],
)
def test_another_program_ends_with_the_sentence_alone(words: list[str], tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        f"import sys, hydra\nsys.path.insert(0, {str(ROOT)!r})\n"
        "@hydra.main(version_base='1.3', config_path=None)\ndef main(config): return 1.0\nmain()\n"
    )
    command = [sys.executable, str(program), "-m", *words, "+x=1,2"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.FAILED and words[1] in done.stderr
    assert done.stderr.count("\n") == 1 and "HYDRA_FULL_ERROR" not in done.stderr


@pytest.mark.parametrize("typed", ["--experiment=quickstart", "--exp=1"])
def test_a_setting_with_dashes_is_no_short_form_of_an_option(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        launch_arguments([typed])
    assert stopped.value.code == ExitCode.USAGE and f"{typed} is not an option." in capsys.readouterr().err


def test_a_rerun_of_a_file_that_is_not_there_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        launch_arguments(["--experimental-rerun", "nope"])
    assert "--experimental-rerun nope: there is no such file." in capsys.readouterr().err
