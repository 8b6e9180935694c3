"""A trial's training alone, without its reports, checkpoints and records: python -m benchmarks.our_training CONFIG OUT

CONFIG is a `config.yaml`; OUT is the meter's file.
"""

import sys
from pathlib import Path

from benchmarks.cases import encoder_of
from benchmarks.meter import Meter
from medqa_sweeps import config as config_module
from medqa_sweeps.config import TrialConfig
from medqa_sweeps.prompt.stream import TrainingStream
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.trial.records import TrainLine
from medqa_sweeps.worker import model as model_module
from medqa_sweeps.worker.checkpoint import Progress
from medqa_sweeps.worker.engines.unsloth import Training


class Seat:
    """Notes time and loss of every step, and never stops."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def trained(self, line: TrainLine) -> None:
        assert line.loss is not None
        self._meter.losses.append(line.loss)

    def after_step(self, progress: Progress, engine: Training) -> bool:
        self._meter.step()
        return True


def train(config: TrialConfig, meter: Meter) -> None:
    """As `run_trial` does, in its order."""
    model_module.use_threads(config.engine.threads)
    plan = plan_trial(config)
    tokenizer = model_module.load_tokenizer(plan.base)
    model = model_module.load_base(plan.base, config.model, config.training)
    model = model_module.attach_adapter(model, config.lora, config.training, config.seed)
    engine = Training(model, tokenizer, config.training, config.optimizer, config.scheduler, config.seed)
    encoder = encoder_of(tokenizer, config, plan.split)
    meter.loaded()
    engine.run(
        TrainingStream(plan.split.train, encoder, config.training, config.seed), plan.steps, set(), Seat(meter), None
    )


if __name__ == "__main__":
    watched = Meter()
    train(config_module.load(Path(sys.argv[1])), watched)
    watched.write(Path(sys.argv[2]))
