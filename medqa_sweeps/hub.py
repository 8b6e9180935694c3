"""Snapshots of the hub at an exact commit, of models and of data sets: fetched once, then found without a network.

`datasets` would use whatever version it has cached when the hub does not answer, and would wait half a minute to find
out. So a data set is fetched like a model, by `huggingface_hub`, and read from the folder of its commit.
"""

import errno
import functools
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from medqa_sweeps.command_line import typed
from medqa_sweeps.config import DataConfig
from medqa_sweeps.errors import ConfigError, DataError, TrialError

Kind = Literal["model", "dataset"]

WITHOUT_HUB = {
    "model": "model=local model.path=FOLDER takes a folder; model=tiny_gemma3 needs no hub.",
    "dataset": "data=local data.train=FILE reads files of yours; data=sample needs no hub.",
}
_CARD = ("README.md", ".huggingface.yaml")  # where a data set declares its subsets
_TABLES = ("parquet", "arrow", "json", "jsonl", "csv", "tsv", "gz", "zst", "zip")
_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)
_PAUSES_SECONDS = (0.5, 1)  # before another try when a connection fails: a flaky network is not a missing one


@functools.lru_cache
def snapshot(kind: Kind, hub_id: str, revision: str | None, files: tuple[str, ...]) -> Path:
    """Folder of the files that match one of the patterns `files`; its name is the commit.

    Within a process a branch is looked up once, so that all trials of a sweep stand on the same commit. Without a
    network the newest commit that is cached of a branch is used; a commit is itself or nothing.

    Raises:
        ConfigError, DataError: (of a model, of a data set) if the hub does not know it, asks for a licence, or cannot
            be reached while not all of it is cached.
    """
    from httpx import HTTPError
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        IncompleteSnapshotError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    download = functools.partial(
        snapshot_download, hub_id, repo_type=kind, revision=revision, allow_patterns=list(files)
    )
    try:
        return Path(_patiently(download))
    except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError) as refusal:
        raise _refused(refusal, kind, hub_id, revision) from None
    except (HTTPError, OSError) as error:
        try:
            return Path(download(local_files_only=True))
        except IncompleteSnapshotError:
            raise _unreachable(error, kind, hub_id, revision, "only a part of it is cached") from None
        except OSError:
            if isinstance(error, OSError) and error.errno in _UNWRITABLE:
                raise _unwritable(error, kind, hub_id) from None
            raise _unreachable(error, kind, hub_id, revision, "nothing is cached") from None


def at_commit(config: DataConfig) -> DataConfig:
    """`config` with the commit in place of the branch or tag; files stay as they are.

    Raises:
        DataError: see `snapshot`.
    """
    if config.hub_id is None:
        return config
    return replace(config, revision=snapshot("dataset", config.hub_id, config.revision, _CARD).name)


def load_rows(config: DataConfig, subset: str | None, split: str) -> Any:
    """The rows of a split of a data set on the hub, as a `datasets.Dataset`.

    A subset is one that the data set's card declares; where it declares none, as in the hub's own conversion to
    Parquet, it is a folder, and only that folder is fetched.

    Raises:
        DataError: see `snapshot`.
        OSError, ValueError, RuntimeError, DatasetsError: of `datasets`, if there is no such subset or split.
    """
    from datasets import get_dataset_config_names, load_dataset

    assert config.hub_id is not None, "only called for a data set on the hub"
    card = snapshot("dataset", config.hub_id, config.revision, _CARD)
    folder = str(snapshot("dataset", config.hub_id, card.name, _files_of(subset, card)))
    if subset and subset not in get_dataset_config_names(folder):
        return load_dataset(folder, data_dir=subset, split=split)
    return load_dataset(folder, subset, split=split)


def cached(kind: Kind, hub_id: str, revision: str | None, files: tuple[str, ...]) -> Path | None:
    """The folder that `snapshot` would give without asking the hub; None if not all of it is here."""
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            hub_id, repo_type=kind, revision=revision, allow_patterns=list(files), local_files_only=True
        )
    except OSError:
        return None
    return Path(folder)


