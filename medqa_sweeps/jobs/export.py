"""An export from the parent's side: what is refused first, the children that write and check it, the card.

Each child is a process of its own: what checks an export has not imported what made it.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from medqa_sweeps.base import BaseModel, locate
from medqa_sweeps.base.files import refuse_broken_weights
from medqa_sweeps.base.fingerprints import changed_base
from medqa_sweeps.card import Agreement, model_card
from medqa_sweeps.durable.lines import read_lines
from medqa_sweeps.durable.progress import ProgressFile
from medqa_sweeps.errors import ConfigError, InternalError
from medqa_sweeps.export import base_files
from medqa_sweeps.export.comparing import agreement, answers_of_trial
from medqa_sweeps.export.folder import Aside, built_aside, refuse_existing, refuse_small_disk
from medqa_sweeps.export.forms import BY_CONVERTER, BaseWeights, Form
from medqa_sweeps.export.llama_cpp import find_llama_cpp, is_installed, refuse_without_libgguf
from medqa_sweeps.export.modelfile import modelfile
from medqa_sweeps.export.private import refuse_private
from medqa_sweeps.export.usage import how_to_load
from medqa_sweeps.installation import install_extra
from medqa_sweeps.jobs.one_child import run_child
from medqa_sweeps.pool.local import local_pool
from medqa_sweeps.pool.request import CPU, DeviceRequest
from medqa_sweeps.prompt.tokenizer import FileTokenizer
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial, refuse_changed
from medqa_sweeps.trial.records import Outcome, Prediction, Result
from medqa_sweeps.wording import counted

# Started by name: this half never imports them.
MERGING = "medqa_sweeps.worker.merging"
PLAIN_ANSWERS = "medqa_sweeps.worker.plain_answers"
CONVERSION = "medqa_sweeps.worker.gguf_conversion"
QUANTISING = "medqa_sweeps.worker.gguf_quantising"
GGUF_ANSWERS = "medqa_sweeps.worker.gguf_answers"

_ALL = 1 << 30  # questions
_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
_ON_CPU = DeviceRequest((CPU,))


@dataclass(frozen=True)
class ExportRequest:
    """What a user asks for."""

    trial: TrialDir
    target: Path
    form: Form
    devices: DeviceRequest
    weights: BaseWeights = BaseWeights.TRAINED
    dtype: str | None = None  # of --as merged; None: the base's own
    quantisation: str = ""  # of --as gguf
    llama_cpp: Path | None = None
    questions: int | None = None  # that are answered for the check; None: all, 0: no check


@dataclass(frozen=True)
class Exported:
    """What came of it."""

    base: BaseModel
    agreement: Agreement | None
    notes: list[str]


def export(request: ExportRequest, show: Callable[[str], None]) -> Exported:
    """Write the exported folder, complete or not at all.

    Args:
        show: is told what is being done, a few times per second.

    Raises:
        TrialError: if the trial, its base or its questions are not what they should be, a tool is missing, the folder
            cannot be written, or something private is found in it.
    """
    refuse_existing(request.target)
    result = _refuse_unfit(request.trial)
    base = _unchanged_base(request)
    llama_cpp = _tools(request)
    refuse_small_disk(request.target, _needed_bytes(request, base))
    with built_aside(request.target) as aside:
        work = _Work(request, base, aside, show)
        if request.form is Form.ADAPTER:
            notes = work.copy_adapter()
        elif request.form is Form.MERGED:
            notes = work.merge(aside.result, request.dtype or base_files.own_dtype(base))
        else:
            assert llama_cpp is not None, "found above"
            notes = work.write_gguf(llama_cpp)
        found, remarks = work.check(result)
        notes += remarks
        show("writing the card")
        named = base_files.public_label(base) if base.revision else f"path/to/{base_files.plain_name(base)}"
        lines = loading(request.trial, request.form, "path/to/this/folder", named)
        card = model_card(request.trial, request.form.value, found, notes, lines)
        (aside.result / "README.md").write_text(card, encoding="utf-8")
        refuse_private(aside.result, request.trial)
    return Exported(base, found, notes)


def loading(trial: TrialDir, form: Form, folder: str, base_name: str) -> list[str]:
    """Lines that load what was exported to `folder`, as the trial was scored.

    Args:
        base_name: its id on the hub, or its folder.
    """
    result, config = trial.result(), trial.config()
    dtype = str(result.effective.get("base_dtype", "float32")) if result else "float32"
    return how_to_load(form, folder, base_name, config.model.load_in_4bit, dtype)


def _refuse_unfit(trial: TrialDir) -> Result:
    """The result of a trial that has an adapter."""
    result = trial.result()
    if result is None:
        raise ConfigError(f"{trial.path} has no result: it runs, or was interrupted. `resume` finishes it.")
    if result.outcome is Outcome.FAILED or not trial.adapter_file.exists():
        how = "failed" if result.outcome is Outcome.FAILED else f"is {result.outcome}, but its adapter is gone"
        raise ConfigError(
            f"{trial.path} {how}, so there is nothing to export. `reproduce` runs its config again; or name another "
            "trial."
        )
    refuse_broken_weights(trial.adapter_file)
    return result


def _unchanged_base(request: ExportRequest) -> BaseModel:
    """The base; also checks the questions, if they are asked."""
    config, provenance = request.trial.config(), request.trial.provenance()
    if request.questions == 0:
        base = locate(config.model)
        if changed := changed_base(provenance, base):
            raise ConfigError(f"{changed}. Bring the files back: an adapter means nothing on another base.")
        return base
    plan = plan_trial(config)
    refuse_changed(plan, provenance)
    return plan.base


def _tools(request: ExportRequest) -> Path | None:
    """llama.cpp's folder, if it is needed."""
    if request.form is not Form.GGUF:
        return None
    if request.quantisation not in BY_CONVERTER:
        refuse_without_libgguf(request.quantisation)
    return find_llama_cpp(request.llama_cpp)


