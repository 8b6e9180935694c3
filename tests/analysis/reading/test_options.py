"""A swept config group is one setting, under the name of its option."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from medqa_sweeps.analysis.comparing.configs import settings_text, varying_keys
from medqa_sweeps.analysis.comparing.leaderboard import leaderboard
from medqa_sweeps.analysis.plots.optuna_study import optuna_study
from medqa_sweeps.analysis.reading.studies import Trial, read_studies, read_study
from medqa_sweeps.config import LoraConfig
from medqa_sweeps.wording import short_names
from tests.analysis.trial_folders import complete, right_at, submit, tell

ATTENTION = {"lora__target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"], "lora__dropout": 0.1}
DORA = {"lora": LoraConfig(name="dora", use_dora=True)}


def labels(trials: tuple[Trial, ...]) -> list[str]:
    names = short_names(varying_keys(trials))
    return [settings_text(trial, names) for trial in trials]


def write(folder: Path, number: int, told: list[str], choices: dict[str, str] | None = None, **changes: Any) -> None:
    tell(submit(folder / str(number), **changes), *told, choices=choices)


def test_an_option_stands_for_all_that_it_sets(tmp_path: Path) -> None:
    for number, (option, rank) in enumerate(
        (option, rank) for option in ("all_linear", "attention") for rank in (8, 16)
    ):
        changes = ATTENTION if option == "attention" else {}
        write(tmp_path, number, ["experiment=quickstart", f"lora={option}", f"lora.r={rank}"], lora__r=rank, **changes)
    assert labels(read_study(tmp_path).trials) == [
        "lora=all_linear r=8", "lora=all_linear r=16", "lora=attention r=8", "lora=attention r=16"
    ]  # fmt: skip


def test_the_name_is_used_where_options_differ_in_one_value_and_where_the_default_was_taken(tmp_path: Path) -> None:
    write(tmp_path, 0, [], choices={"lora": "all_linear"})
    write(tmp_path, 1, ["lora=dora"], lora__use_dora=True)
    assert labels(read_study(tmp_path).trials) == ["lora=all_linear", "lora=dora"]


def test_what_was_typed_beside_an_option_stays(tmp_path: Path) -> None:
    write(tmp_path, 0, ["lora=all_linear", "lora.r=8"], lora__r=8)
    write(tmp_path, 1, ["lora=attention", "lora.r=16"], lora__r=16, **ATTENTION)
    assert labels(read_study(tmp_path).trials) == ["lora=all_linear r=8", "lora=attention r=16"]


def test_an_experiment_stands_for_settings_of_other_groups(tmp_path: Path) -> None:
    write(tmp_path, 0, ["experiment=quickstart"], lora__r=8, optimizer__lr=1e-3)
    write(tmp_path, 1, ["experiment=other"], lora__r=16, optimizer__lr=1e-4)
    assert labels(read_study(tmp_path).trials) == ["experiment=quickstart", "experiment=other"]


def test_values_tell_trials_apart_where_an_option_is_not_known(tmp_path: Path) -> None:
    write(tmp_path, 0, ["lora=all_linear"])
    write(tmp_path, 1, [], lora__dropout=0.1)
    assert labels(read_study(tmp_path).trials) == ["dropout=0", "dropout=0.1"]


def test_an_option_that_all_trials_share_is_no_setting(tmp_path: Path) -> None:
    write(tmp_path, 0, ["lora=attention", "lora.r=8", "seed=0"], lora__r=8, **ATTENTION)
    write(tmp_path, 1, ["lora=attention", "lora.r=16", "seed=0"], lora__r=16, **ATTENTION)
    assert labels(read_study(tmp_path).trials) == ["r=8", "r=16"]


def test_options_of_several_studies(tmp_path: Path) -> None:
    for study, options in (("a", ("all_linear", "attention")), ("b", ("dora", "dora"))):
        for number, option in enumerate(options):
            changes = {"attention": ATTENTION, "dora": DORA}.get(option, {})
            write(tmp_path / study, number, [f"lora={option}", f"seed={number}"], seed=number, **changes)
    both = read_studies([tmp_path / "a", tmp_path / "b"]).trials
    assert [text.split()[0] for text in labels(both)] == [
        "lora=all_linear", "lora=attention", "lora=dora", "lora=dora"
    ]  # fmt: skip


def test_the_terminal_and_importances_have_one_setting(tmp_path: Path, printed: Callable[..., str]) -> None:
    for number, (option, rank) in enumerate(
        (option, rank) for option in ("all_linear", "attention") for rank in (8, 16)
    ):
        changes = ATTENTION if option == "attention" else {}
        directory = complete(tmp_path / str(number), right_at(0, 200 + 9 * number), lora__r=rank, **changes)
        tell(directory, f"lora={option}", f"lora.r={rank}")
    assert "lora=attention r=16" in printed(tmp_path) and "target_modules" not in printed(tmp_path)
    assert optuna_study(leaderboard(read_study(tmp_path)), 10)[1] == ["lora", "r"]
