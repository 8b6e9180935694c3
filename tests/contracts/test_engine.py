"""The contract of `Engine`: the same checks for every engine, and broken engines that each fail one of them.

To add an engine, add its maker to ENGINES.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from safetensors.torch import load_file

import launch
from medqa_sweeps.config import ENGINE_NAMES, TrainingConfig, from_hydra
from medqa_sweeps.errors import ConfigError, TrialError
from medqa_sweeps.prompt import PromptEncoder
from medqa_sweeps.trial.plan import Plan, plan_trial
from medqa_sweeps.trial.records import TrainLine
from medqa_sweeps.worker import model as model_module
from medqa_sweeps.worker.checkpoint import Checkpoint, Progress
from medqa_sweeps.worker.completions import Completion
from medqa_sweeps.worker.engines.contract import Engine, TrainingRun, TrialState
from medqa_sweeps.worker.engines.unsloth import UnslothEngine
from medqa_sweeps.worker.run import ENGINES as SHIPPED, training_run
from tests.contracts.two_seats import Deaf, FailsTogether, Forgetful, Late, Present, TwoSeats

STEPS, BATCH = 3, 4
WORDS = (
    *("experiment=quickstart", "split.max_validation=12", f"training.max_steps={STEPS}", "evaluation.reports=1"),
    *(
        f"training.effective_batch_size={BATCH}",
        "training.micro_batch_size=2",
        "training.micro_batch_tokens=1024",
        "training.log_every_steps=2",
        "lora.r=4",
        "lora.dropout=0.2",
    ),
    *("scheduler=constant", "scheduler.warmup_ratio=0", "optimizer.lr=3e-3"),  # a step does not depend on their number
)
Make = Callable[[], Engine]


@cache
def planned(*overrides: str) -> Plan:
    with initialize_config_dir(str(Path(launch.__file__).parent / "conf"), version_base="1.3"):
        return plan_trial(from_hydra(compose("config", overrides=[*WORDS, *overrides])))


@cache
def asked_with() -> tuple[Any, PromptEncoder]:
    tokenizer = model_module.load_tokenizer(planned().base)
    return tokenizer, PromptEncoder(tokenizer, planned().config.prompt, planned().most_options)


def unsloth() -> Engine:
    return UnslothEngine(planned().base, planned().config.model, planned().config.training, *asked_with())


ENGINES: dict[str, Make] = {"unsloth": unsloth, "two_seats": TwoSeats}
BROKEN: dict[str, Make] = {
    "late": Late,
    "fails_together": FailsTogether,
    "deaf": Deaf,
    "forgetful": Forgetful,
    "present": Present,
}


@dataclass
class Heard:
    """A recorder that keeps what it hears, and what it reads of the trial after each step."""

    stop_at: int | None = None
    fail_at: int | None = None
    reads: bool = True
    events: list[Any] = field(default_factory=list)
    lines: list[TrainLine] = field(default_factory=list)
    adapters: dict[int, dict[str, torch.Tensor]] = field(default_factory=dict)
    optimizers: dict[int, dict[str, torch.Tensor]] = field(default_factory=dict)
    answers: dict[int, list[Any]] = field(default_factory=dict)
    texts: dict[int, Any] = field(default_factory=dict)
    final: dict[str, torch.Tensor] | None = None
    error: TrialError | None = None

    def cut(self, training: TrainingConfig, probed: bool) -> None:
        self.events.append(("cut", training.micro_batch_tokens, training.gradient_checkpointing))

    def trained(self, line: TrainLine) -> None:
        self.events.append(("trained", line.step))
        self.lines.append(line)

    def stepped(self, step: int, samples_seen: int, state: TrialState) -> bool:
        self.events.append(("stepped", step, samples_seen))
        if self.reads:
            self.adapters[step], self.optimizers[step] = state.adapter(), state.optimizer()
            found = state.answer(planned().split.validation, planned().config.evaluation)
            self.answers[step] = [(one.question.id, one.log_probabilities) for one in found]
            self.texts[step] = texts_of(state)
        if step == self.fail_at:
            raise ConfigError("this trial is to fail")
        return step != self.stop_at

    def ended(self, state: TrialState) -> None:
        self.events.append("ended")
        self.final = state.adapter()

    def failed(self, error: TrialError) -> None:
        self.events.append("failed")
        self.error = error

    def checkpoint(self, step: int) -> Checkpoint:
        progress = Progress(step=step, samples_seen=step * BATCH)
        return Checkpoint(progress, dict(self.adapters[step]), dict(self.optimizers[step]))


@cache
def completions() -> tuple[Completion, ...]:
    """Answers of several lengths, after prompts that are questions and are not in the order of their lengths."""
    rows = asked_with()[1].encode_all(planned().split.validation[:4])
    return tuple(Completion(row, rows[0][: 3 + 20 * at]) for at, row in enumerate(rows))


def texts_of(asked: Any, **adapter: Any) -> tuple[list[float], list[list[int]]]:
    """What an engine or a trial says of these answers, and what it writes itself."""
    evaluation, prompts = planned().config.evaluation, [list(one.prompt) for one in completions()]
    values = asked.completion_log_probabilities(completions(), evaluation, **adapter)
    return values, asked.write(prompts, [asked_with()[1].end_of_turn_id], 5, evaluation, **adapter)


def run_of(heard: Heard, *overrides: str, steps: int = STEPS, resume: Checkpoint | None = None) -> TrainingRun:
    return replace(training_run(planned(*overrides), asked_with()[1], resume, heard), steps=steps)


@cache
def alone(make: Make, *overrides: str, steps: int = STEPS) -> Heard:
    """A trial trained by itself without a break."""
    heard = Heard()
    make().train([run_of(heard, *overrides, steps=steps)])
    return heard


def same(left: dict[str, torch.Tensor] | None, right: dict[str, torch.Tensor] | None) -> bool:
    assert left is not None and right is not None, "the trial did not end"
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


# The checks


def check_every_step_is_told_once_and_in_order(make: Make, tmp_path: Path) -> None:
    steps = [event for event in alone(make).events if event[0] == "stepped"]
    assert steps == [("stepped", step, step * BATCH) for step in range(1, STEPS + 1)]
    # log_every_steps=2: a line after steps 2 and 3, the last; each before its step is told.
    events = [event[:2] if isinstance(event, tuple) else event for event in alone(make).events]
    assert events == [
        ("cut", 1024),
        *[("stepped", 1), ("trained", 2), ("stepped", 2), ("trained", 3), ("stepped", 3)],
        "ended",
    ]
    assert all(line.loss is not None and line.samples_seen == line.step * BATCH for line in alone(make).lines)


def check_what_is_read_at_a_step_is_as_that_step_left_it(make: Make, tmp_path: Path) -> None:
    assert same(alone(make).adapters[2], alone(make, steps=2).final)
    assert same(alone(make).adapters[STEPS], alone(make).final)
    assert not same(alone(make).adapters[1], alone(make).adapters[2])


def check_reading_changes_nothing(make: Make, tmp_path: Path) -> None:
    unread = Heard(reads=False)
    make().train([run_of(unread)])
    assert same(unread.final, alone(make).final)


def check_answers_come_in_the_order_of_the_questions(make: Make, tmp_path: Path) -> None:
    plan = planned()
    told: list[int] = []
    untuned = make().answer(plan.split.validation, plan.config.evaluation, told.append)
    assert [one.question for one in untuned] == plan.split.validation
    assert told == sorted(told) and told[-1] == len(untuned)
    for step in range(1, STEPS + 1):
        assert [id for id, _ in alone(make).answers[step]] == [one.id for one in plan.split.validation]
    assert alone(make).answers[1] != alone(make).answers[STEPS]


def check_an_earlier_adapter_answers_as_it_did_then_and_the_training_goes_on(make: Make, tmp_path: Path) -> None:
    plan, again = planned(), list[Any]()

    class Asking(Heard):
        def stepped(self, step: int, samples_seen: int, state: TrialState) -> bool:
            if step == 2:
                earlier = dict(alone(make).adapters[1])
                found = state.answer(plan.split.validation, plan.config.evaluation, adapter=earlier)
                again.extend((one.question.id, one.log_probabilities) for one in found)
            return super().stepped(step, samples_seen, state)

    heard = Asking()
    make().train([run_of(heard)])
    assert again == alone(make).answers[1] and heard.answers == alone(make).answers
    assert same(heard.final, alone(make).final)


def check_texts_are_scored_and_written_in_their_order_by_the_adapter_that_is_named(make: Make, tmp_path: Path) -> None:
    evaluation, again = planned().config.evaluation, list[Any]()
    engine = make()
    values, written = texts_of(engine)
    one_by_one = [engine.completion_log_probabilities([one], evaluation)[0] for one in completions()]
    assert values == pytest.approx(one_by_one, abs=1e-4) and all(value < 0 for value in values)
    assert len(written) == len(values) and all(len(ids) <= 5 for ids in written)
    end, prompts = next(ids[-1] for ids in written if ids), [list(one.prompt) for one in completions()]
    until = engine.write(prompts, [asked_with()[1].end_of_turn_id, end], 5, evaluation)
    assert until == [ids[: ids.index(end)] if end in ids else ids for ids in written] != written

    class Asking(Heard):
        def stepped(self, step: int, samples_seen: int, state: TrialState) -> bool:
            if step == 2:
                again.append(texts_of(state, adapter=dict(alone(make).adapters[1])))
            return super().stepped(step, samples_seen, state)

    heard = Asking()
    make().train([run_of(heard)])
    assert again == [alone(make).texts[1]] and heard.texts == alone(make).texts
    assert alone(make).texts[1][0] != alone(make).texts[STEPS][0] and same(heard.final, alone(make).final)


def check_a_stop_is_obeyed_at_once(make: Make, tmp_path: Path) -> None:
    stopped = Heard(stop_at=2)
    make().train([run_of(stopped)])
    assert [event[1] for event in stopped.events if event[0] == "stepped"] == [1, 2]
    assert stopped.events[-1] == "ended" and same(stopped.final, alone(make).adapters[2])


def check_a_resumed_trial_ends_as_one_without_a_break(make: Make, tmp_path: Path, step: int = 1) -> None:
    resumed = Heard()
    make().train([run_of(resumed, resume=alone(make).checkpoint(step))])
    assert [event[1:] for event in resumed.events if event[0] == "stepped"] == [
        (later, later * BATCH) for later in range(step + 1, STEPS + 1)
    ]
    assert same(resumed.final, alone(make).final)


def check_a_trial_that_had_done_its_last_step_ends_as_it_was(make: Make, tmp_path: Path) -> None:
    check_a_resumed_trial_ends_as_one_without_a_break(make, tmp_path, step=STEPS)


def check_a_failure_is_told_to_its_trial_alone(make: Make, tmp_path: Path) -> None:
    failing, neighbour, engine = Heard(fail_at=2), Heard(), make()
    runs = [run_of(failing), run_of(neighbour, "seed=1")]
    engine.train(runs[: engine.most_trials])
    assert failing.events[-1] == "failed" and "ended" not in failing.events
    assert str(failing.error) == "this trial is to fail"
    if engine.most_trials > 1:
        assert neighbour.error is None and same(neighbour.final, alone(make, "seed=1").final)


def check_a_trial_that_diverges_has_failed(make: Make, tmp_path: Path) -> None:
    heard = Heard(reads=False)
    make().train([run_of(heard, "optimizer.lr=1e30", "training.log_every_steps=1")])
    assert heard.events[-1] == "failed" and heard.error is not None and heard.error.kind == "diverged"


def check_trials_at_once_are_as_each_alone(make: Make, tmp_path: Path) -> None:
    first, second, engine = Heard(), Heard(stop_at=2), make()
    if engine.most_trials == 1:
        pytest.skip("it trains one trial at a time")
    engine.train([run_of(first, "lora.dropout=0.5"), run_of(second, "seed=1")])
    assert same(first.final, alone(make, "lora.dropout=0.5").final)
    assert same(second.final, alone(make, "seed=1").adapters[2])


def check_more_trials_than_it_takes_are_refused(make: Make, tmp_path: Path) -> None:
    engine = make()
    for count in (0, engine.most_trials + 1):
        with pytest.raises(ValueError):
            engine.train([run_of(Heard()) for _ in range(count)])


def check_an_exported_adapter_is_a_folder_with_these_tensors(make: Make, tmp_path: Path) -> None:
    class Exporting(Heard):
        def ended(self, state: TrialState) -> None:
            super().ended(state)
            state.export(state.adapter(), tmp_path / "adapter", planned().base, "a card")
            assert state.effective()["optimizer"].endswith("AdamW")

    heard = Exporting(reads=False)
    make().train([run_of(heard)])
    assert same(load_file(tmp_path / "adapter" / "adapter_model.safetensors"), heard.final)
    assert (tmp_path / "adapter" / "adapter_config.json").exists()
    assert (tmp_path / "adapter" / "README.md").read_text() == "a card"


CHECKS = {name.removeprefix("check_"): one for name, one in list(globals().items()) if name.startswith("check_")}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine(engine: str, check: str, tmp_path: Path) -> None:
    CHECKS[check](ENGINES[engine], tmp_path)


@pytest.mark.parametrize(
    ("engine", "check"),
    [
        ("late", "what_is_read_at_a_step_is_as_that_step_left_it"),
        ("fails_together", "a_failure_is_told_to_its_trial_alone"),
        ("deaf", "a_stop_is_obeyed_at_once"),
        ("present", "texts_are_scored_and_written_in_their_order_by_the_adapter_that_is_named"),
        ("forgetful", "a_resumed_trial_ends_as_one_without_a_break"),
    ],
)
def test_a_broken_engine_fails(engine: str, check: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        CHECKS[check](BROKEN[engine], tmp_path)


def test_every_engine_that_can_be_asked_for_is_tested() -> None:
    assert SHIPPED.keys() <= ENGINES.keys() and set(SHIPPED) == set(ENGINE_NAMES)
