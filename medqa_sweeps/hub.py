"""Snapshots of models and data sets on the hub at an exact commit: fetched once, then read without a network.

If the hub does not respond, `datasets` waits half a minute and then uses any cached version. Therefore a data set is
fetched like a model, by `huggingface_hub`, and read from the folder of its commit.
"""

import errno
import functools
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from medqa_sweeps.command_line import shell_line
from medqa_sweeps.config import DataConfig
from medqa_sweeps.errors import ConfigError, DataError, TrialError
from medqa_sweeps.installation import IN_ENVIRONMENT

Kind = Literal["model", "dataset", "encoder"]  # an encoder is a model of another config group

WITHOUT_HUB = {
    "model": "model=local model.path=FOLDER uses a local folder; model=tiny_gemma3 needs no hub.",
    "dataset": "data=local data.train=FILE reads your own files; data=sample needs no hub.",
    "encoder": "retrieval.embedder=FOLDER uses a local folder; retrieval=bm25 needs no encoder.",
}
_CARD = ("README.md", ".huggingface.yaml")  # here a data set declares its subsets
_TABLES = ("parquet", "arrow", "json", "jsonl", "csv", "tsv", "gz", "zst", "zip")
_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)
_PAUSES_SECONDS = (0.5, 1)  # before each retry of a failed connection: the network may only be unreliable


