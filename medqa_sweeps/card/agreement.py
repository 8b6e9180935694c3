"""How an exported model answers the validation questions, beside the trial that it was made from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Agreement:
    """Both answered the same questions, with the same prompt."""

    read_by: str  # the software that answered, with its version: "llama.cpp (xllamacpp 2026.10.11549)"
    questions: int
    differing: tuple[str, ...]  # IDs of questions that the export answers with another letter
    accuracy: float  # of the export, share
    trial_accuracy: float
    largest_gap: float  # nats: the largest difference of any letter's log-probability
    mean_gap: float  # nats: mean over all letters of all questions
