"""Fine-tune a small language model on medical exam questions: one run, or with -m a sweep.

    uv run launch.py                                               Gemma 3 1B on MedQA-USMLE
    uv run launch.py -m lora.r=8,16,32,64                          four ranks, compared
    uv run launch.py -m experiment=quickstart lora.r=8,16,32,64    the same anywhere, in three minutes, no GPU

For education and research only; never for clinical decisions.
"""

import sys
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig

from medqa_sweeps.config import TrialConfig, from_hydra
from medqa_sweeps.errors import TrialError
from medqa_sweeps.places import complete_environment
from medqa_sweeps.trial_dir import TrialDir

INTERRUPTED = 130  # the exit code that a shell gives a program stopped by Ctrl-C

ConfigStore.instance().store(name="schema", node=TrialConfig)


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(composed: DictConfig) -> float | None:
    """Compose, check, announce, write the trial folder, run its child; the validation accuracy if it completed."""
    from medqa_sweeps.sweep.device_request import requested_of_launcher
    from medqa_sweeps.sweep.single import run_single  # not needed for --help or a config error

    hydra_config = HydraConfig.get()
    alone = hydra_config.mode is RunMode.RUN
    trial = TrialDir(Path(hydra_config.runtime.output_dir).resolve())
    try:
        devices = requested_of_launcher(hydra_config.launcher)
        result = run_single(from_hydra(composed), trial, alone or hydra_config.job.num == 0, devices)
    except TrialError as error:
        trial.discard_unsubmitted()
        raise CompactHydraException(str(error)) from None
    if result is None:
        sys.exit(INTERRUPTED)
    if result.score is None and alone:
        raise CompactHydraException(result.message)
    return result.score.accuracy if result.score else None


if __name__ == "__main__":
    complete_environment()
    try:
        main()
    except KeyboardInterrupt:  # before a trial or a sweep listens for it
        print("Interrupted. Nothing had begun.", file=sys.stderr)
        sys.exit(INTERRUPTED)
