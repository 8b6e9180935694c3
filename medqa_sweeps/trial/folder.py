"""The trial folder: the one place where its files have names, and the only thing the two halves share.

    config.yaml        what was asked, resolved; written when the trial is submitted
    .hydra/            what Hydra writes for every job: the config unresolved, its own settings, the overrides
    provenance.json    what it was asked of: code, packages, hardware, data and base by content, the folder
    quarantine.jsonl   bad records that were set aside, with place and reason; only if there are any
    metrics.jsonl      what happened, one record a line, in the order of writing
    predictions.jsonl  every validation question at every evaluation
    checkpoint/        step-000120/ …: enough to resume; removed when the trial completes
    adapter/           the exported adapter, with its model card
    result.json        how it ended; written last, once. No result: the trial is running, or was interrupted
    phase.json         what the trial does now, for people; gone when an attempt ends (see `phase`)
    stop               the parent asks the child to end at its next step, and says why
    trial.log          what the trial's process printed

One process at a time works in a folder (`claimed`). After a resume some lines of the interrupted attempt are written
again, from the checkpoint on: `metrics` and `predictions` keep the last line of each kind and sample count.
"""

import contextlib
import json
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml
from filelock import Timeout

from medqa_sweeps import config as config_module, damage
from medqa_sweeps.config import TrialConfig
from medqa_sweeps.data.question import Quarantined
from medqa_sweeps.durable.claim import claim
from medqa_sweeps.durable.files import put_first, replace_quickly, write_atomically, write_beside
from medqa_sweeps.durable.lines import LineReader, append_lines, read_lines
from medqa_sweeps.errors import ConfigError, FailureKind, InternalError
from medqa_sweeps.study_identity import FILE as STUDY_FILE, identity_of, is_there, moved_along
from medqa_sweeps.trial.phase import Phase, phase_from_json
from medqa_sweeps.trial.records import (
    AttemptEndLine,
    AttemptLine,
    MetricsLine,
    Outcome,
    Prediction,
    Result,
    TrainLine,
    line_from_json,
    line_to_json,
)
from medqa_sweeps.wording import counted

HYDRA_FOLDER = ".hydra"
_COPY_OR_REMOVE = "Bring it back from a copy, or remove it"


class StopReason(StrEnum):
    PRUNED = "pruned"  # hopeless: ends as pruned
    INTERRUPTED = "interrupted"  # ends without a result and can be resumed
    ASKED = "asked"  # a person has seen enough: ends as completed with what it has


