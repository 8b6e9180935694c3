"""A trial's training alone, without its reports, checkpoints and records: python -m benchmarks.our_training CONFIG OUT

CONFIG is a `config.yaml`; OUT is the meter's file.
"""

import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.cases import encoder_of
from benchmarks.meter import Meter
from medqa_sweeps import config as config_module
from medqa_sweeps.config import TrainingConfig, TrialConfig
from medqa_sweeps.errors import TrialError
from medqa_sweeps.prompt.stream import TrainingStream
from medqa_sweeps.trial.passes import with_pass_sizes
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.trial.records import TrainLine
from medqa_sweeps.worker import device, model as model_module
from medqa_sweeps.worker.engines.contract import TrialState
from medqa_sweeps.worker.engines.unsloth import UnslothEngine
from medqa_sweeps.worker.run import training_run


class Metered:
    """A recorder that notes time and loss of every step, and never stops."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def cut(self, training: TrainingConfig, probed: bool) -> None:
        """The meter knows it from the config."""

    def trained(self, line: TrainLine) -> None:
        assert line.loss is not None
        self._meter.losses.append(line.loss)

    def stepped(self, step: int, samples_seen: int, state: TrialState) -> bool:
        self._meter.step()
        return True

    def ended(self, state: TrialState) -> None:
        """Nothing is exported."""

    def failed(self, error: TrialError) -> None:
        raise error


def train(config: TrialConfig, meter: Meter) -> None:
    """As `run_trial` does, in its order."""
    device.use_threads(config.engine.threads)
    plan = plan_trial(config)
    tokenizer = model_module.load_tokenizer(plan.base)
    encoder = encoder_of(tokenizer, config, plan.split)
    engine = UnslothEngine(plan.base, config.model, config.training, tokenizer, encoder)
    longest = TrainingStream(plan.split.train, encoder, config.training, config.seed).longest_tokens()
    plan = replace(plan, config=with_pass_sizes(config, longest, device.ON_GPU))
    meter.loaded()
    engine.train([replace(training_run(plan, encoder, None, Metered(meter)), log_steps=frozenset())])


if __name__ == "__main__":
    watched = Meter()
    train(config_module.load(Path(sys.argv[1])), watched)
    watched.write(Path(sys.argv[2]))
