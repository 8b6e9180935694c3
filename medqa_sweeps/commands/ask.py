"""`ask QUESTION --corpus FOLDER`: passages of your literature for a question, then a draft whose quotes are checked.

Passages come first and need no model. The draft is written by an untuned base, since one that was tuned on exam
questions answers everything with a letter. Nothing leaves the machine: a model is read from a folder or from the hub's
cache and never fetched. `--evaluate FILE` measures search, refusals and drafts on questions whose passages are known,
`--evaluate` alone on sentences of the passages.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medqa_sweeps.commands.device_options import add_device_options, devices_asked_for
from medqa_sweeps.durable.lines import append_lines, read_lines
from medqa_sweeps.errors import ConfigError, TrialError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.pool.request import ANY_DEVICE, DeviceRequest
from medqa_sweeps.wording import EDUCATION_ONLY, counted

if TYPE_CHECKING:
    from medqa_sweeps.ask.drafts import Draft
    from medqa_sweeps.ask.lookup import Lookup, Searcher
    from medqa_sweeps.config import ModelConfig
    from medqa_sweeps.retrieval.corpus import ReadCorpus

CHILD = "medqa_sweeps.worker.ask"  # started by name: it imports torch
_GENERATED = ""  # in place of a file of questions


@dataclass(frozen=True)
class _Writer:
    """Who writes drafts, and where."""

    model: "ModelConfig | None"
    reason: str  # why nobody does, as a sentence; "" if there is a model
    devices: DeviceRequest

    @property
    def is_tiny(self) -> bool:
        return self.model is not None and (self.model.path or "").startswith("bundled:")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", nargs="?", metavar="QUESTION", help="in quotation marks")
    parser.add_argument(
        "--corpus",
        nargs="+",
        required=True,
        metavar="FOLDER",
        help="folders, files or globs: .txt, .md, .pdf and .jsonl are read",
    )
    parser.add_argument("--passages", type=int, default=4, metavar="N", help="most passages to show (default: 4)")
    parser.add_argument("--no-draft", action="store_true", help="passages alone, without a model")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--trial", type=Path, metavar="TRIAL", help="the draft is written by this trial's untuned base")
    who.add_argument(
        "--model", help="or by this model: a folder, or a name of conf/model/ (default: that of launch.py)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--evaluate",
        nargs="?",
        const=_GENERATED,
        metavar="FILE",
        help="measure on questions whose passages are known; without FILE: on sentences of the passages",
    )
    add_device_options(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print passages and a draft; FAILED if a draft was asked for and its process refused."""
    from medqa_sweeps.ask.lookup import Searcher, checked_question
    from medqa_sweeps.retrieval.chunks import Chunking
    from medqa_sweeps.retrieval.corpus import read_corpus

    _refuse_options(arguments)
    question = checked_question(arguments.question) if arguments.evaluate is None else None
    writer = _writer(arguments)
    read = read_corpus(arguments.corpus, Chunking(), on_bad_file="leave_out")
    searcher = Searcher(read.corpus)
    if question is None:
        return _evaluate(arguments, writer, read, searcher)
    return _ask(arguments, writer, read, searcher.look_up(question, arguments.passages))


def _refuse_options(arguments: argparse.Namespace) -> None:
    from medqa_sweeps.retrieval.ranking import DEPTH

    if not 1 <= arguments.passages <= DEPTH:
        raise ConfigError(f"--passages {arguments.passages}: 1 to {DEPTH} are allowed.")
    if (arguments.question is None) == (arguments.evaluate is None):
        raise ConfigError("Give a QUESTION in quotation marks, or --evaluate FILE, and not both.")


def _ask(arguments: argparse.Namespace, writer: _Writer, read: "ReadCorpus", lookup: "Lookup") -> ExitCode:
    """Show the passages before the model is loaded, which takes a while."""
    from rich.console import Console

    from medqa_sweeps.ask.printing import print_draft, print_passages
    from medqa_sweeps.ask.result import Answer, answer_json
    from medqa_sweeps.ask.statements import TINY_BASE, left_out

    console = Console(highlight=False)
    if not arguments.json:
        print_passages(lookup, arguments.passages, console)
    name = writer.model.name if writer.model else None
    code, draft, reason = ExitCode.OK, None, writer.reason
    if not lookup.is_close:
        reason = "the question is not close to any passage."
    elif writer.model is not None:
        try:
            (draft,) = _drafts([lookup], writer.model, writer.devices, with_falls=False)
        except TrialError as error:
            code, reason = ExitCode.FAILED, str(error)
    answer = Answer(lookup, name if draft else None, draft, None if draft else reason)
    notes = [TINY_BASE] * (draft is not None and writer.is_tiny)
    if arguments.json:
        print(json.dumps({**answer_json(answer, read), "notes": notes}, ensure_ascii=False))
        return code
    print_draft(answer, console)
    print("", *notes, *left_out(read), EDUCATION_ONLY, sep="\n")
    return code


