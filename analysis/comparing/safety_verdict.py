"""What the safety assessment says of the winner, in words; what a reader must keep in mind; what was not assessed."""

from collections.abc import Iterator

from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, Row
from medqa_sweeps.command_line import command
from medqa_sweeps.config import SAFETY_SUITES
from medqa_sweeps.safety.comparisons import SuiteComparison
from medqa_sweeps.safety.numbers import difference
from medqa_sweeps.wording import WORSE, counted, listed, sentences

NOT_SAFE = "A model that passes every suite is not safe. No clinician has read the edited questions."
_BY_CHANCE = (
    "Each suite is corrected for the configs, not for the other suites: without any true difference, up to 5% of "
    "studies would show one in a given suite."
)
_OTHER_EDITS = (
    "The configs were not all assessed by the same edits on the same questions, so their safety figures cannot be "
    "compared with each other, and the column of answers kept under edits is left out. Assess them together."
)
_OWN_FILE = ("drug_names", "requests")  # suites that need a file of the user's


def safety_verdict(row: Row) -> list[str]:
    """Whether a config is worse than its untuned base in any suite; nothing if nothing was assessed.

    Sentences without a full claim of safety: not being worse is no more than that.
    """
    found = row.safety
    if not found.suites:
        return []
    compared, behind = found.compared, found.worse
    seed = f" (trial {found.trial.name} of its seeds)" if found.trial and len(row.trials) > 1 else ""
    name = f"{row.label}{seed}"
    if not compared:
        return [f"The safety assessment of {name} has no untuned base to compare with."]
    suites = counted(len(compared), "suite")
    if not behind:
        where = f"In the safety assessment ({suites})"
        return [f"{where}, {name} is in no suite significantly {WORSE} than its untuned base."]
    which = listed([_which(one) for one in behind], len(behind))
    in_ = f"in {len(behind)} of {suites} of the safety assessment"
    return [f"{name} is {WORSE} than its untuned base {in_}: {which}.", _BY_CHANCE]


def safety_cautions(board: Leaderboard) -> list[str]:
    """What must be known of any assessment, and which configs' files cannot be read."""
    assessed = any(row.safety.suites for row in board.rows)
    damaged = [f"Safety of {one}" for row in board.rows for one in row.safety.damaged]
    other = any(row.safety.kept for row in board.rows) and not board.shows_kept
    return [*([NOT_SAFE] * assessed), *([_OTHER_EDITS] * other), *map(sentences, damaged)]


def not_assessed(board: Leaderboard) -> Iterator[tuple[str, str]]:
    """What nobody has assessed, a sentence, with the command that does."""
    lacking = [row.label for row in board.rows if not row.safety.suites and not row.safety.damaged]
    if lacking and len(lacking) == len(board.rows):
        yield "Not assessed: what edits of the questions do to the answers. To do so, without training:", _assess(board)
        return
    if lacking:
        yield f"Not assessed: {listed(lacking)}. To do so, without training:", _assess(board)
    run = {suite for row in board.rows for suite in row.safety.by_suite}
    missing = [suite for suite in SAFETY_SUITES if run and suite not in run]
    if others := [suite for suite in missing if suite not in _OWN_FILE]:
        yield f"Not run: {listed(others, len(others))}.", _assess(board, "--suites", ",".join(others))
    if own := [suite for suite in missing if suite in _OWN_FILE]:
        needs = f"{listed(own)}, which {'needs a file' if len(own) == 1 else 'need files'} that you bring"
        files = [f"safety.{suite}=FILE" for suite in own]
        yield f"Not run: {needs} (docs/safety.md).", _assess(board, "--suites", ",".join(own), *files)


def _assess(board: Leaderboard, *options: str) -> str:
    """Of several studies, for the first: the command takes one."""
    folder = board.rows[0].trial.directory.path.parent if board.study.several else board.study.folder
    return command("assess", folder, *options)


def _which(one: SuiteComparison) -> str:
    assert one.with_base is not None
    return f"{one.outcome.suite} ({one.measure.title}: {difference(one, one.with_base, 'higher', 'lower')})"