@functools.lru_cache
def snapshot(kind: Kind, hub_id: str, revision: str | None, files: tuple[str, ...]) -> Path:
    """Folder of the files that match one of the patterns `files`; the folder's name is the commit.

    Each process looks up a branch once, so that all trials of a sweep use the same commit. Without a network, the
    newest cached commit of a branch is used; for a commit, only that commit.

    Raises:
        ConfigError, DataError: (for a model or encoder, for a data set) if the hub does not know it, requires a
            licence, or cannot be reached while the cache is incomplete.
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
        snapshot_download, hub_id, repo_type=_repository(kind), revision=revision, allow_patterns=list(files)
    )
    try:
        return Path(_with_retries(download))
    except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError) as refusal:
        raise _refused(refusal, kind, hub_id, revision) from None
    except (HTTPError, OSError) as error:
        try:
            return Path(download(local_files_only=True))
        except IncompleteSnapshotError:
            raise _unreachable(error, kind, hub_id, revision, "only some of its files are cached") from None
        except OSError:
            if isinstance(error, OSError) and error.errno in _UNWRITABLE:
                raise _unwritable(error, kind, hub_id) from None
            raise _unreachable(error, kind, hub_id, revision, "nothing is cached") from None


def at_commit(config: DataConfig) -> DataConfig:
    """`config` with the commit in place of the branch or tag; unchanged if the data are files.

    Raises:
        DataError: see `snapshot`.
    """
    if config.hub_id is None:
        return config
    return replace(config, revision=snapshot("dataset", config.hub_id, config.revision, _CARD).name)


def load_rows(config: DataConfig, subset: str | None, split: str) -> Any:
    """The rows of one split of a data set on the hub, as a `datasets.Dataset`.

    The data set's card declares its subsets. If it declares none, as in the hub's own conversion to Parquet, a subset
    is a folder, and only that folder is fetched.

    Raises:
        DataError: see `snapshot`.
        OSError, ValueError, RuntimeError, DatasetsError: by `datasets`, if there is no such subset or split.
    """
    from datasets import get_dataset_config_names, load_dataset

    assert config.hub_id is not None, "only called for a data set on the hub"
    card = snapshot("dataset", config.hub_id, config.revision, _CARD)
    folder = str(snapshot("dataset", config.hub_id, card.name, _files_of(subset, card)))
    if subset and subset not in get_dataset_config_names(folder):
        return load_dataset(folder, data_dir=subset, split=split)
    return load_dataset(folder, subset, split=split)


def cached(kind: Kind, hub_id: str, revision: str | None, files: tuple[str, ...]) -> Path | None:
    """The folder that `snapshot` would return without a network; None if the cache is incomplete."""
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            hub_id, repo_type=_repository(kind), revision=revision, allow_patterns=list(files), local_files_only=True
        )
    except OSError:
        return None
    return Path(folder)


def data_cached(config: DataConfig) -> bool:
    """Whether `load_rows` needs no network for any subset."""
    assert config.hub_id is not None, "only called for a data set on the hub"
    card = cached("dataset", config.hub_id, config.revision, _CARD)
    subsets: list[str | None] = [*config.hub_subsets]
    return card is not None and all(
        cached("dataset", config.hub_id, card.name, _files_of(subset, card)) for subset in subsets or [None]
    )


def _files_of(subset: str | None, card: Path) -> tuple[str, ...]:
    """Patterns of the files that a subset needs, according to the card in the folder `card`, if there is one."""
    readme = card / _CARD[0]
    declared = readme.exists() and "configs:" in readme.read_text(errors="replace")
    inside = f"{subset}/" if subset and not declared else ""
    return (*_CARD, *(f"{inside}*.{ending}" for ending in _TABLES))


def _with_retries(download: Callable[[], str]) -> str:
    """What `download` returns, after a few retries if the connection fails."""
    from httpx import NetworkError
    from huggingface_hub.errors import LocalEntryNotFoundError

    for pause in _PAUSES_SECONDS:
        try:
            return download()
        except (NetworkError, LocalEntryNotFoundError) as error:
            if not isinstance(error, NetworkError) and not isinstance(error.__cause__, NetworkError):
                raise  # offline mode, or a hub that does not respond: a retry would take as long again
            time.sleep(pause)
    return download()


def _refused(refusal: Exception, kind: Kind, hub_id: str, revision: str | None) -> TrialError:
    from huggingface_hub.errors import GatedRepoError, RevisionNotFoundError

    if isinstance(refusal, GatedRepoError):
        sentence = (
            f"{_named(kind, hub_id)}: accept its licence on its hub page first; then run "
            f"`{IN_ENVIRONMENT}hf auth login` and `{_fetch(kind, hub_id, revision)}`."
        )
    elif isinstance(refusal, RevisionNotFoundError):
        sentence = f"{_revision(kind, hub_id, revision)}: {hub_id} has no such branch, tag or commit."
    else:
        sentence = (
            f"{_named(kind, hub_id)}: the hub has no such {_noun(kind)}, or it is private; in "
            f"that case run `{IN_ENVIRONMENT}hf auth login`."
        )
    return _error(kind, f"{sentence} {WITHOUT_HUB[kind]}")


def _unreachable(error: Exception, kind: Kind, hub_id: str, revision: str | None, cached: str) -> TrialError:
    return _error(
        kind,
        f"{_named(kind, hub_id)}: the hub cannot be reached and {cached} ({type(error).__name__}). With a "
        f"network, start again: complete files are kept. Or on a machine with a network: accept the licence on its hub "
        f"page if there is one, run `{_fetch(kind, hub_id, revision)}`, and copy the cache. {WITHOUT_HUB[kind]}",
    )


def _unwritable(error: OSError, kind: Kind, hub_id: str) -> TrialError:
    return _error(
        kind,
        f"{_named(kind, hub_id)}: the hub's cache cannot be written ({error.filename}: {error.strerror}). Set "
        f"HF_HOME to a writable folder. {WITHOUT_HUB[kind]}",
    )


def _error(kind: Kind, sentence: str) -> TrialError:
    return DataError(sentence) if kind == "dataset" else ConfigError(sentence)


def _fetch(kind: Kind, hub_id: str, revision: str | None) -> str:
    of_kind = ("--repo-type", "dataset") if kind == "dataset" else ()
    at = ("--revision", revision) if revision else ()
    return shell_line(*IN_ENVIRONMENT.split(), "hf", "download", hub_id, *of_kind, *at)


def _repository(kind: Kind) -> str:
    return "dataset" if kind == "dataset" else "model"


def _named(kind: Kind, hub_id: str) -> str:
    """The setting that names it; an encoder is named by one of two."""
    return f"The encoder {hub_id}" if kind == "encoder" else f"{'model' if kind == 'model' else 'data'}.hub_id={hub_id}"


def _revision(kind: Kind, hub_id: str, revision: str | None) -> str:
    if kind == "encoder":
        return f"The encoder {hub_id}@{revision}"
    return f"{'model' if kind == 'model' else 'data'}.revision={revision}"


def _noun(kind: Kind) -> str:
    return "data set" if kind == "dataset" else "model"
