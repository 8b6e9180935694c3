"""A trial from its folder to its result: the same bits again, after kills and stops too, and honest ends."""

import contextlib
import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from medqa_sweeps.alarms import alarms_of
from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.trial.folder import StopReason, TrialDir
from medqa_sweeps.trial.records import AttemptEndLine, AttemptLine, Outcome, Result, TrainLine, ValidationLine
from medqa_sweeps.wording import EDUCATION_ONLY, SYNTHETIC

Submit = Callable[..., TrialDir]
Run = Callable[..., Result | None]


def losses(trial: TrialDir) -> dict[int, float | None]:
    return {line.step: line.loss for line in trial.metrics() if isinstance(line, TrainLine)}


def reports(trial: TrialDir) -> list[ValidationLine]:
    return [line for line in trial.metrics() if isinstance(line, ValidationLine)]


def completed(result: Result | None) -> Result:
    assert result is not None and result.outcome is Outcome.COMPLETED, result
    return result


def same(left: TrialDir, right: TrialDir) -> None:
    """The same adapter, predictions at every report, losses and scores, to the bit."""
    first, second = left.result(), right.result()
    assert first and second and first.adapter_sha256 == second.adapter_sha256
    assert left.predictions() == right.predictions()
    assert losses(left) == losses(right)
    assert first.score == second.score and first.signature == second.signature


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, composed: Callable, run: Run) -> TrialDir:
    """The trial that others are compared with."""
    from medqa_sweeps.trial.plan import plan_trial
    from medqa_sweeps.trial.provenance import collect

    plan = plan_trial(composed())
    trial = TrialDir(tmp_path_factory.mktemp("undisturbed"))
    trial.submit(plan.config, collect(plan, ["a test"]))
    completed(run(trial))
    return trial


def test_a_completed_trial_has_everything_in_its_folder(undisturbed: TrialDir) -> None:
    result = completed(undisturbed.result())
    assert [line.samples_seen for line in reports(undisturbed)] == [0, 64, 128, 192]
    assert sorted(losses(undisturbed)) == list(range(1, 13))
    questions = {samples: len(rows) for samples, rows in undisturbed.predictions().items()}
    assert questions == {0: 40, 64: 40, 128: 40, 192: 40}
    assert result.score == reports(undisturbed)[-1].score and result.baseline == reports(undisturbed)[0].score
    assert result.score and result.score.questions == 40
    assert result.score.low <= result.score.accuracy <= result.score.high
    assert (result.samples_seen, result.steps, result.attempts) == (192, 12, 1)
    assert result.seconds > 0 and result.peak_memory_bytes > 2**28
    provenance = undisturbed.provenance()
    assert provenance["signature"] == result.signature
    assert {"code", "packages", "hardware", "questions", "base", "seeds", "command"} <= set(provenance)
    assert not undisturbed.checkpoint_folder.exists(), "a completed trial keeps its adapter, not its checkpoints"


def test_the_accuracy_is_that_of_the_predictions_on_file(undisturbed: TrialDir) -> None:
    last = undisturbed.predictions()[192].values()
    assert all(set(line.log_probabilities) == set("ABCD") for line in last)
    assert all(line.predicted == max(line.log_probabilities, key=line.log_probabilities.__getitem__) for line in last)
    score = completed(undisturbed.result()).score
    assert score and score.accuracy == sum(line.predicted == line.gold for line in last) / 40


