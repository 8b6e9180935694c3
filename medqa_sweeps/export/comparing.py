"""The answers of an exported model beside those of its trial."""

from collections.abc import Mapping, Sequence

from medqa_sweeps.card import Agreement
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.records import Prediction
from medqa_sweeps.wording import counted, listed


def answers_of_trial(trial: TrialDir) -> dict[str, Prediction]:
    """The trial's validation answers with the adapter that it exported, by question; empty if it has no log-probability
    of theirs, because their text was generated."""
    result = trial.result()
    found = trial.predictions().get(result.samples_seen, {}) if result else {}
    return found if all(one.log_probabilities for one in found.values()) else {}


def agreement(trial: Mapping[str, Prediction], answers: Sequence[Prediction], read_by: str) -> Agreement:
    """How `answers`, one or more, agree with the trial's answers to the same questions.

    Args:
        read_by: the software that gave `answers`, with its version.
    """
    pairs = [(one, trial[one.id]) for one in answers]
    gaps = [
        abs(score - then.log_probabilities[letter])
        for now, then in pairs
        for letter, score in now.log_probabilities.items()
    ]
    return Agreement(
        read_by=read_by,
        questions=len(pairs),
        differing=tuple(now.id for now, then in pairs if now.predicted != then.predicted),
        accuracy=sum(now.predicted == now.gold for now, _ in pairs) / len(pairs),
        trial_accuracy=sum(then.predicted == then.gold for _, then in pairs) / len(pairs),
        largest_gap=max(gaps),
        mean_gap=sum(gaps) / len(gaps),
    )


def sentence(found: Agreement) -> str:
    """`PEFT … answers 400 validation questions: 0 letters differ from the trial's; …`."""
    what = "question" if len(found.differing) == 1 else "questions"
    named = f" ({what} {listed(found.differing, 3)})" if found.differing else ""
    verb = "differs" if len(found.differing) == 1 else "differ"
    return (
        f"{found.read_by} answered {counted(found.questions, 'validation question')}: "
        f"{counted(len(found.differing), 'letter')} {verb} from the trial's{named}, and the log-probability of a "
        f"letter by {found.largest_gap:.4f} nats at most."
    )
