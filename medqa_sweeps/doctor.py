"""What this machine can run: one finding per line, each with a state and, unless the state is ok, the next step.

Imports neither torch nor bitsandbytes: their files show what they support. Checks that need a network have a few
seconds; after that the finding says that there was no answer.
"""

import contextlib
import ctypes
import importlib
import importlib.util
import platform
import re
import shutil
import sys
import threading
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from medqa_sweeps import hardware
from medqa_sweeps.alarms.faster import GAIN
from medqa_sweeps.config import DataConfig, TrackingConfig
from medqa_sweeps.durable.writable_folders import CACHE_VARIABLE, cache_folder, is_temporary, obstacle_to_writing
from medqa_sweeps.errors import ConfigError, DeviceFailed
from medqa_sweeps.installation import (
    COMMAND,
    CONF,
    DISTRIBUTION,
    IN_CHECKOUT,
    IN_ENVIRONMENT,
    LAUNCH,
    LAUNCH_DEFAULT,
    PROJECT,
    REPAIR,
)
from medqa_sweeps.tracking.client import NO_KEY, obstacle_to_online
from medqa_sweeps.tracking.run_settings import OFF, invalid_mode, run_settings
from medqa_sweeps.tracking.session import obstacle_to_asked_folder
from medqa_sweeps.tracking.variables import ignored, variables_here

State = Literal["ok", "note", "problem"]

ANSWER_SECONDS = 4.0  # time limit for an answer of the hub
CHECK_SECONDS = 8.0  # for each check that needs a network: a name lookup can exceed its own time limit
_GIB = 1 << 30
GPU = "GPU"  # topic
_REASON_CHARACTERS = 200  # shown from a library's error message
_OF_THE_PYTHON = ("numpy", "scipy", "scikit-learn")  # their newest release depends on it
_SHOWN = ("torch", "unsloth", "transformers", "trl", "peft")
_LITTLE_DISK_BYTES, _NO_DISK_BYTES = 20 * _GIB, 5 * _GIB
_LITTLE_MEMORY_BYTES = 3 * _GIB  # a trial of the tiny model uses 1 GiB, of SmolLM2 3 GiB


@dataclass(frozen=True)
class Finding:
    topic: str
    state: State
    sentence: str

    def __str__(self) -> str:
        return f"{self.topic:<9} {self.state:<8} {self.sentence}"


def examine() -> list[Finding]:
    """All findings, in about ten lines; the last says which commands run here."""
    for name in ("httpx", "huggingface_hub.hf_api", "wandb"):
        with contextlib.suppress(ImportError):  # the check that needs it reports it
            importlib.import_module(name)  # now, so that the time limit below is for the network alone
    network_checks = [_NetworkCheck("Hub", _hub), _NetworkCheck("Licences", _licences), _NetworkCheck("W&B", _wandb)]
    hardware_and_packages = examine_hardware()
    gpus = next(one for one in hardware_and_packages if one.topic == GPU)
    needed = [*hardware_and_packages, _folders(), _disk()]
    models, data = _configured("model"), _configured("data")
    cached = {name for group in (models, data) for name, here in group.items() if here}
    hub, licences, wandb = (one.finding() for one in network_checks)
    cached_models, cached_data = _cached("Models", models, "model", hub), _cached("Data", data, "data", hub)
    return [*needed, hub, licences, cached_models, cached_data, wandb, _summary(needed, gpus, hub, cached)]


def examine_hardware() -> list[Finding]:
    """What of the findings is about this machine alone: nothing here waits for a network."""
    gpus = _gpus()
    return [_system(), gpus, _packages(), _four_bit(has_gpu=gpus.state == "ok")]


class _NetworkCheck:
    """A check that waits for a network, in a thread that cannot keep this process from exiting."""

    def __init__(self, topic: str, ask: Callable[[], Finding]) -> None:
        self._topic, self._found = topic, list[Finding]()
        self._ask = ask
        self._thread = threading.Thread(target=self._find, daemon=True)
        self._thread.start()

    def _find(self) -> None:
        try:
            self._found.append(self._ask())
        except Exception as error:  # one broken check must not hide the other findings
            reason = " ".join(str(error).split())[:_REASON_CHARACTERS] or type(error).__name__
            self._found.append(Finding(self._topic, "problem", f"this check failed ({reason})."))

    def finding(self) -> Finding:
        self._thread.join(CHECK_SECONDS)
        silent = Finding(self._topic, "note", f"no answer within {CHECK_SECONDS:.0f} s; check the network.")
        return self._found[0] if self._found else silent