def test_what_was_asked_for_is_what_ran(undisturbed: TrialDir) -> None:
    effective = completed(undisturbed.result()).effective
    assert effective["four_bit_layers"] == effective["adapted_layers"] == 4 * 7
    assert effective["adapter_dtype"] == "float32" and effective["optimizer"] == "torch.optim.adamw.AdamW"
    assert effective["optimizer_fused"] is False
    with safe_open(undisturbed.adapter_folder / "adapter_model.safetensors", "pt") as file:
        tensors = [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118  not a mapping
    assert {str(tensor.dtype) for tensor in tensors} == {"torch.float32"}
    assert sum(tensor.numel() for tensor in tensors) == completed(undisturbed.result()).trainable_weights


def test_the_adapter_card_says_what_it_is_not_for(undisturbed: TrialDir) -> None:
    card = (undisturbed.adapter_folder / "README.md").read_text()
    assert EDUCATION_ONLY in card and SYNTHETIC in card
    alarms = [f"- **{alarm.word}**: {alarm.sentence}" for alarm in alarms_of(undisturbed)]
    assert alarms and alarms == [line for line in card.splitlines() if line.startswith(("- **alarm", "- **caution"))]


def test_nothing_secret_and_no_path_of_this_machine_in_the_adapter(
    submitted: Submit, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_" + "s3cr3tS3cr3tS3cr3tS3cr3t")
    trial = submitted("secret", "training.max_steps=1", "evaluation.reports=1")
    completed(run(trial))
    for path in trial.path.rglob("*"):
        if path.is_file():
            assert b"s3cr3t" not in path.read_bytes(), path
    assert str(trial.path.parents[2]) not in (trial.adapter_folder / "adapter_config.json").read_text()


def test_the_same_config_gives_the_same_bits(submitted: Submit, run: Run, undisturbed: TrialDir) -> None:
    trial = submitted("again")
    completed(run(trial))
    same(trial, undisturbed)


def test_the_losses_are_those_that_were_seen_before(undisturbed: TrialDir) -> None:
    """A change that moves these numbers has changed what every trial learns: the prompt, the order of the questions,
    dropout, the adapter's initialisation, the optimizer or its schedule. If that was meant, write the new ones."""
    golden = json.loads((Path(__file__).parents[1] / "golden" / "small_trial_losses.json").read_text())
    seen = losses(undisturbed)
    assert sorted(seen) == [int(step) for step in golden]
    for step, loss in golden.items():
        assert seen[int(step)] == pytest.approx(loss, abs=2e-3), f"step {step}: {seen}"  # processors round differently


def test_another_seed_gives_other_bits(submitted: Submit, run: Run, undisturbed: TrialDir) -> None:
    trial = submitted("seed", "seed=1")
    assert completed(run(trial)).adapter_sha256 != completed(undisturbed.result()).adapter_sha256


def test_a_trial_killed_in_training_says_so_and_ends_with_the_same_bits(
    submitted: Submit, run: Run, undisturbed: TrialDir
) -> None:
    trial = submitted("killed")
    killed: list[int] = []

    def kill_after_step_6() -> None:
        if not killed and max(losses(trial), default=0) >= 6:
            pid = next(line.pid for line in trial.lines() if isinstance(line, AttemptLine))
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    result = completed(run(trial, kill_after_step_6))
    assert killed and result.attempts == 2
    end = next(line for line in trial.lines() if isinstance(line, AttemptEndLine))
    assert end.failure is FailureKind.KILLED and "SIGKILL" in end.message
    assert [line.samples_seen for line in trial.lines() if isinstance(line, AttemptLine)][1] in (64, 128)
    same(trial, undisturbed)


def test_a_trial_killed_too_often_has_failed_and_says_how_and_where(submitted: Submit, run: Run) -> None:
    trial = submitted("hopeless", "engine.max_attempts=1")

    def kill_at_once() -> None:
        for line in trial.lines():
            if isinstance(line, AttemptLine):
                with contextlib.suppress(ProcessLookupError):  # it may be gone already
                    os.kill(line.pid, signal.SIGKILL)

    result = run(trial, kill_at_once)
    assert result and result.outcome is Outcome.FAILED and result.failure is FailureKind.KILLED
    assert "SIGKILL" in result.message and str(trial.log_file) in result.message


def test_an_interrupted_trial_has_no_result_and_goes_on_to_the_same_bits(
    submitted: Submit, run: Run, undisturbed: TrialDir
) -> None:
    trial = submitted("interrupted")

    def interrupt_after_step_5() -> None:
        if max(losses(trial), default=0) >= 5:
            trial.ask_to_stop(StopReason.INTERRUPTED)

    assert run(trial, interrupt_after_step_5) is None
    assert not trial.result_file.exists() and list(trial.checkpoint_folder.glob("step-*"))
    completed(run(trial))
    same(trial, undisturbed)


def test_a_pruned_trial_keeps_its_checkpoint_and_says_so(submitted: Submit, run: Run) -> None:
    trial = submitted("pruned")

    def prune_after_the_first_report() -> None:
        if len(reports(trial)) >= 2 and not trial.stop_file.exists():
            trial.ask_to_stop(StopReason.PRUNED)

    result = run(trial, prune_after_the_first_report)
    assert result and result.outcome is Outcome.PRUNED and result.samples_seen < 192
    assert list(trial.checkpoint_folder.glob("step-*")) and "pruned after" in result.message
    assert result.score in [line.score for line in reports(trial)]


@pytest.mark.variant
def test_micro_batches_change_memory_not_the_result(submitted: Submit, run: Run) -> None:
    whole = submitted("whole", "training.micro_batch_size=16", "lora.dropout=0")
    parts = submitted("parts", "training.micro_batch_size=4", "lora.dropout=0")
    first, second = completed(run(whole)), completed(run(parts))
    assert first.signature == second.signature
    pairs = zip(losses(whole).values(), losses(parts).values(), strict=True)
    assert all(a and b and abs(a - b) < 2e-4 for a, b in pairs)


def test_early_stopping_and_the_best_report(submitted: Submit, run: Run) -> None:
    stopping = ("training.early_stopping_patience=1", "training.export=best", "evaluation.reports=6")
    trial = submitted("early", "optimizer.lr=1e-9", *stopping)
    result = completed(run(trial))
    assert result.steps < 12 and "stopped early" in result.message
    assert result.samples_seen == 32, "nothing was better than the first report"


def test_generated_letters_agree_with_likeliest_letters(submitted: Submit, run: Run, undisturbed: TrialDir) -> None:
    trial = submitted("generated", "evaluation=generate")
    result = completed(run(trial))
    assert result.score and result.score.gold_log_probability is None
    wrote = {id: line.predicted for id, line in trial.predictions()[192].items()}
    likeliest = {id: line.predicted for id, line in undisturbed.predictions()[192].items()}
    written = {id: letter for id, letter in wrote.items() if letter is not None}
    assert len(written) > 20, "most of the forty turns begin with a letter"
    assert all(likeliest[id] == letter for id, letter in written.items())


def test_a_rate_far_too_high_has_diverged_or_is_told_by_its_loss(submitted: Submit, run: Run) -> None:
    result = run(submitted("hot", "optimizer.lr=1e6", "optimizer.max_grad_norm=0", "scheduler=constant"))
    assert result and result.outcome is Outcome.FAILED and result.failure is FailureKind.DIVERGED
    assert "optimizer.lr" in result.message


@pytest.mark.parametrize(
    ("override", "kind", "told"),
    [
        ("training.max_length_tokens=60", FailureKind.CONFIG, r"would truncate [\d,]+ of [\d,]+ training .*tokens=\d+"),
        ("optimizer=adamw_8bit", FailureKind.CONFIG, "needs a CUDA GPU"),
        ("model.dtype=float16", FailureKind.CONFIG, "model.dtype=float16"),
        ("prompt.letter_prefix=ABC", FailureKind.CONFIG, "letter_prefix"),
    ],
)  # fmt: skip
def test_what_cannot_run_fails_in_a_sentence(
    override: str, kind: FailureKind, told: str, submitted: Submit, run: Run
) -> None:
    result = run(submitted("wrong", override))
    assert result and result.outcome is Outcome.FAILED and result.failure is kind
    assert re.search(told, result.message), result.message
    assert "Traceback" not in result.message


@pytest.fixture
def broken_base(tmp_path: Path) -> Callable[[str], Path]:
    """A copy of the tiny base with one fault, as people meet it."""

    def broken(fault: str) -> Path:
        folder = shutil.copytree(resolve_bundled("bundled:tiny_gemma3"), tmp_path / "base")
        settings = folder / "tokenizer_config.json"
        if fault == "not a number":
            tensors = load_file(folder / "model.safetensors")
            tensors["model.layers.1.mlp.down_proj.weight"][:] = float("nan")
            save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        elif fault == "no padding":
            changed = {key: value for key, value in json.loads(settings.read_text()).items() if key[:3] != "eos"}
            settings.write_text(json.dumps({**changed, "pad_token": None}))
        else:
            settings.write_text(settings.read_text().replace("<pad>", "<|endoftext|>"))
        return folder

    return broken


@pytest.mark.parametrize(
    ("fault", "overrides", "told"),
    [
        ("not a number", ["evaluation.baseline=false"], "before anything is trained: model.layers.1.mlp.down_proj"),
        ("no padding", [], "tokenizer_config.json names neither pad_token nor eos_token"),
        ("another tokenizer", [], r"produces token 1,218, but the model has only 1,218 tokens"),
    ],
)  # fmt: skip
def test_a_broken_base_is_no_defect_of_ours_and_no_setting_is_to_blame(
    fault: str, overrides: list[str], told: str, broken_base: Callable[[str], Path], submitted: Submit, run: Run
) -> None:
    """They were `internal`, or `diverged: use a smaller optimizer.lr`."""
    trial = submitted("broken", "model=local", f"model.path={broken_base(fault)}", *overrides)
    result = run(trial)
    assert result and result.failure is FailureKind.CONFIG and re.search(told, result.message), result
    assert str(trial.config().model.path) in result.message and losses(trial) == {}


def test_questions_that_changed_after_the_submission_are_refused(
    tmp_path: Path, submitted: Submit, run: Run, composed: Callable
) -> None:
    copy = tmp_path / "train.jsonl"
    copy.write_text(resolve_bundled("bundled:sample/train.jsonl").read_text())
    trial = submitted("changed", f"data.train={copy}")
    copy.write_text("\n".join(copy.read_text().splitlines()[1:]) + "\n")
    result = run(trial)
    assert result and result.failure is FailureKind.DATA and "questions: different content" in result.message


def test_the_base_is_scored_once_and_shared(submitted: Submit, run: Run, undisturbed: TrialDir) -> None:
    trial = submitted("shared", "lora.r=4", "training.max_steps=1", "evaluation.reports=1")
    completed(run(trial))
    assert reports(trial)[0].seconds == 0
    assert trial.predictions()[0] == undisturbed.predictions()[0]