def _evaluate(arguments: argparse.Namespace, writer: _Writer, read: "ReadCorpus", searcher: "Searcher") -> ExitCode:
    from medqa_sweeps.ask.evaluation import evaluate
    from medqa_sweeps.ask.generated import generated_questions
    from medqa_sweeps.ask.known import read_known
    from medqa_sweeps.ask.measures import evaluation_json, lines
    from medqa_sweeps.ask.statements import about_generated, left_out
    from medqa_sweeps.wording import SYNTHETIC

    is_generated = arguments.evaluate == _GENERATED
    known = generated_questions(read.corpus) if is_generated else read_known(Path(arguments.evaluate), read.corpus)
    lookups = [searcher.look_up(one.question, arguments.passages) for one in known]
    close = [lookup for lookup in lookups if lookup.is_close]
    drafts: list[Draft] = []
    if writer.model is not None and close:
        drafts = _drafts(close, writer.model, writer.devices, with_falls=True)
    by_question = dict(zip((lookup.question for lookup in close), drafts, strict=False))
    found = evaluate(known, lookups, searcher, [by_question.get(one.question) for one in known], arguments.passages)
    name = writer.model.name if writer.model else None
    notes = [about_generated(len(known))] * is_generated + [SYNTHETIC] * writer.is_tiny
    if arguments.json:
        print(json.dumps(evaluation_json(found, name, writer.reason, notes, read), ensure_ascii=False))
    else:
        print(*lines(found, name, writer.reason), *notes, *left_out(read), EDUCATION_ONLY, sep="\n")
    return ExitCode.OK


def _drafts(
    lookups: "Sequence[Lookup]", model: "ModelConfig", devices: DeviceRequest, with_falls: bool
) -> "list[Draft]":
    """A draft for each question, by a child process on a device that is free; a terminal shows on stderr that it runs.

    Raises:
        ConfigError: if none is, or the child refuses.
        InternalError: if the child fails.
    """
    from rich.console import Console

    from medqa_sweeps.ask.drafts import Draft, draft_request
    from medqa_sweeps.jobs.one_child import run_child
    from medqa_sweeps.pool.local import local_pool

    with tempfile.TemporaryDirectory() as made:
        requests, out = Path(made) / "asked.jsonl", Path(made) / "drafts.jsonl"
        append_lines(requests, [draft_request(lookup).to_json() for lookup in lookups])
        told = [json.dumps(asdict(model)), str(requests), "yes" if with_falls else "no", str(out)]
        status = Console(stderr=True).status(f"{model.name} writes {counted(len(lookups), 'draft')}")
        with status, local_pool(Path.cwd(), [CHILD], devices, at_most=1) as pool:
            run_child(pool, CHILD, told, Path(made) / "log")
        return list(read_lines(out, Draft.from_json))


def _writer(arguments: argparse.Namespace) -> _Writer:
    """The base that was named, or the default's if it is on this machine.

    Raises:
        ConfigError: if one was named and is not on this machine, has no chat template, or is no longer the trial's.
    """
    devices = devices_asked_for(arguments) or ANY_DEVICE
    if arguments.no_draft:
        return _Writer(None, "--no-draft was given.", devices)
    if arguments.trial is not None:
        return _Writer(_base_of_trial(arguments.trial), "", devices)
    from medqa_sweeps.commands.data import model_config

    if arguments.model is not None:
        return _Writer(_writable(_on_this_machine(model_config(arguments.model))), "", devices)
    try:
        return _Writer(_on_this_machine(model_config(_default_model())), "", devices)
    except ConfigError as error:
        return _Writer(None, f"{error} --model FOLDER names one, --no-draft asks for none.", devices)


def _base_of_trial(path: Path) -> "ModelConfig":
    from medqa_sweeps.base import locate
    from medqa_sweeps.base.fingerprints import changed_base
    from medqa_sweeps.study.find import trial_at

    trial = trial_at(path)
    model = _writable(_on_this_machine(trial.config().model))
    if changed := changed_base(trial.provenance(), locate(model)):
        raise ConfigError(f"{changed}. Bring the files back, or name the base that is there: --model FOLDER.")
    return model


def _on_this_machine(model: "ModelConfig") -> "ModelConfig":
    """The model as a folder; the hub is never asked, so that not even the name of a model leaves the machine."""
    from medqa_sweeps.base.files import FILES
    from medqa_sweeps.command_line import shell_line
    from medqa_sweeps.hub import cached

    if model.hub_id is None:
        return model
    if (folder := cached("model", model.hub_id, model.revision, FILES)) is not None:
        return replace(model, path=str(folder), hub_id=None, revision=None)
    fetch = shell_line("hf", "download", model.hub_id, *(["--revision", model.revision] if model.revision else []))
    raise ConfigError(f"{model.name} is not on this machine, and `ask` asks no hub for it. `{fetch}` fetches it.")


def _writable(model: "ModelConfig") -> "ModelConfig":
    """Check that the model can be asked for text."""
    from medqa_sweeps.base import tokenizer_folder
    from medqa_sweeps.prompt.tokenizer import FileTokenizer

    if FileTokenizer(tokenizer_folder(model)).chat_template is None:
        raise ConfigError(
            f"{model.name} has no chat template, as a pretrained base, so it cannot be asked for a draft. Name the "
            "instruction-tuned model with --model, or use --no-draft."
        )
    return model


def _default_model() -> str:
    """The model of conf/config.yaml, which launch.py trains unless another one is named."""
    import yaml

    from medqa_sweeps.installation import CONF

    defaults: list[Any] = yaml.safe_load((CONF / "config.yaml").read_text())["defaults"]
    name: str = next(group["model"] for group in defaults if isinstance(group, dict) and "model" in group)
    return name