def _system() -> Finding:
    cores, memory = hardware.usable_cores(), hardware.available_memory()
    found = f"{hardware.processor_name()}, {cores} cores, {memory / _GIB:.0f} GiB free, Python {sys.version.split()[0]}"
    if sys.platform != "linux" or platform.machine() != "x86_64" or not (3, 11) <= sys.version_info[:2] < (3, 14):
        return Finding("Machine", "problem", f"{found}: medqa_sweeps needs Linux on x86-64 and Python 3.11 to 3.13.")
    if memory < _LITTLE_MEMORY_BYTES:
        return Finding("Machine", "problem", f"{found}: too little memory: a trial needs 3 GiB.")
    return Finding("Machine", "ok", f"{found}.")


def _gpus() -> Finding:
    gpus, silent = hardware.survey()
    if silent:
        return Finding(GPU, "problem", f"{'; '.join(silent)}. `nvidia-smi` may show why.")
    if not gpus:
        return Finding(
            GPU, "note", "none found; trials run on the CPU, which is fast enough for the tiny model." + _bfloat16()
        )
    driver, built = hardware.cuda_of_driver(), _cuda_of_torch()
    if driver and built and driver[0] < built[0]:
        return Finding(
            GPU, "problem", f"the driver supports CUDA {driver[0]}.{driver[1]}, torch needs {built[0]}.{built[1]}: "
            "install a newer driver."
        )  # fmt: skip
    return Finding(GPU, "ok", "; ".join(map(_free_of, gpus)) + ".")


def _bfloat16() -> str:
    unit = hardware.bfloat16_unit()
    return f" It computes in bfloat16 ({unit}): model.dtype=bfloat16 is {GAIN}." if unit else ""


def _free_of(gpu: hardware.Gpu) -> str:
    try:
        free = f"{hardware.gpu_use(gpu.uuid).free_bytes / _GIB:.0f} of "
    except DeviceFailed:
        free = "an unknown amount of "
    return f"{gpu.name}, {free}{gpu.memory_bytes / _GIB:.0f} GiB free"


def _cuda_of_torch() -> tuple[int, int] | None:
    """The CUDA version that torch was built for, from its version file; None for a CPU build or without torch."""
    found = importlib.util.find_spec("torch")
    text = Path(found.origin).with_name("version.py").read_text() if found and found.origin else ""
    match = re.search(r"^cuda\b.*'(\d+)\.(\d+)'", text, re.MULTILINE)
    return (int(match[1]), int(match[2])) if match else None


def _packages() -> Finding:
    wanted = list(_requirements())
    found = {one.name: _version(one.name) for one in wanted}
    wrong = [f"{one.name} is not installed" for one in wanted if found[one.name] is None]
    wrong += [
        f"{one.name} {version} is outside {one.specifier}"
        for one in wanted
        if (version := found[one.name]) and not one.specifier.contains(version, prereleases=True)
    ]
    other = [
        f"{one.name} {version} instead of {tried}"
        for one in wanted
        if (version := found[one.name]) and (tried := _tried(one)) and not _same_version(version, tried)
    ]
    if wrong:
        return Finding("Packages", "problem", f"{', '.join(wrong)}: {REPAIR} installs what fits.")
    if other:
        return Finding("Packages", "note", f"{', '.join(other)}: allowed, but this combination is untested.")
    as_pinned = ", ".join(f"{name} {found[name]}" for name in _SHOWN) + ", as tried together"
    if sys.dont_write_bytecode and not _is_compiled("torch"):
        why = "with PYTHONDONTWRITEBYTECODE every process compiles them again, which takes 10 s"
        return Finding("Packages", "note", f"{as_pinned}; {why}: run {_compile_all()} once.")
    return Finding("Packages", "ok", f"{as_pinned}.")


def _requirements() -> Iterator[Requirement]:
    """Our direct dependencies: from the lowest version, which was tried, up to the next that may break us.

    Those of extras are left out: whoever needs one is told so by the command that does.
    """
    if IN_CHECKOUT:
        texts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    else:
        texts = metadata.requires(DISTRIBUTION) or []
    for requirement in map(Requirement, texts):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement


def _tried(requirement: Requirement) -> str | None:
    """The version that was tried; None: it depends on the Python."""
    if requirement.name in _OF_THE_PYTHON:
        return None
    return next((one.version for one in requirement.specifier if one.operator in (">=", "==")), None)