def _needed_bytes(request: ExportRequest, base: BaseModel) -> int:
    """On the disk at the same time, about."""
    if request.form is Form.ADAPTER:
        return sum(file.stat().st_size for file in request.trial.adapter_folder.iterdir())
    weights = base_files.weights_count(base)
    if request.form is Form.MERGED:
        return weights * _BYTES[request.dtype or base_files.own_dtype(base)]
    return weights * 8  # in 32 bits, once as safetensors and at most once as GGUF


class _Work:
    """The steps of one export."""

    def __init__(self, request: ExportRequest, base: BaseModel, aside: Aside, show: Callable[[str], None]) -> None:
        self._request, self._base, self._aside, self._show = request, base, aside, show
        self._trial, self._name = request.trial, f"{base_files.plain_name(base)}-medqa-sweeps"
        self._gguf = aside.result / f"{self._name}-{request.quantisation}.gguf"
        self._progress_file = aside.scratch / "progress"

    def copy_adapter(self) -> list[str]:
        self._show("copying the adapter")
        for file in self._trial.adapter_folder.iterdir():
            shutil.copyfile(file, self._aside.result / file.name)
        base_files.name_base(self._aside.result / "adapter_config.json", self._base)
        return []

    def merge(self, folder: Path, dtype: str) -> list[str]:
        """Write the merged model into `folder`; a sentence on how it was merged."""
        weights = self._request.weights
        self._run(
            MERGING,
            "merging",
            "tensors",
            [str(self._trial.path), str(folder), dtype, weights.value],
            self._request.devices,
        )
        base_files.copy_tokenizer(self._base, folder)
        base_files.write_config(self._base, folder, dtype)
        if not self._trial.config().model.load_in_4bit:
            onto = "the base's own weights, which it was trained on"
        elif weights is BaseWeights.TRAINED:
            onto = "the dequantized 4-bit weights that it was trained on"
        else:
            onto = "the base's own weights, not the 4-bit ones that it was trained on: another model than the trial's"
        return [f"The adapter is merged into {onto}, in {dtype}."]

    def write_gguf(self, llama_cpp: Path) -> list[str]:
        """Write the file and its Modelfile; sentences on them."""
        merged, facts = self._aside.scratch / self._name, self._aside.scratch / "facts.json"
        merged.mkdir()
        notes = self.merge(merged, "float32")
        format = self._request.quantisation
        direct = format in BY_CONVERTER
        first = self._gguf if direct else self._aside.scratch / "f32.gguf"
        arguments = [str(llama_cpp), str(merged), str(first), format if direct else "f32", self._name, str(facts)]
        self._run(CONVERSION, "converting", "", arguments, _ON_CPU)
        shutil.rmtree(merged)
        if direct:
            notes.append(f"The file's format is {format}.")
        else:
            notes.append(self._quantise(first))
            first.unlink()
        adds_bos = bool(json.loads(facts.read_text())["adds_bos"])
        tokenizer = FileTokenizer(self._base.folder)
        text, lacks = modelfile(self._gguf.name, tokenizer, self._trial.config().prompt, adds_bos)
        (self._aside.result / "Modelfile").write_text(text)
        return [*notes, *([lacks] if lacks else [])]

    def _quantise(self, source: Path) -> str:
        format, counts = self._request.quantisation, self._aside.scratch / "types.json"
        self._run(QUANTISING, "quantising", "tensors", [str(source), str(self._gguf), format, str(counts)], _ON_CPU)
        found = json.loads(counts.read_text())
        types = ", ".join(f"{count} {type}" for type, count in found["types"].items())
        fell = found["fallen_back"]
        why = "whose rows are no multiple of the format's block, have a type with more bits"
        fallen = f" {counted(fell, 'tensor')}, {why}." if fell else ""
        return f"The file's format is {format}; tensors by type: {types}.{fallen}"

    def check(self, result: Result) -> tuple[Agreement | None, list[str]]:
        """How the export answers beside the trial, or why that is not known, and other findings."""
        trial = answers_of_trial(self._trial)
        most = _ALL if self._request.questions is None else self._request.questions
        if most == 0:
            return None, ["It was not checked (--check 0)."]
        if not trial:
            return None, ["It was not checked: the trial's answers have no log-probabilities to compare with."]
        if self._request.form is not Form.GGUF:
            form = self._request.form.value
            answers = self._ask(PLAIN_ANSWERS, [str(self._trial.path), form, str(self._aside.result), str(most)])
            software = ["transformers", *(["peft"] if self._request.form is Form.ADAPTER else [])]
            return agreement(trial, answers, " and ".join(f"{one} {version(one)}" for one in software)), []
        if not is_installed("xllamacpp"):
            brings = install_extra("gguf")
            return None, [f"It was not checked: xllamacpp, which runs the file, is not installed ({brings} brings it)."]
        counts = self._aside.scratch / "tokens.json"
        answers = self._ask(
            GGUF_ANSWERS, [str(self._trial.path), str(self._gguf), str(most)], _ON_CPU, more=[str(counts)]
        )
        same = json.loads(counts.read_text())["same_tokens"]
        found = agreement(trial, answers, f"llama.cpp (xllamacpp {version('xllamacpp')})")
        others = " In llama.cpp and Ollama, the others are other prompts." if same < len(answers) else ""
        prompts = f"{same:,} of {counted(len(answers), 'prompt')}"
        return found, [
            f"The file's own tokenizer makes the trial's tokens of {prompts}.{others}",
            "The check asked without the Modelfile's SYSTEM sentence, as the trial was asked.",
        ]

    def _ask(
        self, module: str, arguments: list[str], devices: DeviceRequest | None = None, more: list[str] | None = None
    ) -> list[Prediction]:
        answers = self._aside.scratch / "answers.jsonl"
        try:
            where = devices or self._request.devices
            self._run(module, "checking", "questions", [*arguments, str(answers), *(more or [])], where)
        except InternalError as error:
            hint = "The check failed, so nothing was kept; --check 0 exports without it."
            raise InternalError(f"{hint} {error}") from None
        return list(read_lines(answers, Prediction.from_json))

    def _run(self, module: str, doing: str, unit: str, arguments: list[str], devices: DeviceRequest) -> None:
        """Run a child, and show how far it is.

        Args:
            unit: of what it counts; empty: it takes no progress file.
        """
        self._progress_file.unlink(missing_ok=True)
        progress = ProgressFile(self._progress_file)
        log = self._aside.scratch / "log"
        log.unlink(missing_ok=True)

        def look() -> None:
            count = progress.in_words()
            self._show(f"{doing} {count} {unit}" if count else doing)

        self._show(doing)
        with local_pool(self._trial.path, [module], devices, at_most=1) as pool:
            run_child(pool, module, [*arguments, *([str(self._progress_file)] if unit else [])], log, look)
