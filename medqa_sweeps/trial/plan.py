"""The plan of a trial before it starts: its questions, number of steps and base model. Imports no torch.

The parent makes a plan to check and announce a trial. The child makes it again from the saved config, and refuses to
start if questions or base have changed.
"""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

from medqa_sweeps.base import BaseModel, locate
from medqa_sweeps.base.fingerprints import changed_base
from medqa_sweeps.config import AUTO, DataConfig, SplitConfig, TrialConfig, replicate_key, short_hash, signature
from medqa_sweeps.data import Part, Question, QuestionSet, read_questions
from medqa_sweeps.data.reading import locked_hashes
from medqa_sweeps.data.split import Split, split_questions
from medqa_sweeps.errors import ConfigError, DataError
from medqa_sweeps.hub import at_commit
from medqa_sweeps.prompt.check import mean_tokens, refuse_long_questions, refuse_prompt
from medqa_sweeps.prompt.stream import evaluation_steps, total_samples, total_steps
from medqa_sweeps.trial import retrievers
from medqa_sweeps.trial.retrieving import Retrieved, retrieved, with_fewer
from medqa_sweeps.wording import SYNTHETIC_QUESTIONS, counted


@dataclass(frozen=True)
class Plan:
    """A trial that is ready to start."""

    config: TrialConfig  # as requested, with commits in place of hub branches
    split: Split
    base: BaseModel
    retrieved: Retrieved | None  # the passages that `split`'s questions are shown; None: none
    steps: int  # optimizer steps
    samples: int  # training samples, including repeated questions
    evaluation_steps: list[int]
    signature: str
    replicate_key: str  # equal for trials that differ only in the seed

    @property
    def most_options(self) -> int:
        """The largest number of options of a question."""
        return max(len(question.options) for question in self.split.train + self.split.validation)

    def sentences(self, folder: str) -> list[str]:
        """Three lines for users: questions, model and steps, the folder with its files."""
        config, training = self.config, self.config.training
        synthetic = f"{SYNTHETIC_QUESTIONS} " if config.data.synthetic else ""
        bits = "4-bit" if config.model.load_in_4bit else "unquantized"
        return [
            f"Questions  {config.data.name}: {len(self.split.train):,} {synthetic}training and "
            f"{len(self.split.validation):,} validation questions ({config.split.name} split){self._set_aside()}",
            f"Training   {self.base.label} in {bits} with LoRA r={config.lora.r}: {counted(self.steps, 'step')}, "
            f"batch size {training.effective_batch_size}, {counted(len(self.evaluation_steps), 'evaluation')}",
            f"Writes     {folder}: config, metrics, predictions, adapter, result",
        ]

    def passages_sentence(self) -> str:
        """A line on the passages and what they cost; empty if none are shown."""
        if self.retrieved is None:
            return ""
        config, prompt, questions = self.config.retrieval, self.config.prompt, self.split.validation
        bare = [replace(question, passages=()) for question in questions]
        with_, without = (mean_tokens(self.base, prompt, some, self.most_options) for some in (questions, bare))
        passages = counted(len(self.retrieved.corpus.passages), "passage")
        dropped = f", {self.retrieved.dropped:,} left out as they give answers away" if self.retrieved.dropped else ""
        longer = [counted(count, noun[:-1]) for noun, count in self.retrieved.cut_by_encoder.items() if count]
        cut = f"; the encoder reads the beginning of {' and '.join(longer)} alone" if longer else ""
        times = f"; a prompt of {without:,.0f} tokens has {with_:,.0f} with them ({with_ / without:.1f} times)"
        return (
            f"Passages   {config.name} over {passages}{dropped}; up to {config.k} a question{times if without else ''}"
            f"{cut}"
        )

    def _set_aside(self) -> str:
        bad = len(self.split.quarantined)
        return f"; {counted(bad, 'bad record')} left out, see quarantine.jsonl" if bad else ""


def plan_trial(config: TrialConfig) -> Plan:
    """The plan of a checked config.

    Raises:
        DataError: if questions are missing or invalid, or a set would be empty.
        ConfigError: if the base model is missing or cannot be used.
    """
    base = locate(config.model)
    config = _at_commits(config, base)
    split = _split(json.dumps([asdict(config.data), asdict(config.split)]))
    locked = locked_hashes(config.data) if config.retrieval.is_used else ()
    found = retrieved(config.retrieval, config.prompt, base, split.train, split.validation, config.seed, locked)
    content, questions = split.fingerprint, len(split.train)
    if found is not None:
        content = short_hash([content, found.fingerprint])
        split = replace(
            split,
            train=[found.shown(question, config.prompt) for question in split.train],
            validation=[found.shown(question, config.prompt) for question in split.validation],
        )
    return Plan(
        config=config,
        split=split,
        base=base,
        retrieved=found,
        steps=total_steps(config.training, questions),
        samples=total_samples(config.training, questions),
        evaluation_steps=evaluation_steps(config.training, questions, config.evaluation.reports),
        signature=signature(config, base.fingerprint, content),
        replicate_key=replicate_key(config, base.fingerprint, content),
    )


