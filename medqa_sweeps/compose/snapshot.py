"""The config files of a study as they were when it began: its trials, `resume`, `add` and `confirm` compose of them.

Hydra reads its files anew for every trial, and a sweep may run for days. So they are copied into the study's folder:

    .conf/sources.yaml     the folders of Hydra's search path: who brought each, and where it was
    .conf/0/ .conf/1/ …    their YAML files

What comes with a package (Hydra's own config, our samplers and pruners) is code, and left where it is.
"""

import importlib.util
import os
import shutil
import site
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.utils import get_args_parser
from hydra.core.config_loader import ConfigLoader
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf

from medqa_sweeps.compose.settings import CONF, PROVIDER
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.trial.folder import HYDRA_FOLDER
from medqa_sweeps.trial.provenance import changed_files

FOLDER = ".conf"  # in the study's
_LIST = "sources.yaml"
_MOST_FILES, _MOST_ENTRIES = 1000, 20_000  # of one source: beyond that it is no folder of configs
_STUDY = StudyDir(Path())
_OF_A_RUN = {
    HYDRA_FOLDER,
    _STUDY.composed_file.name,
    _STUDY.definition_file.name,
}  # a folder that has one of these holds results
_OPTIONS = {"main": "--config-path", "command-line": "--config-dir"}  # of every Hydra program, by provider


@dataclass(frozen=True)
class Source:
    """One entry of Hydra's search path.

    Args:
        path: as Hydra writes it: file://FOLDER, pkg://PACKAGE, structured://
        files: content by path within; None: they are left where they are.
    """

    provider: str
    path: str
    files: dict[str, bytes] | None = None


@dataclass(frozen=True)
class ConfSnapshot:
    """The sources in Hydra's order: the first that has a file is asked for it."""

    sources: tuple[Source, ...]

    def write(self, study: Path) -> None:
        """Keep the files in the study's folder, in place of those that are kept there."""
        made, kept, old = study / f"{FOLDER}.new", study / FOLDER, study / f"{FOLDER}.old"
        for left in (made, old):
            shutil.rmtree(left, ignore_errors=True)
        made.mkdir(parents=True)
        for index, source in enumerate(self.sources):
            if source.files is not None:
                (made / str(index)).mkdir()
            for name, content in (source.files or {}).items():
                file = made / str(index) / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        sources = [{"provider": one.provider, "path": one.path} for one in self.sources]
        (made / _LIST).write_text(yaml.safe_dump(sources, sort_keys=False, allow_unicode=True), encoding="utf-8")
        if kept.exists():
            kept.rename(old)
        made.rename(kept)
        shutil.rmtree(old, ignore_errors=True)

    def changed(self, now: "ConfSnapshot") -> list[str]:
        """The files, by their paths, that differ in a later snapshot of the same sources."""
        return [
            os.path.join(_folder_of(then.path) or "", name)
            for then, later in zip(self.sources, now.sources, strict=True)
            for name in changed_files(then.files or {}, later.files or {})
        ]

    def edited(self) -> list[str]:
        """The files that have changed since, where they came from; nothing of a folder that is gone."""
        now = [_taken(one.provider, one.path) if one.files is not None else one for one in self.sources]
        there = [one if later.files is None else later for one, later in zip(self.sources, now, strict=True)]
        return self.changed(ConfSnapshot(tuple(there)))

    def too_large(self) -> list[Path]:
        """The folders that hold more than config files, and are therefore read as they are at any time."""
        folders = [_folder_of(source.path) for source in self.sources if source.files is None]
        return [folder for folder in folders if folder is not None]


def taken(sources: ListConfig) -> ConfSnapshot:
    """The files as they are now.

    Args:
        sources: `hydra.runtime.config_sources`.
    """
    # A folder may be called `${x}`: its name is read as it stands, and is no interpolation.
    plain = cast(list[dict[str, str]], OmegaConf.to_container(sources, resolve=False))
    named = [(one["provider"], f"{one['schema']}://{one['path']}") for one in plain]
    return ConfSnapshot(tuple(_taken(provider, path) for provider, path in named))