class TrialDir:
    """The files of one trial. Makes no folder and no file until something is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_file = path / "config.yaml"
        self.provenance_file = path / "provenance.json"
        self.quarantine_file = path / "quarantine.jsonl"
        self.metrics_file = path / "metrics.jsonl"
        self.predictions_file = path / "predictions.jsonl"
        self.checkpoint_folder = path / "checkpoint"
        self.adapter_folder = path / "adapter"
        self.adapter_file = self.adapter_folder / "adapter_model.safetensors"
        self.result_file = path / "result.json"
        self.phase_file = path / "phase.json"
        self.stop_file = path / "stop"
        self.log_file = path / "trial.log"
        self.hydra_folder = path / HYDRA_FOLDER
        self.hydra_file = self.hydra_folder / "hydra.yaml"
        self.composed_file = self.hydra_folder / "config.yaml"
        self.overrides_file = self.hydra_folder / "overrides.yaml"

    def __repr__(self) -> str:
        return f"TrialDir({str(self.path)!r})"

    # What was asked

    def submit(self, config: TrialConfig, provenance: dict[str, Any]) -> None:
        """Write what the trial is and stands on. Once: a folder that holds it already stays as it is.

        Raises:
            ConfigError: as `refuse_another`.
        """
        self.refuse_another(config)
        if self.config_file.exists():
            return
        self.path.mkdir(parents=True, exist_ok=True)
        submitted = {**provenance, "folder": str(self.path.absolute())}
        write_atomically(self.provenance_file, json.dumps(submitted, indent=2, ensure_ascii=False) + "\n")
        config_module.save(config, self.config_file)

    def is_submitted(self) -> bool:
        """Whether this is a trial's folder, and not another one with a config.yaml, such as a program's `conf/`."""
        beside = (self.provenance_file, self.metrics_file, self.result_file)
        return self.config_file.exists() and any(file.exists() for file in beside)

    def refuse_another(self, config: TrialConfig) -> None:
        """Nothing if the folder is free for a trial of this config, or holds it unfinished. Writes nothing.

        Raises:
            ConfigError: if the folder holds a finished trial, a config that differs, or a study.
        """
        if self.result_file.exists():
            raise ConfigError(f"{self.path} holds a finished trial, which never changes. Choose another folder.")
        if (self.path / STUDY_FILE).exists():
            raise ConfigError(f"{self.path} holds a study, and a single run needs a folder of its own. Choose another.")
        if self.config_file.exists() and self.config() != config:
            raise ConfigError(
                f"{self.path} holds an unfinished trial of another config (see {self.config_file.name} there). "
                "Use the same settings to resume it, or choose another folder."
            )

    def discard_unsubmitted(self) -> None:
        """Remove the folder that Hydra makes before anything is checked, unless it holds a trial."""
        if not self.config_file.exists() and not self.result_file.exists():
            shutil.rmtree(self.hydra_folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # it holds something else: not ours to remove
                self.path.rmdir()

    def write_overrides(self, overrides: Sequence[str]) -> None:
        """Write the trial's overrides where Hydra would have written them."""
        self.hydra_folder.mkdir(parents=True, exist_ok=True)
        self.overrides_file.write_text(yaml.safe_dump(list(overrides), allow_unicode=True), encoding="utf-8")

    def overrides(self) -> list[str]:
        """The trial's Hydra overrides; none where there was no Hydra."""
        try:
            return list(yaml.safe_load(self.overrides_file.read_text(encoding="utf-8")) or [])
        except FileNotFoundError:
            return []

    def config(self) -> TrialConfig:
        """What was asked. Files that have moved together with this folder are named where they are now.

        Raises:
            ConfigError: if there is none, or it cannot be read.
        """
        return config_module.with_paths(config_module.load(self.config_file), self.found_again)

    def found_again(self, path: str) -> str:
        """Where a file is that the trial's config names; itself if it is there, or nowhere."""
        if is_there(path):
            return path
        then = self.provenance().get("folder")
        with_study = [place / self.path.name for place in identity_of(self.path.absolute().parent).places]
        return moved_along(path, [Path(then), *with_study] if then else with_study, self.path.absolute())

    def provenance(self) -> dict[str, Any]:
        """Code, packages, hardware, data and base by content, as they were at submission; empty if there is none.

        Raises:
            ConfigError: if it is damaged.
        """
        if not self.provenance_file.exists():
            return {}
        with damage.told(self.provenance_file, f"{_COPY_OR_REMOVE}: the trial is then read without what it ran on."):
            return dict(json.loads(self.provenance_file.read_text()))

    def disk_bytes(self) -> int:
        """What the folder holds now, all files together."""
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())

    def quarantine(self, records: list[Quarantined]) -> None:
        """Write the bad records that this trial goes without; no file if there are none."""
        if records:
            write_atomically(self.quarantine_file, "".join(record.to_json_line() for record in records))

    # What happens

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the folder for this process, until it dies at the latest.

        Raises:
            ConfigError: if another living process holds it.
        """
        try:
            lock = claim(self.path)
        except Timeout:
            raise ConfigError(f"{self.path}: another process works on this trial; wait for it or stop it.") from None
        try:
            yield
        finally:
            lock.release()

    def is_claimed(self) -> bool:
        """Whether a living process works in the folder."""
        try:
            with self.claimed():
                return False
        except ConfigError:
            return True

    def append(self, line: MetricsLine) -> None:
        """Add a line to `metrics.jsonl`; a reader sees it whole or not at all."""
        append_lines(self.metrics_file, [line_to_json(line)])

    def append_predictions(self, predictions: Iterable[Prediction]) -> None:
        append_lines(self.predictions_file, [prediction.to_json() for prediction in predictions])

    def lines(self) -> list[MetricsLine]:
        """Every line of `metrics.jsonl`, also those that a later attempt wrote again.

        Raises:
            ConfigError: if the file is damaged.
        """
        return list(read_lines(self.metrics_file, line_from_json))

    def metrics(self) -> list[MetricsLine]:
        """The trial's history: of lines with one kind and sample count, the last. Attempts are all kept.

        Raises:
            ConfigError: if the file is damaged.
        """
        newest: dict[Any, MetricsLine] = {}
        for line in self.lines():
            attempt = getattr(line, "attempt", None)
            newest[(line.kind, line.samples_seen, attempt)] = line
        return list(newest.values())

    def predictions(self) -> dict[int, dict[str, Prediction]]:
        """By samples seen, then by question id.

        Raises:
            ConfigError: if the file is damaged.
        """
        reports: dict[int, dict[str, Prediction]] = {}
        for prediction in read_lines(self.predictions_file, Prediction.from_json):
            reports.setdefault(prediction.samples_seen, {})[prediction.id] = prediction
        return reports

    def show_phase(self, phase: Phase) -> None:
        """Replace what the trial is said to do now. Never fails: a disk that is full keeps the older phase."""
        with contextlib.suppress(OSError):
            replace_quickly(self.phase_file, json.dumps(phase.to_json()))

    def phase(self) -> Phase | None:
        """What the trial does now, if a process works on it; None if nobody says."""
        try:
            return phase_from_json(json.loads(self.phase_file.read_text()))
        except (OSError, ValueError):
            return None

    def _forget_phase(self) -> None:
        with contextlib.suppress(OSError):
            for file in (self.phase_file, *self.path.glob(f".{self.phase_file.name}.*")):  # and one of a killed process
                file.unlink(missing_ok=True)

    # How it ends

    def ask_to_stop(self, reason: StopReason, why: str = "") -> None:
        """`why`: a sentence for the trial's record."""
        write_atomically(self.stop_file, f"{reason}\n{why}".strip() + "\n")

    def stop_reason(self) -> StopReason | None:
        """Why the trial is to stop; None: it is not."""
        return self._stop()[0]

    def stop_sentence(self) -> str:
        """What was said with the reason to stop; empty if nothing was."""
        return self._stop()[1]

    def _stop(self) -> tuple[StopReason | None, str]:
        try:
            reason, _, why = self.stop_file.read_text().partition("\n")
        except FileNotFoundError:
            return None, ""
        known = reason.strip() in list(StopReason)  # else written by hand: whoever wrote it wants the trial to stop
        return (StopReason(reason.strip()) if known else StopReason.ASKED), why.strip()

    def finish(self, result: Result) -> None:
        """Write how the trial ended. From then on nothing in the folder changes.

        Raises:
            InternalError: if there is a result already.
        """
        self._forget_phase()
        text = json.dumps(result.to_json(), indent=2, ensure_ascii=False) + "\n"
        temporary = write_beside(self.result_file, text)
        try:
            put_first(temporary, self.result_file)
        except FileExistsError:
            raise InternalError(f"{self.result_file} exists: a finished trial never changes") from None
        finally:
            for written in self.path.glob(f".{self.result_file.name}.*"):  # this one, and one of a killed process
                written.unlink()

    def fail(self, kind: FailureKind, message: str) -> Result:
        """Write, and return, that the trial failed, with what its folder tells of how far it came.

        Raises:
            InternalError: if there is a result already.
        """
        lines = self.lines()
        result = Result(
            outcome=Outcome.FAILED,
            signature=str(self.provenance().get("signature", "")),
            failure=kind,
            message=message,
            samples_seen=max((line.samples_seen for line in lines), default=0),
            attempts=max((getattr(line, "attempt", 0) for line in lines), default=0) or 1,
            finished_at=time.time(),
        )
        self.finish(result)
        return result

    def end_attempt(self, outcome: Outcome, failure: FailureKind | None, message: str) -> None:
        """Leave the mark of an attempt that ended without a result."""
        self._forget_phase()
        lines = self.lines()
        self.append(
            AttemptEndLine(
                attempt=max(1, sum(isinstance(line, AttemptLine) for line in lines)),
                samples_seen=max((line.samples_seen for line in lines), default=0),
                time=time.time(),
                outcome=outcome,
                failure=failure,
                message=message,
            )
        )

    def last_words(self) -> str:
        """What the last attempt that ended without a result said; empty if there was none."""
        ends = [line.message for line in self.lines() if isinstance(line, AttemptEndLine)]
        return ends[-1] if ends else ""

    def failures(self) -> list[FailureKind]:
        """Why earlier attempts failed, in order; those that were interrupted have not failed."""
        return [line.failure for line in self.lines() if isinstance(line, AttemptEndLine) and line.failure]

    def newest_checkpoint(self) -> int | None:
        """Its step; None: there is none."""
        found = self.checkpoint_folder.glob("step-*")
        return max((int(path.name.removeprefix("step-")) for path in found), default=None)

    def goes_on(self) -> str:
        """From where a trial without a result goes on: what follows after "the trial" in a sentence."""
        if (step := self.newest_checkpoint()) is not None:
            return f"resumes from its newest checkpoint (step {step:,})"
        trained = max((line.step for line in self.lines() if isinstance(line, TrainLine)), default=0)
        if not trained:
            return "begins at its first step: nothing was trained yet"
        return f"begins again: {counted(trained, 'step')} had been trained, and no checkpoint was saved yet"

    def result(self) -> Result | None:
        """How the trial ended; None while it runs or can be resumed.

        Raises:
            ConfigError: if the file is damaged.
        """
        with damage.told(self.result_file, f"{_COPY_OR_REMOVE}, and `resume` runs the trial to its end again."):
            try:
                return Result.from_json(json.loads(self.result_file.read_text()))
            except FileNotFoundError:
                return None


class MetricsReader:
    """Follows a trial's `metrics.jsonl` while it grows."""

    def __init__(self, trial: TrialDir) -> None:
        self._reader = LineReader(trial.metrics_file, line_from_json)

    def new_lines(self) -> list[MetricsLine]:
        """The whole lines written since the last call.

        Raises:
            ConfigError: if one of them is damaged.
        """
        return self._reader.new()
