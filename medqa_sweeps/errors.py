"""Kinds of failure of a trial; the kind decides whether the trial is retried.

Every error that users may see is a `TrialError` of one kind. Its text is one or more whole sentences: the value that
was found, what is allowed, and the next step.
"""

import errno
import traceback
from enum import StrEnum


class FailureKind(StrEnum):
    """Why a trial failed; stored in `result.json`. The sweep's retry policy depends on it."""

    CONFIG = "config"  # the config is invalid: never retried
    DATA = "data"  # a file or record is invalid: never retried
    OUT_OF_MEMORY = "out_of_memory"
    DIVERGED = "diverged"  # the loss is NaN, or has exploded
    DEVICE = "device"  # the GPU or its driver failed
    KILLED = "killed"  # a signal that we did not send ended the process
    TIMEOUT = "timeout"
    INTERNAL = "internal"  # a bug in this project or in a library


# Failures that another attempt may fix: with half the micro-batch, on another device, or unchanged.
RETRIED = frozenset({FailureKind.OUT_OF_MEMORY, FailureKind.DEVICE, FailureKind.KILLED, FailureKind.TIMEOUT})


class TrialError(Exception):
    """A failure with a kind and a message for users. Abstract: raise one of its subclasses."""

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
    """The kind of failure that a library's or Python's exception means."""
    text = f"{type(error).__name__}: {error}".lower()
    if isinstance(error, MemoryError) or "out of memory" in text or "outofmemory" in text:
        return FailureKind.OUT_OF_MEMORY
    if "cuda error" in text or "acceleratorerror" in text or "cudnn" in text:
        return FailureKind.DEVICE
    return FailureKind.INTERNAL


def describe_error(error: BaseException) -> str:
    """Type and text of an exception; if it has no text, the file and line that raised it."""
    if text := str(error).strip():
        return f"{type(error).__name__}: {text}"
    if not (frames := traceback.extract_tb(error.__traceback__)):
        return type(error).__name__
    return f"{type(error).__name__} in {frames[-1].filename}, line {frames[-1].lineno}: {frames[-1].line}"
