"""What can go wrong with a trial, as kinds that decide what happens next.

Every error that people may meet is a `TrialError` of one kind. Its text is one or more whole sentences: the value
that was met, what is allowed, and the next step.
"""

import errno
import traceback
from enum import StrEnum


class FailureKind(StrEnum):
    """Why a trial failed; stored in `result.json`, and what the sweep's policies look at."""

    CONFIG = "config"  # the config asks for what cannot be: never retried
    DATA = "data"  # a file or record is not what it should be: never retried
    OUT_OF_MEMORY = "out_of_memory"
    DIVERGED = "diverged"  # the loss is not a number, or has blown up
    DEVICE = "device"  # the GPU or its driver failed
    KILLED = "killed"  # the process ended by a signal that nobody here sent
    TIMEOUT = "timeout"
    INTERNAL = "internal"  # a defect of this project or of a library


# What another attempt may mend: with half the micro-batch, on another device, or simply once more.
RETRIED = frozenset({FailureKind.OUT_OF_MEMORY, FailureKind.DEVICE, FailureKind.KILLED, FailureKind.TIMEOUT})


class TrialError(Exception):
    """A failure with a kind and a message for people. Abstract: raise one of its subclasses."""

    kind: FailureKind


class ConfigError(TrialError):
    kind = FailureKind.CONFIG


class DataError(TrialError):
    kind = FailureKind.DATA


class OutOfMemory(TrialError):
    kind = FailureKind.OUT_OF_MEMORY


class Diverged(TrialError):
    kind = FailureKind.DIVERGED


class DeviceFailed(TrialError):
    kind = FailureKind.DEVICE


class InternalError(TrialError):
    kind = FailureKind.INTERNAL


DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT)


def kind_of(error: BaseException) -> FailureKind:
    """The kind of failure that an exception of a library or of Python stands for."""
    text = f"{type(error).__name__}: {error}".lower()
    if isinstance(error, MemoryError) or "out of memory" in text or "outofmemory" in text:
        return FailureKind.OUT_OF_MEMORY
    if "cuda error" in text or "acceleratorerror" in text or "cudnn" in text:
        return FailureKind.DEVICE
    return FailureKind.INTERNAL


def in_words(error: BaseException) -> str:
    """Type and text of an exception; of one without a text, where it was raised and by which line."""
    if text := str(error).strip():
        return f"{type(error).__name__}: {text}"
    if not (frames := traceback.extract_tb(error.__traceback__)):
        return type(error).__name__
    return f"{type(error).__name__} in {frames[-1].filename}, line {frames[-1].lineno}: {frames[-1].line}"