def _same_version(one: str, other: str) -> bool:
    """`2.14.1+cu130` is 2.14.1."""
    return Version(Version(one).public) == Version(other)


def _compile_all() -> str:
    return "`uv sync --compile-bytecode`" if IN_CHECKOUT else f"`python -m compileall -q {PROJECT}`"


def _is_compiled(module: str) -> bool:
    found = importlib.util.find_spec(module)
    return bool(found and found.cached and Path(found.cached).exists())


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _four_bit(has_gpu: bool) -> Finding:
    found, cuda = importlib.util.find_spec("bitsandbytes"), _cuda_of_torch()
    instead = "Or set model.load_in_4bit=false, which does not need it."
    if found is None or found.origin is None:
        return Finding("4-bit", "problem", f"bitsandbytes is not installed: {REPAIR} installs it. {instead}")
    name = f"cuda{cuda[0]}{cuda[1]}" if has_gpu and cuda else "cpu"
    library = Path(found.origin).with_name(f"libbitsandbytes_{name}.so")
    if not library.exists():
        return Finding("4-bit", "problem", f"bitsandbytes has no {library.name}: run {REPAIR}. {instead}")
    if name == "cpu":
        try:
            ctypes.CDLL(str(library))
        except OSError as error:
            return Finding("4-bit", "problem", f"bitsandbytes cannot be loaded ({error}). {instead}")
    return Finding("4-bit", "ok", f"bitsandbytes {_version('bitsandbytes')} with its library for {name}.")


def _hub() -> Finding:
    from huggingface_hub import constants, get_token

    login = "token found" if get_token() else f"no token (models with a licence need `{IN_ENVIRONMENT}hf auth login`)"
    if constants.is_offline_mode():
        return Finding("Hub", "note", f"offline (HF_HUB_OFFLINE is set): only cached models and data sets; {login}.")
    try:
        request = urllib.request.Request(constants.ENDPOINT, method="HEAD")
        urllib.request.urlopen(request, timeout=ANSWER_SECONDS).close()
    except urllib.error.HTTPError:
        pass  # the hub did answer
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return Finding(
            "Hub", "note", f"cannot be reached ({reason}): only cached or local models and data sets; {login}."
        )
    return Finding("Hub", "ok", f"reachable; {login}.")


def _licences() -> Finding:
    """Which models of conf/model that are not cached require a licence."""
    from httpx import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import OfflineModeIsEnabled

    behind = []
    try:
        for name, config in _hub_configs("model").items():
            if not _model_cached(config) and HfApi().model_info(config["hub_id"], timeout=ANSWER_SECONDS).gated:
                behind.append(name)
    except (HTTPError, OfflineModeIsEnabled) as error:
        return Finding("Licences", "note", f"unknown, because the hub could not be asked ({type(error).__name__}).")
    if behind:
        return Finding(
            "Licences",
            "note",
            f"accept on the model's hub page, then `{IN_ENVIRONMENT}hf auth login`: {', '.join(behind)}.",
        )
    return Finding("Licences", "ok", "no model of conf/model that is not cached requires one.")


def _configured(group: str) -> dict[str, bool]:
    """By option of a config group that names a model or data set on the hub, whether it is cached."""
    from medqa_sweeps.hub import data_cached

    if group == "model":
        return {name: _model_cached(config) for name, config in _hub_configs(group).items()}
    return {name: data_cached(DataConfig(**config)) for name, config in _hub_configs(group).items()}


def _model_cached(config: dict[str, Any]) -> bool:
    from medqa_sweeps.base.files import FILES
    from medqa_sweeps.hub import cached

    return cached("model", config["hub_id"], config.get("revision"), FILES) is not None


def _hub_configs(group: str) -> dict[str, dict[str, Any]]:
    read = {file.stem: yaml.safe_load(file.read_text()) for file in sorted((CONF / group).glob("*.yaml"))}
    return {name: config for name, config in read.items() if config.get("hub_id")}


def _cached(topic: str, found: dict[str, bool], group: str, hub: Finding) -> Finding:
    here = [name for name, is_here in found.items() if is_here]
    absent = [name for name in found if name not in here]
    sentence = f"options of conf/{group} in the cache: {', '.join(here) or 'none'}"
    if not absent:
        return Finding(topic, "ok", f"{sentence}.")
    if hub.state == "ok":
        return Finding(topic, "ok", f"{sentence}; the others are downloaded on first use ({', '.join(absent)}).")
    shipped = {"model": "tiny_gemma3", "data": "sample"}[group]
    return Finding(topic, "note", f"{sentence}; {shipped} is included, and {group}=local uses your own files.")


