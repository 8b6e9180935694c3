"""Vectors of texts, which a child process computes, since torch stays out of this one; those of a corpus are cached.

The child computes on the CPU in 32 bits, one text after the other on one thread each. So a vector depends on its text
alone: in a batch its last digits depend on the texts beside it, which other questions would change.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medqa_sweeps import hardware
from medqa_sweeps.config import short_hash
from medqa_sweeps.durable.cache import shared_arrays
from medqa_sweeps.durable.progress import ProgressFile
from medqa_sweeps.errors import ConfigError, InternalError
from medqa_sweeps.exit_codes import ExitCode, describe_exit
from medqa_sweeps.installation import PROJECT
from medqa_sweeps.retrieval.corpus import Corpus
from medqa_sweeps.retrieval.encoders import TextEncoder
from medqa_sweeps.wording import counted

if TYPE_CHECKING:
    import numpy as np

CHILD = "medqa_sweeps.worker.embed"  # started by name: it imports torch
_ENTRY = "medqa_sweeps.pool.child"  # by name, too: it ends with this process, however this one ends
_POLL_SECONDS = 0.1
_SAY_SECONDS = 10.0  # between two lines of progress
_LOG_LINES = 15


@dataclass(frozen=True)
class Embeddings:
    """The vectors of some texts, in their order."""

    vectors_TxD: "np.ndarray"  # float32, finite
    cut: int  # texts that are longer than the encoder reads


def passage_embeddings(corpus: Corpus, encoder: TextEncoder) -> Embeddings:
    """The vectors of a corpus; from the cache if any process has computed them.

    Raises:
        ConfigError: if the encoder cannot be used, or no cache folder is writable.
    """
    texts = [f"{one.title}\n{one.text}" if one.title else one.text for one in corpus.passages]
    key = short_hash([corpus.fingerprint, encoder.identity()])
    found, _ = shared_arrays("embeddings", key, lambda: _arrays(embeddings(texts, encoder, "passage")))
    return Embeddings(found["vectors"], int(found["cut"]))


def embeddings(texts: Sequence[str], encoder: TextEncoder, noun: str) -> Embeddings:
    """The vectors of some texts, which a child process computes; people read on stderr how far it is.

    Args:
        noun: what a text is.

    Raises:
        ConfigError: if the encoder cannot be used: the child's sentence.
        InternalError: if the child fails otherwise, with the end of its output.
    """
    import numpy as np

    with tempfile.TemporaryDirectory(prefix="medqa_sweeps-embed-") as made:
        folder = Path(made)
        (folder / "request.json").write_text(json.dumps(_request(texts, encoder)))
        _run(
            folder, _Teller(f"{counted(len(texts), noun)} with {encoder.encoder.label}", ProgressFile(folder / "done"))
        )
        with np.load(folder / "embeddings.npz", allow_pickle=False) as found:
            return Embeddings(found["vectors"], int(found["cut"]))


def _arrays(found: Embeddings) -> "dict[str, np.ndarray]":
    import numpy as np

    return {"vectors": found.vectors_TxD, "cut": np.array(found.cut)}


def _request(texts: Sequence[str], encoder: TextEncoder) -> dict[str, object]:
    asked = os.environ.get("OMP_NUM_THREADS", "")  # what a slot has
    return {
        "folder": str(encoder.encoder.folder),
        "label": encoder.encoder.label,
        "is_static": encoder.encoder.is_static,
        "role": encoder.role,
        "pooling": encoder.pooling,
        "prefix": encoder.prefix,
        "processes": int(asked) if asked.isdecimal() and int(asked) else hardware.usable_cores(),
        "texts": list(texts),
    }


class _Teller:
    """Says what is computed, and every few seconds how far it is."""

    def __init__(self, what: str, progress: ProgressFile) -> None:
        self._progress, self._said = progress, time.monotonic()
        self._say(what)

    def __call__(self) -> None:
        if time.monotonic() - self._said >= _SAY_SECONDS and (done := self._progress.in_words()):
            self._said = time.monotonic()
            self._say(done)

    def _say(self, text: str) -> None:
        print(f"Embeds     {text}", file=sys.stderr, flush=True)


def _run(folder: Path, look: Callable[[], None]) -> None:
    """Run the child to its end; whatever is raised meanwhile, Ctrl-C included, kills it first."""
    log = folder / "log"
    with _lifeline() as end, open(log, "wb") as output:
        command = [sys.executable, "-m", _ENTRY, str(end), str(os.getpid()), CHILD, str(folder)]
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(end,),
            process_group=0,  # a terminal's Ctrl-C reaches this process alone
        )
        try:
            code = _wait(process, look)
        except BaseException:
            process.kill()
            process.wait()
            raise
    if code == ExitCode.DATAERR:
        raise ConfigError(_tail(log, 1))
    if code != ExitCode.OK:
        raise InternalError(
            f"the process of {CHILD} ended with {describe_exit(code)}. The end of its output:\n{_tail(log, _LOG_LINES)}"
        )


def _wait(process: "subprocess.Popen[bytes]", look: Callable[[], None]) -> int:
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(_POLL_SECONDS)
        look()


@contextlib.contextmanager
def _lifeline() -> Iterator[int]:
    """The end of a pipe that a child's whole group dies with: when it is left, or this process has died."""
    end, writer = os.pipe()
    try:
        yield end
    finally:
        os.close(writer)
        os.close(end)


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "",  # a GPU's sums have other last digits, and its memory belongs to trials
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",  # this process has fetched whatever is needed
        "PYTHONUNBUFFERED": "1",
    }


def _tail(log: Path, lines: int) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