def data_cached(config: DataConfig) -> bool:
    """Whether `load_rows` needs no network for any subset."""
    assert config.hub_id is not None, "only asked of a data set on the hub"
    card = cached("dataset", config.hub_id, config.revision, _CARD)
    subsets: list[str | None] = [*config.hub_subsets]
    return card is not None and all(
        cached("dataset", config.hub_id, card.name, _files_of(subset, card)) for subset in subsets or [None]
    )


def _files_of(subset: str | None, card: Path) -> tuple[str, ...]:
    """Patterns of what is needed for a subset, by the card in the folder `card`, if there is one."""
    readme = card / _CARD[0]
    declared = readme.exists() and "configs:" in readme.read_text(errors="replace")
    inside = f"{subset}/" if subset and not declared else ""
    return (*_CARD, *(f"{inside}*.{ending}" for ending in _TABLES))


def _patiently(download: Callable[[], str]) -> str:
    """What `download` returns, after a few more tries if the connection fails."""
    from httpx import NetworkError
    from huggingface_hub.errors import LocalEntryNotFoundError

    for pause in _PAUSES_SECONDS:
        try:
            return download()
        except (NetworkError, LocalEntryNotFoundError) as error:
            if not isinstance(error, NetworkError) and not isinstance(error.__cause__, NetworkError):
                raise  # offline as asked, or a hub that is silent: another try would take as long again
            time.sleep(pause)
    return download()


def _refused(refusal: Exception, kind: Kind, hub_id: str, revision: str | None) -> TrialError:
    from huggingface_hub.errors import GatedRepoError, RevisionNotFoundError

    key = _key(kind)
    if isinstance(refusal, GatedRepoError):
        sentence = (
            f"{key}.hub_id={hub_id}: its licence must be accepted on its page on the hub first; then "
            f"`uv run hf auth login` and `{_fetch(kind, hub_id, revision)}`."
        )
    elif isinstance(refusal, RevisionNotFoundError):
        sentence = f"{key}.revision={revision}: {hub_id} has no such branch, tag or commit."
    else:
        sentence = (
            f"{key}.hub_id={hub_id}: the hub knows no such {_noun(kind)}, or it is private and "
            "`uv run hf auth login` is needed."
        )
    return _error(kind, f"{sentence} {WITHOUT_HUB[kind]}")


def _unreachable(error: Exception, kind: Kind, hub_id: str, revision: str | None, cached: str) -> TrialError:
    return _error(
        kind,
        f"{_key(kind)}.hub_id={hub_id}: the hub cannot be reached and {cached} ({type(error).__name__}). With a "
        f"network, start again: whole files are kept. Or, on a machine that has one, accept the licence on its page if "
        f"it asks for one, run `{_fetch(kind, hub_id, revision)}`, and copy the cache. {WITHOUT_HUB[kind]}",
    )


def _unwritable(error: OSError, kind: Kind, hub_id: str) -> TrialError:
    return _error(
        kind,
        f"{_key(kind)}.hub_id={hub_id}: the hub's cache cannot be written ({error.filename}: {error.strerror}). Set "
        f"HF_HOME to a folder that you may write to. {WITHOUT_HUB[kind]}",
    )


def _error(kind: Kind, sentence: str) -> TrialError:
    return ConfigError(sentence) if kind == "model" else DataError(sentence)


def _fetch(kind: Kind, hub_id: str, revision: str | None) -> str:
    of_kind = ("--repo-type", "dataset") if kind == "dataset" else ()
    return typed("uv", "run", "hf", "download", hub_id, *of_kind, *(("--revision", revision) if revision else ()))


def _key(kind: Kind) -> str:
    return "model" if kind == "model" else "data"


def _noun(kind: Kind) -> str:
    return "model" if kind == "model" else "data set"
