"""The study folder: the one place where its files have names, its trials are found, and one process at a time sweeps.

study.yaml         what is searched, over which config; a sweep that goes on must ask for the same. And who it is:
                   see study_identity.py
multirun.yaml      what Hydra composed without the swept values, its own node included
study.journal      Optuna's journal of the trials (unless another storage is asked for)
0/ 1/ 2/ …         the trials' folders, by their number in the study
stop  added.jsonl  what a person asks of the running sweep; see sweep/steering.py
final.log          what the last test printed; its readings are in the ledger, see ledger.py
optimization_results.yaml    the best, as Hydra's own optuna sweeper writes it
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from filelock import Timeout

from medqa_sweeps import damage
from medqa_sweeps.command_line import command
from medqa_sweeps.config import with_defaults
from medqa_sweeps.durable.claim import FILES as CLAIM_FILES, claim
from medqa_sweeps.durable.files import write_atomically
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.study.objective import ACCURACY
from medqa_sweeps.study_identity import FILE as STUDY_FILE, identity_of, moved_along, with_paths_found
from medqa_sweeps.trial.folder import TrialDir

_OBJECTIVE = ("metric", "direction")  # keys of a definition


class StudyDir:
    """The files of a study, its trials, and the right to sweep in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.definition_file = path / STUDY_FILE
        self.composed_file = path / "multirun.yaml"
        self.journal_file = path / "study.journal"
        self.stop_file = path / "stop"
        self.added_file = path / "added.jsonl"
        self.results_file = path / "optimization_results.yaml"
        self.final_log_file = path / "final.log"

    def trials(self) -> dict[int, TrialDir]:
        """The folders of the study's trials by number, rising; none if there is no such study."""
        found = self.path.iterdir() if self.path.is_dir() else ()
        numbered = {number: TrialDir(path) for path in found if (number := trial_number(path)) is not None}
        return dict(sorted(numbered.items()))

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the study for this process, until it dies at the latest.

        Raises:
            ConfigError: if another living process sweeps here, or nothing can be written here.
        """
        is_new = not self.path.exists()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = claim(self.path)
        except Timeout:
            status = command("medqa_sweeps", "status", self.path)
            raise ConfigError(
                f"{self.path}: another process is sweeping this study. `{status}` shows it; "
                "choose another hydra.sweep.dir for a study of its own."
            ) from None
        except OSError as error:
            raise ConfigError(
                f"{self.path} cannot be written ({error.strerror}). Mend its permissions, or choose another "
                "hydra.sweep.dir."
            ) from None
        try:
            yield
        finally:
            if is_new:
                self._discard_unwritten()
            lock.release()

    def _discard_unwritten(self) -> None:
        """Remove the folder if nothing came to be in it."""
        names = {path.name for path in self.path.iterdir()}
        if names <= CLAIM_FILES:
            for name in names:
                (self.path / name).unlink()
            self.path.rmdir()

    def is_claimed(self) -> bool:
        """Whether a living process sweeps here."""
        try:
            with self.claimed():
                return False
        except ConfigError:
            return True

    def changes(self, definition: Mapping[str, Any]) -> list[str]:
        """What differs from the study that is here, a sentence each; none if there is no study yet."""
        if not self.definition_file.exists():
            return []
        before = {"metric": ACCURACY.name, **self.definition()}  # older studies had no other, and did not say so
        return self.differences(before, definition)

    def differences(self, before: Mapping[str, Any], definition: Mapping[str, Any]) -> list[str]:
        """What differs from an earlier definition of this study, as it was read, under the keys of this one."""
        before = {**before, "config": with_defaults(before.get("config", {}))}
        now = yaml.safe_load(yaml.safe_dump(dict(definition)))  # where a tuple is a list
        places = identity_of(self.path).places

        def present(text: str) -> str:
            return with_paths_found(text, lambda path: moved_along(path, places, self.path))

        return list(_changes(before, now, definition, present))

    def refuse_another_objective(self, definition: Mapping[str, Any]) -> None:
        """Make sure that a study that is here optimises the same: values of two objectives cannot be compared.

        Raises:
            ConfigError: if it does not, whether or not other changes are allowed.
        """
        changes = self.changes({key: definition[key] for key in _OBJECTIVE if key in definition})
        if changes:
            raise ConfigError(
                f"{self.path} holds a study with another objective ({'; '.join(changes)}), and a study keeps its "
                "objective. Choose another hydra.sweep.dir for this one."
            )

    def refuse_changes(self, definition: Mapping[str, Any]) -> None:
        """Make sure that a study that is here is still the same. Writes nothing.

        Raises:
            ConfigError: listing what has changed since.
        """
        changes = self.changes(definition)
        if changes:
            raise ConfigError(
                f"{self.path} holds a study that is not the one asked for:\n"
                + "\n".join(f"  {change}" for change in changes)
                + "\nAsk for the same, choose another hydra.sweep.dir, or say hydra.sweeper.allow_changes=true: "
                "trials that have begun stay what they were."
            )

    def define(self, name: str, definition: Mapping[str, Any], origin: Mapping[str, Any]) -> None:
        """Write what the study is.

        Args:
            name: in the storage.
            definition: what must not change.
            origin: what may: the number of trials, and the command that sweeps.
        """
        identity = identity_of(self.path).continued(self.path.absolute(), name).to_record()
        text = yaml.safe_dump({**definition, **identity, **origin}, sort_keys=False, allow_unicode=True)
        write_atomically(self.definition_file, text)

    def definition(self) -> dict[str, Any]:
        """What `define` has written.

        Raises:
            ConfigError: if there is no study here, or its file is damaged.
        """
        try:
            with damage.told(self.definition_file):
                return dict(yaml.safe_load(self.definition_file.read_text()))
        except FileNotFoundError:
            raise ConfigError(
                f"{self.path}: no study (it has no {self.definition_file.name}). Give a folder of multirun/."
            ) from None


def trial_number(path: Path) -> int | None:
    """Which trial of its study a folder holds, by its name; None: it is not named as one."""
    return int(path.name) if path.name.isdecimal() else None


def _changes(
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    keys: Iterable[str],
    present: Callable[[str], str],
    prefix: str = "",
) -> Iterator[str]:
    """What differs under `keys`, one sentence each, groups entered. A path that moved with the study is no difference.

    Args:
        present: a value of `before` with its paths where they are now.
    """
    for key in keys:
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _changes(old, new, dict.fromkeys([*old, *new]), present, f"{prefix}{key}.")
        elif old != new and not (isinstance(old, str) and present(old) == new):
            yield f"{prefix}{key}: {old} then, {new} now"