def kept(study: Path) -> ConfSnapshot | None:
    """What `write` has kept; None if that is nothing. Our own package is where it is installed now."""
    folder = study / FOLDER
    try:
        sources = yaml.safe_load((folder / _LIST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    files = (_files_in(folder / str(index)) for index in range(len(sources)))
    named = [(one["provider"], present_path(one["provider"], one["path"])) for one in sources]
    return ConfSnapshot(tuple(Source(*name, of) for name, of in zip(named, files, strict=True)))


def present_path(provider: str, path: str) -> str:
    """Where a source of an earlier process is now, if it is our own package's; else as it was."""
    return f"file://{CONF}" if provider == PROVIDER else path


def loader_of(study: Path) -> ConfigLoader:
    """Composes of the kept files."""
    path = ConfigSearchPathImpl()
    for source, folder in _kept_folders(study):
        path.append(source.provider, f"file://{folder}" if source.files is not None else source.path)
    return ConfigLoaderImpl(path)


def composed_again(study: Path, config: DictConfig) -> DictConfig:
    """What Hydra composes of the kept files and the same words, without the swept values.

    Raises:
        HydraException: if the words do not fit the files, as for any command line.
    """
    typed: Any = OmegaConf.to_container(config.hydra.overrides, resolve=False)
    overrides = [*typed["hydra"], *typed["task"]]
    return loader_of(study).load_configuration(config.hydra.job.config_name, overrides, RunMode.MULTIRUN)


def options_of(study: Path) -> list[str]:
    """Options that make any Hydra program read the kept files, even where its own are damaged or gone."""
    return [
        f"{_OPTIONS[source.provider]}={folder}"
        for source, folder in _kept_folders(study)
        if source.provider in _OPTIONS and source.files is not None
    ]


def reading_kept(study: Path, arguments: Sequence[str]) -> list[str]:
    """The words of a program's command line, and options with which it reads the files that the study has kept."""
    overrides = get_args_parser().parse_args(list(arguments)).overrides
    options = [argument for argument in arguments if argument not in overrides]
    return [*options, *options_of(study), *overrides]  # an option after an override would end the overrides


def is_option(argument: str) -> bool:
    """Whether `options_of` a study has made this word of a command line."""
    option, _, folder = argument.partition("=")
    return option in _OPTIONS.values() and Path(folder).parent.name == FOLDER


def _kept_folders(study: Path) -> Iterator[tuple[Source, Path]]:
    found = kept(study)
    for index, source in enumerate(found.sources if found else ()):
        yield source, (study / FOLDER / str(index)).absolute()


def _taken(provider: str, path: str) -> Source:
    folder = _folder_of(path)
    if folder is None:
        return Source(provider, path)
    if folder.parent.name == FOLDER and (of_study := kept(folder.parent.parent)):  # which this one confirms
        return of_study.sources[int(folder.name)]
    return Source(provider, path, _files_in(folder))


def _folder_of(path: str) -> Path | None:
    """Where a source's files are, if somebody may edit them."""
    scheme, _, rest = path.partition("://")
    if scheme == "file":
        return None if Path(rest) == CONF else Path(rest)
    if scheme != "pkg" or not rest or rest.split(".")[0] == "hydra":
        return None
    try:
        found = importlib.util.find_spec(rest.replace("/", "."))
    except ModuleNotFoundError:
        return None
    folder = Path(next(iter((found and found.submodule_search_locations) or [""])))
    installed = [*site.getsitepackages(), site.getusersitepackages()]
    return None if folder == Path() or any(folder.is_relative_to(one) for one in installed) else folder


def _files_in(folder: Path) -> dict[str, bytes] | None:
    """The YAML files by their path in the folder; None if there is no such folder, or it holds too much else."""
    if not folder.is_dir():
        return None
    found: dict[str, bytes] = {}
    for entries, file in enumerate(_walked(folder)):
        if file.suffix in (".yaml", ".yml") and file.is_file():
            found[str(file.relative_to(folder))] = file.read_bytes()
        if entries > _MOST_ENTRIES or len(found) > _MOST_FILES:
            return None
    return found


def _walked(folder: Path) -> Iterator[Path]:
    """Every file and folder below, links followed, without hidden folders and those that hold results."""
    seen: set[str] = set()
    for directory, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(directory)
        if real in seen or (directory != str(folder) and _OF_A_RUN & {*folders, *files}):
            folders.clear()
            continue
        seen.add(real)
        yield Path(directory)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__pycache__")))
        yield from (Path(directory, name) for name in sorted(files))
