"""What `reproduce` lists when something has changed under a trial, and how it compares two folders.

Nothing trains here: the folders hold real plans of copied questions and a copied base, and answers that tests give.
"""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from medqa_sweeps.__main__ import main
from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.base.fingerprints import fingerprint_1
from medqa_sweeps.command_line import short_path
from medqa_sweeps.prompt import LETTERS
from medqa_sweeps.trial import plan
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.provenance import collect
from medqa_sweeps.trial.records import AttemptLine, Outcome, PassesLine, Prediction, Result, SuiteScore, TrainLine
from medqa_sweeps.trial.reproduce import changed_numerics, changed_runtime, compare, config_as_run, uncommitted_changes
from medqa_sweeps.versions import COMPUTING
from tests.analysis.trial_folders import score_of, trial_config

END = 64  # samples seen


@pytest.fixture(autouse=True)
def nothing_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_single(*arguments: object, **named: object) -> None:
        raise AssertionError("it was to be refused, and would have been run")

    monkeypatch.setattr("medqa_sweeps.jobs.single.run_single", run_single)


@pytest.fixture
def trial(tmp_path: Path) -> TrialDir:
    """A finished trial on copies that a test may change."""
    files = {part: tmp_path / f"{part}.jsonl" for part in ("train", "validation")}
    for part, file in files.items():
        file.write_text("".join(resolve_bundled(f"bundled:sample/{part}.jsonl").open().readlines()[:40]))
    shutil.copytree(resolve_bundled("bundled:tiny_gemma3"), tmp_path / "base")
    config = trial_config(
        data__train=str(files["train"]), data__validation=str(files["validation"]), model__path=str(tmp_path / "base")
    )
    planned = plan.plan_trial(config)
    made = TrialDir(tmp_path / "trial")
    made.submit(planned.config, collect(planned, ["a test"]))
    answer(made, lambda number: True)
    return made


def answer(
    trial: TrialDir, right: Callable[[int], bool], loss: float = 1.0, safety: dict[str, SuiteScore] | None = None
) -> None:
    """Write a finished trial's answers: question `number` rightly or not."""
    questions = plan.plan_trial(trial.config()).split.validation
    letters = [LETTERS[question.gold] for question in questions]
    trial.append(TrainLine(END, 1, 1.0, 0.0, loss, 1e-4, 1.0, 10.0, 10))
    trial.append_predictions(
        Prediction(END, question.id, gold, gold if right(number) else "ABCD".replace(gold, "")[0])
        for number, (question, gold) in enumerate(zip(questions, letters, strict=True))
    )
    score = dataclasses.replace(score_of([right(number) for number in range(len(questions))]), safety=safety)
    sha = json.dumps([[right(number) for number in range(len(questions))], loss])
    trial.finish(Result(Outcome.COMPLETED, "0" * 12, score=score, baseline=score, samples_seen=END, adapter_sha256=sha))


def again(
    trial: TrialDir, right: Callable[[int], bool], loss: float = 1.0, safety: dict[str, SuiteScore] | None = None
) -> TrialDir:
    other = TrialDir(trial.path.with_name("again"))
    other.submit(trial.config(), trial.provenance())
    answer(other, right, loss, safety)
    return other