def _wandb() -> Finding:
    variables = variables_here()
    settings = run_settings(TrackingConfig(), record=None, current=variables)
    unused = ignored(variables, record=None)
    aside = f" In a sweep: {unused}." if unused else ""
    if wrong := invalid_mode(variables):
        return Finding("W&B", "problem", f"off ({wrong}): unset or correct the variable.{aside}")
    if settings.mode.name == OFF:
        return Finding("W&B", "note", f"off ({settings.mode.source}): nothing is sent or stored for later.{aside}")
    elsewhere = obstacle_to_asked_folder()
    aside = (f" {elsewhere}." if elsewhere else "") + aside
    obstacle = obstacle_to_online(settings)
    where = f"project {settings.project}" + (f" of {settings.entity}" if settings.entity else "")
    if obstacle is None:
        return Finding("W&B", "note" if elsewhere else "ok", f"the server accepts the API key; {where}.{aside}")
    remedy = f"`{IN_ENVIRONMENT}wandb login` stores a key, and " if obstacle == NO_KEY else ""
    later = f"{remedy}`{COMMAND} wandb-sync FOLDER` sends runs later"
    return Finding("W&B", "note", f"offline ({obstacle}); {where}. No data are lost: {later}.{aside}")


def _folders() -> Finding:
    """Whether the folders for results, for the hub's cache and for our cache are writable."""
    from huggingface_hub import constants

    if obstacle := obstacle_to_writing(Path.cwd()):
        sentence = f"{Path.cwd()} cannot be written ({obstacle}): start in a writable folder, or set hydra.sweep.dir."
        return Finding("Folders", "problem", sentence)
    try:
        cache = cache_folder()
    except ConfigError as error:
        return Finding("Folders", "problem", str(error))
    notes = []
    if is_temporary(cache):
        notes.append(f"our cache is {cache}, which a restart may delete: set {CACHE_VARIABLE} to a permanent folder")
    if obstacle := obstacle_to_writing(Path(constants.HF_HUB_CACHE)):
        hub = f"the hub's cache, {constants.HF_HUB_CACHE}, cannot be written ({obstacle})"
        notes.append(f"{hub}: downloads fail unless HF_HOME names a writable folder")
    if notes:
        return Finding("Folders", "note", f"{'; '.join(notes)}.")
    return Finding("Folders", "ok", f"results go to {Path.cwd()}, our cache is {cache}.")


def _disk() -> Finding:
    from huggingface_hub import constants

    folders = {"here": Path.cwd(), "the hub's cache": Path(constants.HF_HUB_CACHE)}
    with contextlib.suppress(ConfigError):  # already reported by _folders
        folders["our cache"] = cache_folder()
    free = {what: _free_bytes(path) for what, path in folders.items()}
    sentence = ", ".join(f"{size / _GIB:.0f} GiB free for {what}" for what, size in free.items())
    least = min(free.values())
    if least < _NO_DISK_BYTES:
        return Finding(
            "Disk",
            "problem",
            f"{sentence}: too little for a base model and checkpoints: {_NO_DISK_BYTES // _GIB} GiB are needed.",
        )
    if least < _LITTLE_DISK_BYTES:
        return Finding("Disk", "note", f"{sentence}: enough for small models; the download of Gemma 3 1B takes 2 GB.")
    return Finding("Disk", "ok", f"{sentence}.")


def _free_bytes(path: Path) -> int:
    there = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    return shutil.disk_usage(there).free


def _summary(needed: list[Finding], gpus: Finding, hub: Finding, cached: set[str]) -> Finding:
    if any(one.state == "problem" for one in needed):
        return Finding("Summary", "problem", "training does not work until the problems above are fixed.")
    missing = {"gemma3_1b", "medqa_us_4_options"} - cached if hub.state != "ok" else set()
    quick = f"`{LAUNCH} -m experiment=quickstart lora.r=8,16` runs"
    if missing:
        return Finding(
            "Summary", "note", f"{quick}; `{LAUNCH_DEFAULT}` needs {', '.join(sorted(missing))} (not cached)."
        )
    if gpus.state != "ok":
        return Finding(
            "Summary", "note", f"{quick}; `{LAUNCH_DEFAULT}` (Gemma 3 1B) also runs, but slowly without a GPU."
        )
    return Finding("Summary", "ok", f"{quick}, and so does `{LAUNCH_DEFAULT}` (Gemma 3 1B on MedQA).")
