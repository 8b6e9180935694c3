"""Real trials with passages: recorded, beside both controls, reproduced to the bit, refused when they changed."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from medqa_sweeps.__main__ import main
from medqa_sweeps.assets import resolve_bundled
from medqa_sweeps.errors import DataError
from medqa_sweeps.jobs import single
from medqa_sweeps.passages import control_lines
from medqa_sweeps.passages.controls import FOREIGN, WITHOUT
from medqa_sweeps.pool.contract import Pool
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial, refuse_changed
from medqa_sweeps.trial.provenance import collect
from medqa_sweeps.trial.records import Result
from tests.retrieval.encoder_folders import write_static

SHORT = (
    *("training.max_steps=4", "evaluation.reports=1", "split.max_validation=40", "training.max_length_tokens=768"),
    *("model=tiny_gemma3_reader", "prompt=chat_passages", "retrieval=bm25"),
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    shutil.copy(resolve_bundled("bundled:sample/passages.jsonl"), folder)
    return folder / "passages.jsonl"


@pytest.fixture(scope="module")
def submit(tmp_path_factory: pytest.TempPathFactory, composed: Callable, corpus: Path) -> Callable[..., TrialDir]:
    def submitted(*overrides: str) -> TrialDir:
        plan = plan_trial(composed(*SHORT, f"retrieval.corpus={corpus}", *overrides))
        trial = TrialDir(tmp_path_factory.mktemp("passages") / "0")
        trial.submit(plan.config, collect(plan, ["a test"]))
        return trial

    return submitted


@pytest.fixture(scope="module")
def trial(submit: Callable[..., TrialDir], run: Callable[..., Result | None]) -> TrialDir:
    made = submit("retrieval.k=1")
    assert run(made) is not None
    return made


def test_a_reader_is_helped_by_its_passages_and_not_by_foreign_ones(trial: TrialDir) -> None:
    result = trial.result()
    assert result is not None and result.passages is not None
    found = result.passages
    assert found.questions == 40 and found.none_found == 0
    assert found.accuracy > 0.8 and found.without < 0.5 and found.foreign < 0.5
    assert found.gold_mentioned is not None and found.gold_mentioned > 0.8
    assert result.baseline is not None and result.baseline.accuracy > 0.8, "the base reads before it is tuned"
    assert {(line.suite, line.samples_seen) for line in control_lines.read(trial)} == {
        (WITHOUT, result.samples_seen), (FOREIGN, result.samples_seen)
    }  # fmt: skip


def test_what_each_prompt_showed_is_on_record(trial: TrialDir) -> None:
    shown = [json.loads(line) for line in trial.retrieved_file.read_text().splitlines()]
    assert sum(line["part"] == "validation" for line in shown) == 40
    assert all(len(line["passages"]) == 1 and line["passages"][0][1] > 0 for line in shown)
    record = trial.provenance()["passages"]
    assert record["passages"] == 22 and record["dropped"] == 0 and record["libraries"]["bm25s"]


def test_without_passages_it_is_another_experiment_on_the_same_questions(
    trial: TrialDir, submit: Callable[..., TrialDir]
) -> None:
    without = submit("retrieval.k=0").provenance()
    with_ = trial.provenance()
    assert without["signature"] != with_["signature"] and "passages" not in without
    assert without["questions"] == with_["questions"], "so that the leaderboard compares them"


def test_a_corpus_that_has_changed_since_is_refused(trial: TrialDir, corpus: Path, tmp_path: Path) -> None:
    moved = TrialDir(Path(shutil.copytree(trial.path, tmp_path / "0")))
    changed = tmp_path / "passages.jsonl"
    changed.write_text(corpus.read_text().replace("several", "many"))
    moved.config_file.write_text(moved.config_file.read_text().replace(str(corpus), str(changed)))
    with pytest.raises(DataError, match="passages: other texts are shown"):
        refuse_changed(plan_trial(moved.config()), moved.provenance())
    refuse_changed(plan_trial(trial.config()), trial.provenance())


@pytest.mark.variant
def test_a_trial_with_both_retrievers_is_reproduced_to_the_bit(
    submit: Callable[..., TrialDir],
    run: Callable[..., Result | None],
    pool: Pool,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The encoder's vectors are random, so that half of each ranking is chance: this shows that the machinery works."""
    texts = [json.loads(line)["text"] for line in corpus.read_text().splitlines()]
    asked = ("retrieval=hybrid", f"retrieval.embedder={write_static(tmp_path / 'encoder', texts)}", "retrieval.k=2")
    first = submit(*asked)
    assert run(first) is not None
    record, shown = first.provenance()["passages"], first.retrieved_file.read_text()
    assert record["retriever"]["name"] == "hybrid" and record["cut_by_encoder"] == {"passages": 0, "questions": 0}
    assert len(record["retriever"]["embedder"]["fingerprint"]) == 12
    lines = [json.loads(line) for line in shown.splitlines()]
    assert all(line["retriever"] == "hybrid" and len(line["passages"]) == 2 for line in lines)
    plan = plan_trial(first.config())
    assert plan.retrieved is not None and "the encoder" not in plan.passages_sentence()
    long = replace(plan, retrieved=replace(plan.retrieved, cut_by_encoder={"passages": 1, "questions": 1200}))
    assert long.passages_sentence().endswith("; the encoder reads the beginning of 1 passage and 1,200 questions alone")
    controls = [submit(*more, "retrieval.k=0").provenance()["signature"] for more in ((), asked[:2])]
    assert controls[0] == controls[1], "without passages no retriever counts"
    monkeypatch.setattr(single, "_pool", lambda folder, devices: pool)  # another would import Unsloth once more
    monkeypatch.setenv("MEDQA_SWEEPS_CACHE", str(tmp_path / "cache of another node"))
    assert main(["reproduce", str(first.path), "--into", str(tmp_path / "again")]) == 0
    assert "Bit-identical" in capsys.readouterr().out
    assert TrialDir(tmp_path / "again").retrieved_file.read_text() == shown
    first.config_file.write_text(first.config_file.read_text().replace("rrf_k: 60", "rrf_k: 0"))
    with pytest.raises(DataError, match="passages: other texts are shown"):
        refuse_changed(plan_trial(first.config()), first.provenance())


@pytest.mark.variant
def test_the_same_trial_again_gives_the_same_bits(
    trial: TrialDir, submit: Callable[..., TrialDir], run: Callable[..., Result | None]
) -> None:
    again = submit("retrieval.k=1")
    second, first = run(again), trial.result()
    assert first and second and second.adapter_sha256 == first.adapter_sha256 and second.signature == first.signature
    assert again.predictions() == trial.predictions()
    assert control_lines.read(again) == control_lines.read(trial) and second.passages == first.passages
