"""`assess TRIAL|STUDY`: what edits of the validation questions do to the answers of finished trials, without training.

The same as `safety=quick` in a sweep does at the end of each trial. The answers go into each trial's safety.jsonl, from
which `report` makes its section and `export` its card. The untuned base is assessed, too, once for all trials.
"""

import argparse
from pathlib import Path

from medqa_sweeps.commands.device_options import add_device_options, devices_asked_for
from medqa_sweeps.config import SafetyConfig
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.pool.request import ANY_DEVICE
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.wording import EDUCATION_ONLY, SYNTHETIC, counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = "folder of a finished trial, or of a study: then of each trial that completed its training"
    parser.add_argument("source", type=Path, metavar="TRIAL|STUDY", help=what)
    parser.add_argument(
        "overrides", nargs="*", metavar="OVERRIDE", help="as for launch.py: safety.questions=200 safety.drug_names=FILE"
    )
    parser.add_argument(
        "--suites", metavar="NAMES", help="with commas: order,placebo (default: those of --option); docs/safety.md"
    )
    parser.add_argument("--option", default="quick", metavar="NAME", help="of conf/safety/ (default: quick)")
    add_device_options(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Assess, and say of each trial what came of it."""
    from rich.console import Console

    from medqa_sweeps.jobs.assessing import assess
    from medqa_sweeps.safety.report import report_lines

    config = _config(arguments)
    trials = _trials(arguments.source)
    print(f"Assesses {counted(len(trials), 'trial')}: {', '.join(config.suites)}.", flush=True)
    with Console().status("starting") as status:  # of a terminal; nothing elsewhere
        refused = assess(trials, config, devices_asked_for(arguments) or ANY_DEVICE, status.update)
    for trial in trials:
        name = f"Trial {trial.path.name}"
        if why := refused.get(trial.path.name):
            print(f"{name}: not assessed. {why}")
            continue
        result = trial.result()
        assert result is not None, "it has an adapter that was scored"
        print(f"{name}:", *(f"  {line}" for line in report_lines(trial, result.samples_seen, len(trials))), sep="\n")
    synthetic = any(trial.config().data.synthetic for trial in trials)
    print(*([SYNTHETIC] * synthetic), EDUCATION_ONLY, sep="\n")
    return ExitCode.FAILED if refused else ExitCode.OK


def _config(arguments: argparse.Namespace) -> SafetyConfig:
    """The option of `conf/safety/`, with the suites and settings that were typed."""
    from medqa_sweeps.commands.typed_options import option, typed
    from medqa_sweeps.safety.suites import refuse_unreadable

    given = option("safety", arguments.option, "--option, ")
    if arguments.suites is not None:
        given["suites"] = [name.strip() for name in arguments.suites.split(",") if name.strip()]
    config: SafetyConfig = typed("safety", SafetyConfig, given, arguments.overrides)
    problems = list(config.problems())
    if not config.suites:
        problems.append("No suite is named. Use --option quick, or --suites order,placebo.")
    if problems:
        raise ConfigError("\n".join(problems))
    refuse_unreadable(config)
    return config


def _trials(path: Path) -> list[TrialDir]:
    from medqa_sweeps.study.best import ranked_in
    from medqa_sweeps.study.find import is_study, study_at, trial_at

    if not is_study(path):
        trials = [trial_at(path)]
        if trials[0].result() is None or not trials[0].adapter_file.exists():
            raise ConfigError(f"{path} has no adapter yet; `resume` finishes it, and a failed trial leaves none.")
        return trials
    study = study_at(path)
    numbers = sorted(trial.number for config in ranked_in(study.path) for trial in config.trials)
    if not numbers:
        raise ConfigError(f"{path}: no trial has completed its training, so there is nothing to assess.")
    return [TrialDir(study.path / str(number)) for number in numbers]
