"""What changed since earlier trials of a study began, said once for each difference."""

from collections.abc import Callable

from medqa_sweeps.base.fingerprints import is_of_this_version
from medqa_sweeps.trial.changes import changes_since_start, numeric_changes
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.provenance import edited_code
from medqa_sweeps.wording import listed


class ChangeNotices:
    """Tells people of each change once.

    Args:
        say: tells people.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said: set[tuple[bool, str]] = set()
        self._edited: list[str] = []  # files of code, as people were told

    def since_start_of(self, trial: TrialDir) -> str:
        """What can move digits and differs from when an earlier sweep's trial began."""
        provenance = trial.provenance()
        changed = "; ".join(numeric_changes(provenance, code=False))
        if (key := (is_of_this_version(provenance), changed)) not in self._said:
            self._said.add(key)
            for sentence in changes_since_start(f"Trial {trial.path.name}", provenance, in_a_study=True):
                self._say(sentence)
        return changed

    def in_our_code(self) -> None:
        """Edits that processes which start from now on may run."""
        if (edited := edited_code()) and edited != self._edited:
            self._edited = edited
            self._say(
                f"{listed(edited)} changed since this sweep began: trials that start from now on may run the new code, "
                "and differ from the others by it"
            )
