"""Finds what must not leave in an exported folder: paths of this machine, names of people and machines, tokens, e-mail.

Every file is searched, also binary ones: of safetensors and GGUF files the part that holds text, of any other file all
bytes. The vocabulary of a tokenizer holds ordinary words, so there only tokens and long paths count.
"""

import contextlib
import getpass
import json
import os
import platform
import pwd
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from medqa_sweeps.base.files import VOCABULARIES
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.export.gguf_text import gguf_text
from medqa_sweeps.installation import PACKAGE, PROJECT
from medqa_sweeps.study.ledger import readings
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.provenance import SECRET_NAME
from medqa_sweeps.trial.records import AttemptLine
from medqa_sweeps.wording import listed

_LEAST_SECRET, _LEAST_NAME = 8, 4  # characters
_CHUNK_BYTES, _OVERLAP_BYTES = 1 << 24, 1 << 12
# Names of accounts and machines that say nothing about anybody.
_ANYBODY = {
    *("root", "user", "users", "admin", "administrator", "guest", "nobody", "ubuntu", "debian", "fedora", "centos"),
    *("runner", "jovyan", "docker", "vagrant", "ec2-user", "azureuser", "localhost", "default", "host", "container"),
}
_VOCABULARIES = (*VOCABULARIES, "merges.txt", "added_tokens.json")
_PUBLISHED = ("LICENSE*", "NOTICE*", "USE_POLICY*")  # texts of the base's publisher, who may give an address
_SETTINGS = {"TOKENIZERS_PARALLELISM"}  # variables that only look as if they held a secret
_TOKEN = re.compile(
    rb"\bhf_[A-Za-z0-9]{20,}|\bwandb_v1_\w{20,}|\bsk-[\w-]{20,}|\bgh[pousr]_[A-Za-z0-9]{30,}|\bAKIA[0-9A-Z]{16}\b"
    rb"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_EMAIL = re.compile(rb"[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}\b")
_HOME = re.compile(rb"(?<![\w.-])/(?:home|Users)/[\w.-]+/")


@dataclass(frozen=True)
class Finding:
    """Something private in a file; what it is, never the thing itself."""

    file: str  # relative to the folder
    kind: str  # "a path of this machine"


@dataclass(frozen=True)
class _Pattern:
    kind: str
    found: re.Pattern[bytes]
    in_vocabularies: bool  # whether it also counts in a tokenizer's vocabulary


def private_findings(folder: Path, trial: TrialDir | None = None) -> list[Finding]:
    """What must not leave in the files of `folder`, each kind once per file; none if it may leave.

    Args:
        trial: the trial that was exported, whose folder, hosts and users are searched for too.
    """
    patterns = list(_patterns(trial))
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found.append(Finding(name, "a link to another place"))
        elif path.is_file():
            kinds = _kinds(path, patterns) | _kinds_in(name.encode(), patterns)
            found += [Finding(name, kind) for kind in sorted(kinds)]
    return found


def refuse_private(folder: Path, trial: TrialDir | None = None) -> None:
    """Check that a folder holds nothing private.

    Raises:
        ConfigError: naming each file and what kind of thing it holds.
    """
    by_file: dict[str, list[str]] = {}
    for finding in private_findings(folder, trial):
        by_file.setdefault(finding.file, []).append(finding.kind)
    if by_file:
        held = listed([f"{file} holds {listed(kinds)}" for file, kinds in by_file.items()])
        raise ConfigError(
            f"{held}. That must not leave this machine, so nothing is passed on. Remove it from the file, or choose "
            "another name for what it names, and try again."
        )


def _patterns(trial: TrialDir | None) -> Iterator[_Pattern]:
    yield _Pattern("a token", _TOKEN, in_vocabularies=True)
    for secret in _secrets():
        yield _Pattern("a token", re.compile(re.escape(secret.encode())), in_vocabularies=True)
    for path in _paths(trial):
        is_long = path.count("/") > 1
        yield _Pattern("a path of this machine", _path_pattern(path), in_vocabularies=is_long)
    yield _Pattern("a path in somebody's home folder", _HOME, in_vocabularies=False)
    for kind, names in (("the name of a user", _users(trial)), ("the name of a machine", _hosts(trial))):
        for name in names:
            yield _Pattern(kind, _word(name), in_vocabularies=False)
    yield _Pattern("an e-mail address", _EMAIL, in_vocabularies=False)


def _secrets() -> set[str]:
    """Values of variables that hold secrets, and the tokens that libraries keep in files."""
    from huggingface_hub import get_token

    named = (value for name, value in os.environ.items() if SECRET_NAME.search(name) and name not in _SETTINGS)
    return {value for value in (*named, get_token() or "") if len(value) >= _LEAST_SECRET}


def _paths(trial: TrialDir | None) -> set[str]:
    own = [Path.home(), Path.cwd(), PROJECT, Path(tempfile.gettempdir()), Path("/tmp")]
    if trial is not None:
        own += [trial.path.absolute(), trial.path.absolute().parent, *map(Path, _recorded(trial).folders)]
    return {str(path) for path in (*own, *(one.resolve() for one in own)) if len(path.parts) > 1}


def _path_pattern(path: str) -> re.Pattern[bytes]:
    """The path as a whole, or the beginning of a longer one; of a short one like /tmp, only as a beginning."""
    escaped = re.escape(path.encode())
    end = rb"(?![\w.-])" if path.count("/") > 1 else rb"/[\w.-]"
    return re.compile(rb"(?<![\w.-])" + escaped + end)


@dataclass(frozen=True)
class _Recorded:
    """What a trial's and its study's records say of where they ran, and for whom."""

    folders: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    users: tuple[str, ...] = ()


def _recorded(trial: TrialDir | None) -> _Recorded:
    """Of the records that can be read."""
    if trial is None:
        return _Recorded()
    folders, hosts, users = list[str](), list[str](), list[str]()
    with contextlib.suppress(ConfigError):
        provenance = trial.provenance()
        folders.append(str(provenance.get("folder") or "/"))
        hosts.append(str((provenance.get("hardware") or {}).get("host") or ""))
    with contextlib.suppress(ConfigError):
        attempts = [line for line in trial.lines() if isinstance(line, AttemptLine)]
        hosts += [name for line in attempts for name in (line.host, line.node or "")]
    with contextlib.suppress(ConfigError):
        for reading in readings(trial.path.absolute().parent):
            hosts.append(reading.request.host)
            users.append(reading.request.user)
    return _Recorded(tuple(folders), tuple(hosts), tuple(users))


def _users(trial: TrialDir | None) -> set[str]:
    return _telling({*_recorded(trial).users, *_of_this_account(), os.environ.get("SUDO_USER", "")})


def _of_this_account() -> Iterator[str]:
    """Its name, and that of its owner where the system knows it."""
    with contextlib.suppress(KeyError, OSError):  # a container whose user has no name
        yield getpass.getuser()
        yield pwd.getpwuid(os.getuid()).pw_gecos.partition(",")[0]


def _hosts(trial: TrialDir | None) -> set[str]:
    names = {platform.node(), *_recorded(trial).hosts}
    return _telling(names | {name.partition(".")[0] for name in names})


def _telling(names: Iterable[str]) -> set[str]:
    """The names that point to somebody: neither short, nor anybody's, nor a word that stands in every card."""
    ordinary = _ANYBODY | _words_of_the_card()
    return {name for name in names if len(name) >= _LEAST_NAME and name.lower() not in ordinary}


@cache
def _words_of_the_card() -> frozenset[str]:
    sources = (PACKAGE / "card").glob("*.py")
    text = " ".join(source.read_text(encoding="utf-8") for source in sources)
    return frozenset(re.findall(r"[a-z][\w-]+", text.lower()))


def _word(name: str) -> re.Pattern[bytes]:
    return re.compile(rb"(?<![\w-])" + re.escape(name.encode()) + rb"(?![\w-])", re.IGNORECASE)


def _kinds(file: Path, patterns: list[_Pattern]) -> set[str]:
    is_vocabulary = _is_named(file, _VOCABULARIES)
    if _is_named(file, _PUBLISHED):
        patterns = [one for one in patterns if one.found is not _EMAIL]
    kinds = set[str]()
    for text, of_vocabulary in _texts(file, is_vocabulary):
        kinds |= _kinds_in(text, [one for one in patterns if one.in_vocabularies or not of_vocabulary])
    return kinds


def _is_named(file: Path, patterns: Iterable[str]) -> bool:
    return any(fnmatch(file.name, pattern) for pattern in patterns)


def _kinds_in(text: bytes, patterns: list[_Pattern]) -> set[str]:
    return {pattern.kind for pattern in patterns if pattern.found.search(text)}


def _texts(file: Path, is_vocabulary: bool) -> Iterator[tuple[bytes, bool]]:
    """The searched parts of a file, each with whether it is a tokenizer's vocabulary."""
    if file.suffix == ".safetensors":
        yield _safetensors_header(file), False
    elif file.suffix == ".gguf":
        yield from gguf_text(file)
    else:
        for chunk in _chunks(file):
            yield chunk, is_vocabulary
            if b"\\" in chunk and file.suffix in (".json", ".jsonl"):  # as JSON writes a slash or another alphabet
                yield _unescaped(chunk), is_vocabulary


def _chunks(file: Path) -> Iterator[bytes]:
    """The bytes of a file in overlapping parts, so that nothing is cut in two everywhere."""
    before = b""
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield before + chunk
            before = chunk[-_OVERLAP_BYTES:]


def _safetensors_header(file: Path) -> bytes:
    """Names and metadata; the tensors after it are numbers."""
    with file.open("rb") as stream:
        return stream.read(int.from_bytes(stream.read(8), "little"))


def _unescaped(text: bytes) -> bytes:
    def character(found: re.Match[bytes]) -> bytes:
        try:
            return str(json.loads(b'"' + found[0] + b'"')).encode(errors="replace")
        except ValueError:
            return found[0]

    return re.sub(rb"\\u[0-9a-fA-F]{4}|\\/", character, text)
