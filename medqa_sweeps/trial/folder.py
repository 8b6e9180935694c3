"""The trial folder: defines the names of its files. Parent and child process share nothing else.

    config.yaml        the resolved config; written when the trial is submitted
    .hydra/            Hydra's files of every job: the unresolved config, Hydra's own settings, the overrides
    provenance.json    code, packages, hardware, data and base by content, and the folder, at submission
    quarantine.jsonl   bad records that were left out, with location and reason; only if there are any
    metrics.jsonl      the history, one record per line, in the order of writing
    predictions.jsonl  the answer to every validation question at every evaluation
    safety.jsonl       the answers to edited questions, if safety was assessed (see `medqa_sweeps.safety`)
    retrieved.jsonl    the passages that each question is shown, if there are any
    controls.jsonl     the answers without passages, and with another question's
    requests.jsonl     what the models wrote to the user's requests, with their texts; only if there were any
    checkpoint/        step-000120/ …: the state to resume from; removed when the trial completes
    adapter/           the exported adapter, with its model card
    result.json        how the trial ended; written last, once. Without it the trial is running or was interrupted
    phase.json         what the trial does now, for users; removed when an attempt ends (see `phase`)
    stop               the parent's request to the child to end at its next step, with the reason
    .generation        how often a process was superseded; only if one was
    trial.log          the output of the trial's process

One process at a time works in a folder (`claimed`). One that no longer answers, but may still run on a node that a
cluster has given up, is superseded (`take_over`): what it writes from then on does not count. A resumed attempt writes
the lines after its checkpoint again: `metrics` and `predictions` keep the last line of each kind and sample count.
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
from medqa_sweeps.durable.files import rename_if_absent, replace_quickly, write_atomically, write_beside
from medqa_sweeps.durable.lines import LineReader, append_lines, read_lines
from medqa_sweeps.errors import ConfigError, FailureKind, InternalError
from medqa_sweeps.study_identity import FILE as STUDY_FILE, identity_of, path_after_move, path_exists
from medqa_sweeps.trial.phase import Phase, phase_from_json
from medqa_sweeps.trial.records import (
    AttemptEndLine,
    AttemptLine,
    MetricsLine,
    Outcome,
    PassesLine,
    Prediction,
    Result,
    TrainLine,
    line_from_json,
    line_to_json,
)
from medqa_sweeps.wording import counted

HYDRA_FOLDER = ".hydra"
_COPY_OR_REMOVE = "Restore it from a backup, or remove it"


class StopReason(StrEnum):
    PRUNED = "pruned"  # the pruner stops it: ends as pruned
    INTERRUPTED = "interrupted"  # ends without a result and can be resumed
    REQUESTED = "asked"  # a user stops it: it is evaluated and ends as completed


class Claimed(ConfigError):
    """Another running process has locked the folder."""


class Superseded(Exception):
    """This process was given up, and another one works in its folder; it must end, and write nothing."""


class TrialDir:
    """The files of one trial. Creates no folder or file until something is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._generation: int | None = None  # that this process has locked; None: it has not
        self.config_file = path / "config.yaml"
        self.provenance_file = path / "provenance.json"
        self.quarantine_file = path / "quarantine.jsonl"
        self.metrics_file = path / "metrics.jsonl"
        self.predictions_file = path / "predictions.jsonl"
        self.safety_file = path / "safety.jsonl"
        self.retrieved_file = path / "retrieved.jsonl"
        self.controls_file = path / "controls.jsonl"
        self.requests_file = path / "requests.jsonl"
        self.checkpoint_folder = path / "checkpoint"
        self.adapter_folder = path / "adapter"
        self.adapter_file = self.adapter_folder / "adapter_model.safetensors"
        self.result_file = path / "result.json"
        self.phase_file = path / "phase.json"
        self.stop_file = path / "stop"
        self.generation_file = path / ".generation"
        self.log_file = path / "trial.log"
        self.hydra_folder = path / HYDRA_FOLDER
        self.hydra_file = self.hydra_folder / "hydra.yaml"
        self.composed_file = self.hydra_folder / "config.yaml"
        self.overrides_file = self.hydra_folder / "overrides.yaml"

    def __repr__(self) -> str:
        return f"TrialDir({str(self.path)!r})"

    # Config and provenance

    def submit(self, config: TrialConfig, provenance: dict[str, Any]) -> None:
        """Write config and provenance, once: a folder that already has them stays unchanged.

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
        """Check that the folder is free, or contains an unfinished trial of this config. Writes nothing.

        Raises:
            ConfigError: if the folder contains a finished trial, a different config, or a study.
        """
        if self.result_file.exists():
            raise ConfigError(f"{self.path} contains a finished trial, which never changes. Choose another folder.")
        if (self.path / STUDY_FILE).exists():
            raise ConfigError(f"{self.path} contains a study; a single run needs its own folder. Choose another.")
        if self.config_file.exists() and self.config() != config:
            raise ConfigError(
                f"{self.path} contains an unfinished trial of another config (see {self.config_file.name} there). "
                "Use the same settings to resume it, or choose another folder."
            )

    def discard_unsubmitted(self) -> None:
        """Remove the folder that Hydra creates before any check, unless it contains a trial."""
        if not self.config_file.exists() and not self.result_file.exists():
            shutil.rmtree(self.hydra_folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # other files are in it: not ours to remove
                self.path.rmdir()

    def write_overrides(self, overrides: Sequence[str]) -> None:
        """Write the trial's overrides to the file that Hydra uses."""
        self.hydra_folder.mkdir(parents=True, exist_ok=True)
        self.overrides_file.write_text(yaml.safe_dump(list(overrides), allow_unicode=True), encoding="utf-8")

    def overrides(self) -> list[str]:
        """The trial's Hydra overrides; none if it was not started through Hydra."""
        try:
            return list(yaml.safe_load(self.overrides_file.read_text(encoding="utf-8")) or [])
        except FileNotFoundError:
            return []

    def config(self) -> TrialConfig:
        """The saved config, with the current paths of files that have moved together with this folder.

        Raises:
            ConfigError: if there is none, or it cannot be read.
        """
        return config_module.with_paths(config_module.load(self.config_file), self.current_path)

    def current_path(self, path: str) -> str:
        """The current path of a file in the trial's config; `path` itself if it exists or cannot be found."""
        if path_exists(path):
            return path
        then = self.provenance().get("folder")
        with_study = [folder / self.path.name for folder in identity_of(self.path.absolute().parent).folders]
        return path_after_move(path, [Path(then), *with_study] if then else with_study, self.path.absolute())

    def provenance(self) -> dict[str, Any]:
        """Code, packages, hardware, data and base by content, as they were at submission; empty if there is none.

        Raises:
            ConfigError: if it is damaged.
        """
        if not self.provenance_file.exists():
            return {}
        with damage.parsing(self.provenance_file, f"{_COPY_OR_REMOVE}: the trial is then read without its provenance."):
            return dict(json.loads(self.provenance_file.read_text()))

    def disk_bytes(self) -> int:
        """Total size of all files in the folder now."""
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())

    def quarantine(self, records: list[Quarantined]) -> None:
        """Write the bad records that this trial leaves out; no file if there are none."""
        if records:
            write_atomically(self.quarantine_file, "".join(record.to_json_line() for record in records))

    # History

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Lock the folder for this process; the lock ends with the process at the latest.

        Raises:
            Claimed: if another running process has locked it.
        """
        generation = self._newest_generation()
        try:
            lock = claim(self.path, generation=generation)
        except Timeout:
            raise Claimed(f"{self.path}: another process is running this trial; wait for it or stop it.") from None
        self._generation = generation
        try:
            yield
        finally:
            self._generation = None
            lock.release()

    def take_over(self) -> None:
        """Supersede the process that has locked the folder, which no longer answers but may still run: it ends at its
        next look into the folder, and what it writes from now on does not count.

        It checks while its file is open and before it writes. So it either sees that it was superseded, or writes to
        the file as it was, which this replaces.
        """
        write_atomically(self.generation_file, f"{self._newest_generation() + 1}\n")
        for file in (self.metrics_file, self.predictions_file):
            if file.exists():
                copy = file.with_name(f".{file.name}.taken-over")
                shutil.copyfile(file, copy)
                copy.replace(file)
        for unfinished in self.path.glob(f".{self.result_file.name}.*"):  # so that it cannot become the result
            unfinished.unlink(missing_ok=True)

    def _newest_generation(self) -> int:
        try:
            return int((self.generation_file).read_text())
        except FileNotFoundError:
            return 0

    def _refuse_superseded(self) -> None:
        """
        Raises:
            Superseded: if this process was.
        """
        if self._generation is not None and self._newest_generation() != self._generation:
            raise Superseded(f"{self.path}: another process has taken this trial over")

    def is_claimed(self) -> bool:
        """Whether a running process has locked the folder."""
        try:
            with self.claimed():
                return False
        except Claimed:
            return True

    def append(self, line: MetricsLine) -> None:
        """Add a line to `metrics.jsonl`; readers see the whole line or nothing."""
        append_lines(self.metrics_file, [line_to_json(line)], self._refuse_superseded)

    def append_predictions(self, predictions: Iterable[Prediction]) -> None:
        records = [prediction.to_json() for prediction in predictions]
        append_lines(self.predictions_file, records, self._refuse_superseded)

    def lines(self) -> list[MetricsLine]:
        """Every line of `metrics.jsonl`, including those that a later attempt wrote again.

        Raises:
            ConfigError: if the file is damaged.
        """
        return list(read_lines(self.metrics_file, line_from_json))

    def metrics(self) -> list[MetricsLine]:
        """The trial's history: the last line of each kind and sample count, and all attempts.

        Raises:
            ConfigError: if the file is damaged.
        """
        newest: dict[Any, MetricsLine] = {}
        for line in self.lines():
            attempt = getattr(line, "attempt", None)
            newest[(line.kind, line.samples_seen, attempt)] = line
        return list(newest.values())

    def passes(self) -> PassesLine | None:
        """How the last attempt that trained cut its forward passes; None: none has yet, or an earlier version did.

        Raises:
            ConfigError: as `lines`.
        """
        return next((line for line in reversed(self.lines()) if isinstance(line, PassesLine)), None)

    def predictions(self) -> dict[int, dict[str, Prediction]]:
        """The predictions by samples seen, then by question id.

        Raises:
            ConfigError: if the file is damaged.
        """
        evaluations: dict[int, dict[str, Prediction]] = {}
        for prediction in read_lines(self.predictions_file, Prediction.from_json):
            evaluations.setdefault(prediction.samples_seen, {})[prediction.id] = prediction
        return evaluations

    def show_phase(self, phase: Phase) -> None:
        """Replace the recorded phase. Never fails: on a full disk the older phase stays."""
        with contextlib.suppress(OSError):
            replace_quickly(self.phase_file, json.dumps(phase.to_json()))

    def phase(self) -> Phase | None:
        """What the trial does now, if a process works on it; None if no phase is recorded."""
        try:
            return phase_from_json(json.loads(self.phase_file.read_text()))
        except (OSError, ValueError):
            return None

    def _forget_phase(self) -> None:
        with contextlib.suppress(OSError):
            for file in (self.phase_file, *self.path.glob(f".{self.phase_file.name}.*")):  # and one of a killed process
                file.unlink(missing_ok=True)

    # End

    def ask_to_stop(self, reason: StopReason, why: str = "") -> None:
        """Write the stop file; `why` is a sentence for the trial's result."""
        write_atomically(self.stop_file, f"{reason}\n{why}".strip() + "\n")

    def stop_reason(self) -> StopReason | None:
        """Why the trial must stop; None: it need not.

        Raises:
            Superseded: if another process has taken the trial over.
        """
        self._refuse_superseded()
        return self._stop()[0]

    def stop_sentence(self) -> str:
        """The sentence that was given with the reason to stop; may be empty."""
        return self._stop()[1]

    def _stop(self) -> tuple[StopReason | None, str]:
        try:
            reason, _, why = self.stop_file.read_text().partition("\n")
        except FileNotFoundError:
            return None, ""
        known = reason.strip() in list(StopReason)  # otherwise a user wrote the file by hand, to stop the trial
        return (StopReason(reason.strip()) if known else StopReason.REQUESTED), why.strip()

    def finish(self, result: Result) -> None:
        """Write how the trial ended, once. Afterwards a completed trial loses its checkpoints; nothing else changes.

        Raises:
            InternalError: if there is already a result.
        """
        self._refuse_superseded()
        self._forget_phase()
        text = json.dumps(result.to_json(), indent=2, ensure_ascii=False) + "\n"
        temporary = write_beside(self.result_file, text)
        try:
            self._refuse_superseded()
            rename_if_absent(temporary, self.result_file)
        except FileExistsError:
            raise InternalError(f"{self.result_file} exists already: a finished trial never changes") from None
        finally:
            for written in self.path.glob(
                f".{self.result_file.name}.*"
            ):  # this process's file, and any of a killed process
                written.unlink(missing_ok=True)

    def fail(self, kind: FailureKind, message: str) -> Result:
        """Write and return the result of a failed trial; samples and attempts are read from its folder.

        Raises:
            InternalError: if there is already a result.
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

    def end_attempt(
        self,
        outcome: Outcome,
        failure: FailureKind | None,
        message: str,
        node: str | None = None,
        card: str | None = None,
    ) -> None:
        """Add a line for an attempt that ended without a result.

        Args:
            node: where its process was or was to run, as its pool named it; so for the card.
        """
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
                node=node,
                card=card,
            )
        )

    def last_message(self) -> str:
        """The message of the last attempt that ended without a result; empty if there was none."""
        ends = [line.message for line in self.lines() if isinstance(line, AttemptEndLine)]
        return ends[-1] if ends else ""

    def failures(self) -> list[FailureKind]:
        """Why earlier attempts failed, in order; interrupted attempts are not included."""
        return [line.failure for line in self.lines() if isinstance(line, AttemptEndLine) and line.failure]

    def newest_checkpoint(self) -> int | None:
        """Its step; None: there is none."""
        found = self.checkpoint_folder.glob("step-*")
        return max((int(path.name.removeprefix("step-")) for path in found), default=None)

    def resumes_from(self) -> str:
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
        with damage.parsing(self.result_file, f"{_COPY_OR_REMOVE}, and `resume` finishes the trial again."):
            try:
                return Result.from_json(json.loads(self.result_file.read_text()))
            except FileNotFoundError:
                return None


class MetricsReader:
    """Reads new lines of a trial's `metrics.jsonl` while the trial runs."""

    def __init__(self, trial: TrialDir) -> None:
        self._reader = LineReader(trial.metrics_file, line_from_json)

    def new_lines(self) -> list[MetricsLine]:
        """The complete lines written since the last call.

        Raises:
            ConfigError: if one of them is damaged.
        """
        return self._reader.new()
