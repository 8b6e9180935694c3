"""`export TRIAL|STUDY --to FOLDER --as FORM`: a trial's model for other programs, checked against the trial.

`adapter` is the PEFT folder, `merged` a model of its own for Transformers, `gguf` a file for llama.cpp and Ollama. What
was written answers the trial's validation questions in a process of its own, and the letters that differ are counted.
The folder appears complete or not at all.
"""

import argparse
from pathlib import Path

from medqa_sweeps.commands.device_options import add_device_options, devices_asked_for
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.export.forms import (
    DEFAULT_QUANTISATION,
    DTYPES,
    QUANTISATIONS,
    BaseWeights,
    Form,
    refuse_unknown_quantisation,
)
from medqa_sweeps.pool.request import ANY_DEVICE
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.wording import EDUCATION_ONLY, SYNTHETIC


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = "folder of a finished trial, or of a study: then of its best config, as `final` chooses it"
    parser.add_argument("source", type=Path, metavar="TRIAL|STUDY", help=what)
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="new folder")
    parser.add_argument(
        "--as", dest="form", required=True, choices=[one.value for one in Form], help="form of the model"
    )
    formats = f"{', '.join(QUANTISATIONS)}; of --as gguf (default: {DEFAULT_QUANTISATION})"
    parser.add_argument("--quantise", "--quantize", metavar="FORMAT", help=formats)
    weights = (
        "trained (merge into the weights that the adapter was trained on: of a 4-bit trial, the dequantized ones) or "
        "original (into the base's own, which gives another model) (default: trained)"
    )
    parser.add_argument("--base-weights", choices=[one.value for one in BaseWeights], help=weights)
    parser.add_argument("--dtype", choices=DTYPES, help="of --as merged (default: the base's own 16-bit type)")
    parser.add_argument(
        "--llama-cpp", type=Path, metavar="FOLDER", help="llama.cpp's converter, for --as gguf (docs/export.md)"
    )
    parser.add_argument(
        "--check",
        type=int,
        metavar="N",
        help="validation questions to compare with the trial's answers, 0 for none (default: all)",
    )
    parser.add_argument("--push", metavar="ID", help="then upload it to the Hugging Face Hub as NAME or OWNER/NAME")
    parser.add_argument("--public", action="store_true", help="of --push: everybody sees it (default: only you)")
    add_device_options(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Export, and say where it is, how it agrees with the trial, and how it is loaded."""
    from rich.console import Console

    from medqa_sweeps.alarms import alarms_of
    from medqa_sweeps.command_line import short_path
    from medqa_sweeps.export.comparing import sentence
    from medqa_sweeps.export.upload import refuse_unready
    from medqa_sweeps.jobs.export import ExportRequest, export, loading

    form = Form(arguments.form)
    _refuse_of_other_forms(arguments, form)
    trial = _trial_of(arguments.source)
    if arguments.push:  # first: an export can take long
        refuse_unready(arguments.push)
        if arguments.to.exists():
            print(f"{arguments.to} exists already. It is uploaded as it is.", flush=True)
            return _push(arguments, trial)
    request = ExportRequest(
        trial=trial,
        target=arguments.to.absolute(),
        form=form,
        devices=devices_asked_for(arguments) or ANY_DEVICE,
        weights=BaseWeights(arguments.base_weights or BaseWeights.TRAINED),
        dtype=arguments.dtype,
        quantisation=arguments.quantise or DEFAULT_QUANTISATION,
        llama_cpp=arguments.llama_cpp,
        questions=arguments.check,
    )
    with Console().status("reading") as status:  # of a terminal; nothing elsewhere
        exported = export(request, status.update)
    folder, config = short_path(request.target), trial.config()
    size = sum(file.stat().st_size for file in request.target.rglob("*") if file.is_file())
    print(f"Written to {folder}: {form.value}, {size / 1e6:,.1f} MB. README.md there is its model card.")
    for note in [*([sentence(exported.agreement)] if exported.agreement else []), *exported.notes]:
        print(note)
    for alarm in alarms_of(trial):
        print(f"{alarm.word.capitalize()}: {alarm.sentence}.")
    print("To load it:")
    base = exported.base
    for line in loading(
        trial, form, folder, base.label.partition(" at ")[0] if base.revision else short_path(base.folder)
    ):
        print(f"    {line}")
    print(*([SYNTHETIC] * config.data.synthetic), EDUCATION_ONLY, sep="\n", flush=True)
    return _push(arguments, trial) if arguments.push else ExitCode.OK


def _push(arguments: argparse.Namespace, trial: TrialDir) -> ExitCode:
    from medqa_sweeps.export.upload import push

    address = push(arguments.to.absolute(), arguments.push, private=not arguments.public, trial=trial)
    print(f"Uploaded to {address}, which {'everybody sees' if arguments.public else 'only you see'}.")
    return ExitCode.OK


def _trial_of(path: Path) -> TrialDir:
    """The trial, or the one that stands for its study; says which and why."""
    from medqa_sweeps.study.find import is_study, study_at, trial_at
    from medqa_sweeps.study.selection import selected_trial

    if not is_study(path):
        return trial_at(path)
    study = study_at(path)
    number, why = selected_trial(study)
    print(f"Trial {number} of {study.path.name}: {why}.", flush=True)
    return trial_at(study.path / str(number))


def _refuse_of_other_forms(arguments: argparse.Namespace, form: Form) -> None:
    """Options that mean nothing for this form, and values that do not exist."""
    given = {
        "--quantise": (arguments.quantise, (Form.GGUF,)),
        "--llama-cpp": (arguments.llama_cpp, (Form.GGUF,)),
        "--dtype": (arguments.dtype, (Form.MERGED,)),
        "--base-weights": (arguments.base_weights, (Form.MERGED, Form.GGUF)),
    }
    for option, (value, forms) in given.items():
        if value is not None and form not in forms:
            raise ConfigError(f"{option} goes with {' or '.join(f'--as {one.value}' for one in forms)}. Leave it out.")
    if arguments.quantise is not None:
        refuse_unknown_quantisation(arguments.quantise)
    if arguments.public and not arguments.push:
        raise ConfigError("--public goes with --push. Leave it out.")
    if arguments.check is not None and arguments.check < 0:
        raise ConfigError(f"--check {arguments.check}: 0 or more questions.")
