"""A cache of encoded prompts shared by all trials: one Arrow file per set of prompts, keyed by content.

The key contains all that the tokens depend on: base, library versions, prompt text, questions and options in their
order. Each training epoch is a set, so options still change their order between epochs; trials with the same seed share
it. A file is written under a lock and then renamed, since several trials may start at once. Shapes: Q prompts, N tokens
in total.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from medqa_sweeps.config import short_hash
from medqa_sweeps.durable.writable_folders import cache_folder
from medqa_sweeps.versions import TOKENIZING, versions_of

_MOST_BYTES = (
    2_000_000_000  # limit for all files: about 200 epochs of MedQA-US; the least recently used are removed first
)


class TokenRows(Sequence[list[int]]):
    """Q prompts, each a list of token ids; memory-mapped from the file."""

    def __init__(self, tokens_N: Any, ends_Q: Any) -> None:
        self._tokens_N, self._ends_Q = tokens_N, ends_Q

    def __len__(self) -> int:
        return len(self._ends_Q) - 1

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._tokens_N[self._ends_Q[index] : self._ends_Q[index + 1]].tolist()


class TokenCache:
    """The shared prompts of one base.

    Args:
        base_fingerprint: of all its files, including the tokenizer's.
    """

    def __init__(self, base_fingerprint: str) -> None:
        self._tokenizer = [base_fingerprint, versions_of(TOKENIZING)]

    def rows(self, key: list[Any], encode: Callable[[], list[list[int]]]) -> Sequence[list[int]]:
        """The prompts stored under `key`. If there are none, the first process calls `encode` and stores the result,
        while others wait. A file that cannot be read (a full disk) is written again. If nothing can be stored, each
        process encodes."""
        path = cache_folder() / "tokens" / f"{short_hash([self._tokenizer, *key])}.arrow"
        lock = FileLock(path.with_suffix(".lock"), fallback_to_soft=False)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError:
            return encode()
        try:
            rows = _read(path)
            return _stored(path, encode()) if rows is None else rows
        finally:
            lock.release()


def _read(path: Path) -> TokenRows | None:
    import pyarrow

    try:
        with pyarrow.memory_map(str(path)) as file:
            column = pyarrow.ipc.open_file(file).read_all().column("input_ids").combine_chunks()
        os.utime(path)
    except (OSError, pyarrow.ArrowException):
        return None
    return TokenRows(column.values.to_numpy(), column.offsets.to_numpy())


def _stored(path: Path, rows: list[list[int]]) -> Sequence[list[int]]:
    """The rows as read back from the file; `rows` itself if the file cannot be written."""
    try:
        _write(path, rows)
    except OSError:
        return rows
    _remove_longest_unused(path.parent)
    stored = _read(path)
    return rows if stored is None else stored


def _write(path: Path, rows: list[list[int]]) -> None:
    import pyarrow

    table = pyarrow.table({"input_ids": pyarrow.array(rows, pyarrow.list_(pyarrow.int32()))})
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with pyarrow.OSFile(str(temporary), "wb") as file, pyarrow.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _remove_longest_unused(folder: Path) -> None:
    """Remove files beyond the size limit; processes that have mapped a removed file can still read it."""
    left = _MOST_BYTES
    for path, size in _newest_first(folder):
        left -= size
        if left < 0:
            path.unlink(missing_ok=True)


def _newest_first(folder: Path) -> Iterator[tuple[Path, int]]:
    found = []
    for entry in os.scandir(folder):
        if entry.name.endswith(".arrow"):
            stat = entry.stat()
            found.append((stat.st_mtime, Path(entry.path), stat.st_size))
    yield from ((path, size) for _, path, size in sorted(found, reverse=True))
