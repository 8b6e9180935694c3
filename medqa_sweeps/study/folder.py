"""The study folder: defines the names of its files, finds its trials, and lets one process at a time sweep.

study.yaml         search space and config, which a resumed sweep must match, and the study's identity
                   (see study_identity.py)
multirun.yaml      the config that Hydra composed without the swept values, including Hydra's own node
study.journal      Optuna's journal of the trials (unless another storage is configured)
0/ 1/ 2/ …         the trials' folders, by their number in the study
stop  added.jsonl  a user's requests to the running sweep; see sweep/steering.py
final.log          the output of the last final test; its readings are in the ledger, see ledger.py
optimization_results.yaml    the best trial, in the format of Hydra's own Optuna sweeper
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
from medqa_sweeps.study_identity import FILE as STUDY_FILE, identity_of, path_after_move, replace_paths
from medqa_sweeps.trial.folder import TrialDir

_OBJECTIVE = ("metric", "direction")  # keys of the definition


class StudyDir:
    """The files and trials of a study, and the lock that lets one process sweep it."""

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
        """The folders of the study's trials by number, ascending; none if there is no such study."""
        found = self.path.iterdir() if self.path.is_dir() else ()
        numbered = {number: TrialDir(path) for path in found if (number := trial_number(path)) is not None}
        return dict(sorted(numbered.items()))

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Lock the study for this process; the lock ends with the process at the latest.

        Raises:
            ConfigError: if another running process sweeps this study, or the folder is not writable.
        """
        is_new = not self.path.exists()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = claim(self.path)
        except Timeout:
            status = command("status", self.path)
            raise ConfigError(
                f"{self.path}: another process is sweeping this study. `{status}` shows it. "
                "For a new study choose another hydra.sweep.dir."
            ) from None
        except OSError as error:
            raise ConfigError(
                f"{self.path} cannot be written ({error.strerror}). Fix its permissions, or choose another "
                "hydra.sweep.dir."
            ) from None
        try:
            yield
        finally:
            if is_new:
                self._discard_unwritten()
            lock.release()

    def _discard_unwritten(self) -> None:
        """Remove the folder if nothing was written into it."""
        names = {path.name for path in self.path.iterdir()}
        if names <= CLAIM_FILES:
            for name in names:
                (self.path / name).unlink()
            self.path.rmdir()

    def is_claimed(self) -> bool:
        """Whether a running process sweeps this study."""
        try:
            with self.claimed():
                return False
        except ConfigError:
            return True

    def changes(self, definition: Mapping[str, Any]) -> list[str]:
        """The differences from the existing study, one sentence each; none if there is no study yet."""
        if not self.definition_file.exists():
            return []
        before = {
            "metric": ACCURACY.name,
            **self.definition(),
        }  # older studies had only this metric and did not record it
        return self.differences(before, definition)

    def differences(self, before: Mapping[str, Any], definition: Mapping[str, Any]) -> list[str]:
        """The differences from an earlier definition of this study, as read from disk, in the keys of this one."""
        before = {**before, "config": with_defaults(before.get("config", {}))}
        now = yaml.safe_load(yaml.safe_dump(dict(definition)))  # turns tuples into lists
        past_folders = identity_of(self.path).folders

        def present(text: str) -> str:
            return replace_paths(text, lambda path: path_after_move(path, past_folders, self.path))

        return list(_changes(before, now, definition, present))

    def refuse_another_objective(self, definition: Mapping[str, Any]) -> None:
        """Check that an existing study has the same objective: values of two objectives are not comparable.

        Raises:
            ConfigError: if it has not, even if other changes are allowed.
        """
        changes = self.changes({key: definition[key] for key in _OBJECTIVE if key in definition})
        if changes:
            raise ConfigError(
                f"{self.path} contains a study with another objective ({'; '.join(changes)}), and a study keeps its "
                "objective. Choose another hydra.sweep.dir for the new one."
            )

    def refuse_changes(self, definition: Mapping[str, Any]) -> None:
        """Check that an existing study has the same definition. Writes nothing.

        Raises:
            ConfigError: if it has not; the message lists the differences.
        """
        changes = self.changes(definition)
        if changes:
            raise ConfigError(
                f"{self.path} contains a study that differs from the requested one:\n"
                + "\n".join(f"  {change}" for change in changes)
                + "\nRequest the same study, choose another hydra.sweep.dir, or set hydra.sweeper.allow_changes=true: "
                "existing trials keep their settings."
            )

    def define(self, name: str, definition: Mapping[str, Any], origin: Mapping[str, Any]) -> None:
        """Write study.yaml.

        Args:
            name: the study's name in Optuna's storage.
            definition: settings that must not change.
            origin: settings that may change: the number of trials and the command.
        """
        identity = identity_of(self.path).continued(self.path.absolute(), name).to_record()
        text = yaml.safe_dump({**definition, **identity, **origin}, sort_keys=False, allow_unicode=True)
        write_atomically(self.definition_file, text)

    def definition(self) -> dict[str, Any]:
        """The content of study.yaml.

        Raises:
            ConfigError: if there is no study here, or the file is damaged.
        """
        try:
            with damage.parsing(self.definition_file):
                return dict(yaml.safe_load(self.definition_file.read_text()))
        except FileNotFoundError:
            raise ConfigError(
                f"{self.path}: not a study (it has no {self.definition_file.name}). Give a study folder, such as one "
                "in multirun/."
            ) from None


def trial_number(path: Path) -> int | None:
    """The trial number of a folder, by its name; None: it is not named like a trial."""
    return int(path.name) if path.name.isdecimal() else None


def _changes(
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    keys: Iterable[str],
    present: Callable[[str], str],
    prefix: str = "",
) -> Iterator[str]:
    """The differences in `keys` and in nested groups, one sentence each. A path that moved with the study is equal.

    Args:
        present: replaces the paths in a value of `before` by the current paths.
    """
    for key in keys:
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _changes(old, new, dict.fromkeys([*old, *new]), present, f"{prefix}{key}.")
        elif old != new and _now(old, present) != new:
            yield f"{prefix}{key}: {old} then, {new} now"


def _now(value: Any, present: Callable[[str], str]) -> Any:
    """A value with its path, or the paths in its list, replaced by `present`."""
    if isinstance(value, list):
        return [_now(one, present) for one in value]
    return present(value) if isinstance(value, str) else value
