"""What a trial will do, before it does it: which questions, how many steps, from which base. Imports no torch.

The parent makes a plan to check and announce a trial; the child makes it again from the saved config and refuses to
start if questions or base are no longer those that were announced.
"""

from dataclasses import dataclass
from typing import Any

from medqa_sweeps.base import BaseModel, locate
from medqa_sweeps.config import TrialConfig, signature
from medqa_sweeps.errors import DataError
from medqa_sweeps.split import Split, split_questions
from medqa_sweeps.stream import report_steps, total_samples, total_steps


@dataclass(frozen=True)
class Plan:
    """A trial that could start now."""

    config: TrialConfig
    split: Split
    base: BaseModel
    steps: int  # optimizer steps
    samples: int  # training questions met, repeats counted
    report_steps: list[int]
    signature: str

    def sentences(self, folder: str) -> list[str]:
        """Three lines for people: questions, steps and model, what is written where."""
        config, training = self.config, self.config.training
        synthetic = "synthetic (invented facts) " if config.data.synthetic else ""
        bits = "4-bit" if config.model.load_in_4bit else "unquantized"
        return [
            f"Questions  {config.data.name}: {len(self.split.train):,} {synthetic}to train on, "
            f"{len(self.split.validation):,} to choose by (split {config.split.name})",
            f"Training   {self.base.label} in {bits} with LoRA r={config.lora.r}: {self.steps:,} steps of "
            f"{training.effective_batch_size}, {len(self.report_steps)} reports",
            f"Writes     {folder}: config, metrics, predictions, adapter, result",
        ]


def plan_trial(config: TrialConfig) -> Plan:
    """The plan of a checked config.

    Raises:
        DataError: if questions are missing, broken, or none are left on one side.
        ConfigError: if the base model is not to be had.
    """
    base = locate(config.model)  # first: without a network it answers in seconds, the hub's data sets in half a minute
    split = split_questions(config.data, config.split)
    questions = len(split.train)
    return Plan(
        config=config,
        split=split,
        base=base,
        steps=total_steps(config.training, questions),
        samples=total_samples(config.training, questions),
        report_steps=report_steps(config.training, questions, config.evaluation.reports),
        signature=signature(config, base.fingerprint, split.fingerprint),
    )


def refuse_changed(plan: Plan, provenance: dict[str, Any]) -> None:
    """Nothing when questions and base are those of the submission.

    Raises:
        DataError: if a file has changed since; a trial whose questions change under it measures nothing.
    """
    for what, now in (("questions", plan.split.fingerprint), ("base", plan.base.fingerprint)):
        then = provenance.get(what, {}).get("fingerprint", now)
        if then != now:
            raise DataError(
                f"the {what} changed since this trial was submitted (fingerprint {then} then, {now} now). "
                "Bring the files back, or start a new trial."
            )