def reproduce(trial: TrialDir, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    for cached in (plan._split, plan._read):  # the command is a process of its own, and reads the files anew
        cached.cache_clear()
    code = main(["reproduce", str(trial.path), *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def edit(trial: TrialDir, **parts: object) -> None:
    """Make the record say that it ran on something else."""
    provenance = trial.provenance()
    for part, values in parts.items():
        provenance[part] = {**provenance[part], **values} if isinstance(values, dict) else values
    trial.provenance_file.write_text(json.dumps(provenance))


def test_without_a_record_of_what_it_ran_on_nothing_is_run(trial: TrialDir, capsys: pytest.CaptureFixture[str]) -> None:
    """It ended in a TypeError."""
    trial.provenance_file.unlink()
    code, out, err = reproduce(trial, capsys)
    assert code == 1 and "provenance.json, which records the trial's questions and base, is missing" in out
    assert "Nothing was run" in err and "--anyway" in err


@pytest.mark.parametrize("file", ["result.json", "metrics.jsonl", "predictions.jsonl", "provenance.json"])
def test_a_damaged_record_is_refused_before_anything_runs(
    file: str, trial: TrialDir, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (trial.path / file).read_text()
    (trial.path / file).write_text("{\n" + text)
    code, _, err = reproduce(trial, capsys)
    assert code == 1 and f"{file} is damaged" in err and "from a backup" in err


def test_changed_questions_are_named_and_nothing_is_run(trial: TrialDir, capsys: pytest.CaptureFixture[str]) -> None:
    file = Path(trial.config().data.validation or "")
    file.write_text("\n".join(file.read_text().splitlines()[1:]) + "\n")
    gone = next(iter(trial.predictions()[END]))
    code, out, err = reproduce(trial, capsys)
    assert code == 1 and "questions, validation: 40 then, 39 now" in out
    assert f"questions, validation, missing now: 1 ({gone})" in out
    assert "train" not in out and "base:" not in out and "package" not in out
    assert "Nothing was run" in err and "--anyway" in err
    assert not trial.path.with_name("trial-again").exists()


def test_a_changed_answer_is_distinguished_from_changed_training_questions(
    trial: TrialDir, capsys: pytest.CaptureFixture[str]
) -> None:
    data = trial.config().data
    records = [json.loads(line) for line in Path(data.validation or "").read_text().splitlines()]
    letter = "ABCD".replace(records[3]["answer_idx"], "")[0]
    records[3] |= {"answer_idx": letter, "answer": records[3]["options"][letter]}
    Path(data.validation or "").write_text("".join(json.dumps(record) + "\n" for record in records))
    with open(data.train or "", "a") as file:
        file.write(json.dumps({**records[0], "question": "One more?"}) + "\n")
    _, out, _ = reproduce(trial, capsys)
    assert "questions, train: 40 then, 41 now" in out
    assert "questions, validation, with another gold answer: 1 (" in out and "missing now" not in out


def test_missing_questions_give_an_error_message(trial: TrialDir, capsys: pytest.CaptureFixture[str]) -> None:
    edit(trial, packages={"torch": "0.1"})
    Path(trial.config().data.train or "").unlink()
    code, out, err = reproduce(trial, capsys, "--anyway")
    assert code == 1 and "It cannot be run again" in err and "there is no such file" in err and "adapter" in err
    assert "package torch: 0.1 then" in out, "what else differs is worth knowing"


def test_a_changed_base_is_named_and_nothing_is_run(trial: TrialDir, capsys: pytest.CaptureFixture[str]) -> None:
    weights = Path(trial.config().model.path or "") / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 0x80
    weights.write_bytes(content)
    code, out, err = reproduce(trial, capsys)
    assert code == 1 and "base:" in out and "with different content" in out and "questions" not in out
    assert "Nothing was run" in err


def test_another_tokenizer_is_another_base_and_is_named(trial: TrialDir, capsys: pytest.CaptureFixture[str]) -> None:
    """It was the same experiment: the fingerprint knew weights and config.json alone."""
    settings = Path(trial.config().model.path or "") / "tokenizer_config.json"
    settings.write_text(settings.read_text().replace("8192", "4096"))
    code, out, err = reproduce(trial, capsys)
    assert code == 1 and "with different content: tokenizer_config.json" in out and "Nothing was run" in err


@pytest.fixture
def earlier(trial: TrialDir) -> TrialDir:
    """The trial as an earlier version recorded it."""
    provenance = trial.provenance()
    base = {**provenance["base"], "fingerprint": fingerprint_1(plan.plan_trial(trial.config()).base)}
    del provenance["fingerprints"], base["files"]
    trial.provenance_file.write_text(json.dumps({**provenance, "base": base}))
    return trial


def test_a_trial_of_an_earlier_version_is_reproduced_with_a_notice(
    earlier: TrialDir, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AssertionError, match="would have been run"):
        reproduce(earlier, capsys)
    out = capsys.readouterr().out
    assert "from an earlier version of medqa_sweeps, which recorded only config.json" in out and "base:" not in out


def test_what_an_earlier_version_recorded_is_held_against_it(
    earlier: TrialDir, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Path(earlier.config().model.path or "") / "config.json"
    config.write_text(config.read_text() + " ")
    code, out, _ = reproduce(earlier, capsys)
    assert code == 1 and "base:" in out and "earlier version" in out


def test_changed_code_and_packages_are_named(trial: TrialDir) -> None:
    now = trial.provenance()
    assert changed_runtime(now, now) == []
    files = {
        **now["code"]["files"],
        "medqa_sweeps/worker/engines/unsloth.py": "0" * 12,
        "medqa_sweeps/gone.py": "1" * 12,
    }
    edit(trial, code={"files": files, "commit": "a" * 40}, packages={"torch": "0.1", "lost": "2"}, python="3.9.0")
    edit(trial, hardware={"processor": "Abacus", "gpus": [{"name": "A card"}]})
    found = "\n".join(changed_runtime(trial.provenance(), now))
    assert "code: medqa_sweeps/gone.py and medqa_sweeps/worker/engines/unsloth.py (commit aaaaaaa then" in found
    assert f"package torch: 0.1 then, {now['packages']['torch']} now" in found and "package lost: 2 then, abs" in found
    assert "Python: 3.9.0 then" in found and "processor: Abacus then" in found and "GPUs: A card then, none" in found
    assert len(found.splitlines()) == 6


def test_a_variable_that_chooses_kernels_is_named(trial: TrialDir) -> None:
    now = {**trial.provenance(), "environment": {"NVIDIA_TF32_OVERRIDE": "0"}}
    edit(trial, environment={"ATEN_CPU_CAPABILITY": "avx2"})
    assert changed_numerics(trial.provenance(), now) == [
        "variable ATEN_CPU_CAPABILITY: avx2 then, unset now",
        "variable NVIDIA_TF32_OVERRIDE: unset then, 0 now",
    ]
    assert changed_numerics({**now, "environment": None}, now) == [], "an earlier version recorded none"


def test_of_packages_only_those_that_compute_can_move_digits(trial: TrialDir) -> None:
    now = trial.provenance()
    edit(trial, packages={"torch": "0.1", "rich": "0.1", "lost": "2"}, python="3.9.0")
    assert changed_numerics(trial.provenance(), now) == [f"package torch: 0.1 then, {now['packages']['torch']} now"]
    assert changed_numerics({}, now) == [], "nothing is known of then"
    assert {name for name in COMPUTING if name in now["packages"]} == set(COMPUTING)


def test_another_commit_with_the_same_code_is_no_difference(trial: TrialDir) -> None:
    now = trial.provenance()
    edit(trial, code={"commit": "a" * 40, "diff": "a diff of conf/"})
    assert changed_runtime(trial.provenance(), now) == []
    edit(trial, code={"files": None})
    assert "commit aaaaaaa then" in changed_runtime(trial.provenance(), now)[0], "without hashes nobody knows"


def test_what_was_not_committed_is_named_with_the_way_back(trial: TrialDir) -> None:
    diff = "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-1\n+2\n--- a/gone.py\n+++ /dev/null\n"
    edit(trial, code={"commit": "a" * 40, "diff": diff, "untracked": ["notes.txt"]})
    changed, untracked = uncommitted_changes(trial)
    assert "gone.py and x.py" in changed and f"git checkout {'a' * 40}" in changed
    assert f"jq -r .code.diff {short_path(trial.provenance_file)} | git apply" in changed
    assert "only the names" in untracked and "notes.txt" in untracked


def test_it_runs_as_the_last_attempt_did(trial: TrialDir) -> None:
    assert config_as_run(trial) == trial.config()
    for attempt, (tokens, threads) in enumerate([(800, 2), (400, 1)], start=1):
        trial.append(AttemptLine(attempt, 0, 0.0, 1, "host", "cpu", threads=threads))
        trial.append(PassesLine(attempt, 0, 0.0, tokens, 1024, gradient_checkpointing=True, out_of_memory=attempt - 1))
    again = config_as_run(trial)
    assert (again.training.micro_batch_tokens, again.training.gradient_checkpointing) == (400, True)
    assert (again.evaluation.batch_tokens, again.engine.threads) == (1024, 1)


def test_a_trial_of_an_earlier_version_runs_with_its_questions_per_pass(trial: TrialDir) -> None:
    trial.append(AttemptLine(1, 0, 0.0, 1, "host", "cpu", micro_batch_size=4, threads=1))
    assert config_as_run(trial).training.micro_batch_size == 4


ASSESSED = {"order": SuiteScore(40, 0.25, changed=0.25), "requests": SuiteScore(3, 1.5)}


def test_the_scores_of_the_safety_assessment_are_compared(trial: TrialDir) -> None:
    assessed = TrialDir(trial.path.with_name("assessed"))
    assessed.submit(trial.config(), trial.provenance())
    answer(assessed, lambda number: True, safety=ASSESSED)
    found = compare(assessed, again(assessed, lambda number: True, safety=ASSESSED))
    assert found.same_bits and found.sentences[1:] == ["Safety: the same scores in 2 suites."]
    shutil.rmtree(trial.path.with_name("again"))
    other = ASSESSED | {"requests": SuiteScore(3, 1.25)}
    found = compare(assessed, again(assessed, lambda number: True, safety=other))
    assert not found.same_bits and not found.significant
    assert found.sentences[1:] == [
        "Safety differs: requests 1.5 on 3 then, 1.25 on 3 now and requests (untuned base) 1.5 on 3 then, "
        "1.25 on 3 now.",
        "The files of safety.drug_names and safety.requests are not recorded, so they may have changed.",
    ]
    shutil.rmtree(trial.path.with_name("again"))
    found = compare(assessed, again(assessed, lambda number: True))
    assert not found.same_bits and "order 0.25 on 40 then, not assessed now" in found.sentences[1]


def test_what_assess_found_later_is_no_difference(trial: TrialDir) -> None:
    trial.safety_file.write_text("{}")
    found = compare(trial, again(trial, lambda number: True))
    assert found.same_bits and "Safety was assessed later, by `assess`, and is not compared" in found.sentences[1]


def test_bit_identical_results_are_reported(trial: TrialDir) -> None:
    found = compare(trial, again(trial, lambda number: True))
    assert found.same_bits and "Bit-identical: adapter, 40 predictions in 1 evaluation, losses" in found.sentences[0]


@pytest.mark.parametrize(("wrong", "resolved"), [(1, False), (20, True)])
def test_other_letters_are_compared_in_pairs(wrong: int, resolved: bool, trial: TrialDir) -> None:
    found = compare(trial, again(trial, lambda number: number >= wrong, loss=1.5))
    assert not found.same_bits and found.significant is resolved
    text = " ".join(found.sentences)
    assert "differ from step 1 on, by at most 0.5 nats" in text
    assert f"40 questions answered then and now: {wrong} answers differ; accuracy 100.0% then" in text
    assert text.endswith("): significant." if resolved else "): not resolved.")


def test_an_adapter_that_differs_is_not_the_same_although_all_letters_are(trial: TrialDir) -> None:
    other = again(trial, lambda number: True, loss=1.5)
    found = compare(trial, other)
    assert not found.same_bits and not found.significant and "0 answers differ" in found.sentences[-1]


def test_a_trial_that_failed_is_compared_by_how_it_ended(tmp_path: Path, trial: TrialDir) -> None:
    result = trial.result()
    assert result is not None
    trial.result_file.unlink()
    trial.finish(dataclasses.replace(result, outcome=Outcome.FAILED, score=None, message="It blew up."))
    found = compare(trial, again(trial, lambda number: True))
    assert not found.same_bits and "failed then, completed now. Then: It blew up." in found.sentences[0]


def test_a_trial_without_a_result_has_nothing_to_compare(trial: TrialDir, capsys: pytest.CaptureFixture[str]) -> None:
    trial.result_file.unlink()
    code, _, err = reproduce(trial, capsys)
    assert code == 1 and "`resume` finishes it" in err