def plan_new_trial(config: TrialConfig) -> Plan:
    """The plan of a checked config for a trial that has not started yet.

    Raises:
        DataError: as `plan_trial`, or if all validation questions are training questions and data.allow_overlap=false.
        ConfigError: as `plan_trial`, or if the base's tokenizer cannot encode the prompt, or a question is too long.
    """
    plan = plan_trial(config)
    if plan.split.overlap and not config.data.allow_overlap:
        raise DataError(
            f"{plan.split.overlap} A score on training questions says nothing about new questions. Name other "
            "questions, set split=random or split=kfold to hold some out, or set data.allow_overlap=true."
        )
    refuse_prompt(plan.base, plan.config.prompt)
    for what, questions in (("training", plan.split.train), ("validation", plan.split.validation)):
        try:
            longest = _longest(plan, questions, what)
        except ConfigError as error:
            raise ConfigError(f"{error}{_fewer_passages(plan, questions, what)}") from None
        refuse_small_passes(plan.config, longest)
    return plan


def _longest(plan: Plan, questions: Sequence[Question], what: str) -> int:
    """Tokens of the longest question, as `refuse_long_questions`."""
    length = plan.config.training.max_length_tokens
    return refuse_long_questions(plan.base, plan.config.prompt, questions, length, plan.most_options, what)


def _fewer_passages(plan: Plan, questions: Sequence[Question], what: str) -> str:
    """How many passages would fit, as a further sentence; empty if passages are not to blame."""
    config = plan.config.retrieval
    for k in range(config.k - 1, -1, -1) if plan.retrieved else ():
        with contextlib.suppress(ConfigError):
            _longest(plan, [with_fewer(question, k, config.order) for question in questions], what)
            return f" Or show fewer passages: retrieval.k={k} fits."
    return ""


def refuse_small_passes(config: TrialConfig, longest: int) -> None:
    """Check that the longest question, of so many tokens, fits into a forward pass.

    Raises:
        ConfigError: if a limit is below it, naming the least that works.
    """
    limits = {
        "training.micro_batch_tokens": config.training.micro_batch_tokens,
        "evaluation.batch_tokens": config.evaluation.batch_tokens,
    }
    for key, tokens in limits.items():
        if tokens != AUTO and tokens < longest:
            raise ConfigError(
                f"{key}={tokens}: the longest question has {longest:,} tokens. Set it to {longest} or more, or to auto."
            )


def _at_commits(config: TrialConfig, base: BaseModel) -> TrialConfig:
    """The config with the hub commits of model, data set and encoders, so that it stays exact when branches move."""
    model = replace(config.model, revision=base.revision) if config.model.hub_id else config.model
    return replace(config, model=model, data=at_commit(config.data), retrieval=retrievers.at_commits(config.retrieval))


@lru_cache(maxsize=64)  # sweeps over folds, split seeds and fractions share the questions read below
def _split(configs: str) -> Split:
    """The split, computed once per sweep. The child reads the files again, and so notices changed files."""
    data, split = json.loads(configs)
    return split_questions(DataConfig(**data), SplitConfig(**split), _questions)


def _questions(config: DataConfig, part: Part) -> QuestionSet:
    return _read(json.dumps(asdict(config)), part)


@lru_cache(maxsize=16)  # 18 MB for MedQA's 10,178 training questions
def _read(config: str, part: Part) -> QuestionSet:
    return read_questions(DataConfig(**json.loads(config)), part)


def refuse_changed(plan: Plan, provenance: dict[str, Any]) -> None:
    """Check that questions and base are the same as at submission.

    Raises:
        DataError: if a file has changed since then, or other passages are found.
    """
    then, now = provenance.get("questions", {}).get("fingerprint"), plan.split.fingerprint
    changed = [changed_base(provenance, plan.base)]
    if then not in (None, now):
        changed.append(f"questions: different content (fingerprint {then} then, {now} now)")
    then = provenance.get("passages", {}).get("fingerprint")
    if plan.retrieved is not None and then not in (None, plan.retrieved.fingerprint):
        changed.append(f"passages: other texts are shown (fingerprint {then} then, {plan.retrieved.fingerprint} now)")
    if changes := "; ".join(filter(None, changed)):
        raise DataError(
            f"{changes}. This has changed since the trial was submitted: restore the files, or start a new trial."
        )
