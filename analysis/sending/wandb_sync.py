"""`medqa-sweeps wandb-sync multirun/NAME`: send to W&B what an offline or broken connection kept back.

A trial is told again from its folder, which is complete: W&B keeps the steps that it has and takes the others.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from medqa_sweeps.analysis.reading.studies import Study, Trial, read_study
from medqa_sweeps.analysis.reading.trial_state import State
from medqa_sweeps.analysis.sending.wandb_summary import log_summary, settings_of_study
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.installation import IN_ENVIRONMENT
from medqa_sweeps.study_identity import group_of
from medqa_sweeps.tracking.client import NO_KEY, obstacle_to_online
from medqa_sweeps.tracking.run_settings import OFF, effective_mode
from medqa_sweeps.tracking.tracker import has_been_sent, replay, settings_of
from medqa_sweeps.tracking.variables import variables_here
from medqa_sweeps.trial.folder import TrialDir

_AT_ONCE = 8  # runs that are open at a time: most of each one's time is waiting for the server
_WORDS = {
    "sent": "sent",
    "before": "sent before",
    "running": "not finished: the running sweep sends it",
    "off": "not tracked, as W&B was switched off",
    "absent": "never ran",
    "kept": "not sent; the folder is complete, try again when the server answers",
}


def sync(folder: Path) -> ExitCode:
    """OK: W&B has all that there is; FAILED: something could not be sent.

    Raises:
        ConfigError: if there is nothing to read.
    """
    study = read_study(folder)
    if obstacle := obstacle_to_sending(study):
        print(f"Nothing was sent: {obstacle}.")
        return ExitCode.FAILED
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        counts = Counter(threads.map(_sent, study.trials))
    print("Trials: " + "; ".join(f"{count:,} {_WORDS[how]}" for how, count in counts.items()) + ".")
    is_study = not TrialDir(folder).is_submitted()
    summary_sent = not is_study or log_summary(read_study(folder), mode="online")
    return ExitCode.FAILED if counts["kept"] > 0 or not summary_sent else ExitCode.OK


def obstacle_to_sending(study: Study) -> str | None:
    """Why nothing of the study can be sent, and what would help; None if something can, or nothing was to be."""
    asked = effective_mode("online", {}, variables_here())
    if asked.name != "online":
        return f"{asked.source} keeps runs here; unset it for this command"
    settings = settings_of_study(study, "online")
    if settings is None or not (obstacle := obstacle_to_online(settings)):
        return None
    return f"{obstacle}; `{IN_ENVIRONMENT}wandb login` stores a key" if obstacle == NO_KEY else obstacle


def _sent(trial: Trial) -> str:
    """What was done about a trial: a key of `_WORDS`."""
    directory = trial.directory
    group = group_of(directory.path.resolve().parent)
    if not directory.config_file.exists():
        return "absent"
    if settings_of(directory, group, "online").mode.name == OFF:
        return "off"
    if trial.state in (State.RUNNING, State.WAITING):
        return "running"
    if has_been_sent(directory):
        return "before"
    replay(directory, group, "online")
    return "sent" if has_been_sent(directory) else "kept"
