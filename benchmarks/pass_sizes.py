"""How many tokens a forward pass should have: processor seconds of one optimizer step and of scoring, by the limit.

    python -m benchmarks.pass_sizes --model FOLDER --data FILE
    python -m benchmarks.pass_sizes --model FOLDER --data FILE --dtypes float32,bfloat16 --tokens 256,1024,4096

One process per dtype trains on the same questions in every step, in turns with each limit
(`training.micro_batch_tokens`), and scores the same validation questions in turns with each limit
(`evaluation.batch_tokens`). The first turn warms up and is not counted. Measured are processor seconds, which other
work on the machine does not lengthen; use one thread, as waiting threads of OpenMP count too. What stands here is the
reason for `CPU_TOKENS` in `medqa_sweeps/trial/passes.py`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cases import TINY, composed, encoder_of, model_words
from benchmarks.record import store
from medqa_sweeps import config as config_module
from medqa_sweeps.config import TrainingConfig
from medqa_sweeps.errors import TrialError
from medqa_sweeps.trial.records import TrainLine

ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=TINY)
    parser.add_argument("--data", help="a file of questions; default: the synthetic sample")
    parser.add_argument("--dtypes", default="float32")
    parser.add_argument("--tokens", default="384,512,768,1024,1536,2048,4096", help="limits of a pass")
    parser.add_argument("--batch", type=int, default=16, help="questions of a step")
    parser.add_argument("--questions", type=int, default=64, help="to score")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)  # a child: the config, the limits, the answer
    asked = parser.parse_args()
    if asked.run:
        _measure(Path(asked.run[0]), json.loads(asked.run[1]), Path(asked.run[2]))
        return
    figures = {dtype: _in_a_child(dtype, asked) for dtype in asked.dtypes.split(",")}
    print(json.dumps(figures, indent=1))
    name = "pass_sizes" if asked.model == TINY else f"pass_sizes_{Path(asked.model).name}"
    print(f"stored in {store(name, figures)}")


def _in_a_child(dtype: str, asked: argparse.Namespace) -> dict[str, Any]:
    limits = [int(tokens) for tokens in asked.tokens.split(",")]
    words = {
        "model.dtype": dtype,
        "split.max_validation": asked.questions,
        "training.effective_batch_size": asked.batch,
        "training.max_steps": len(limits) * (asked.turns + 1),
        "training.max_length_tokens": 1024,
        "training.permute_options": "false",
        "training.log_every_steps": 1,
        "engine.threads": asked.threads,
    }
    config = composed([*model_words(asked.model, asked.data), *(f"{key}={value}" for key, value in words.items())])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config_module.save(config, folder / "config.yaml")
        command = [sys.executable, "-m", "benchmarks.pass_sizes", "--turns", str(asked.turns)]
        files = [str(folder / "config.yaml"), json.dumps(limits), str(folder / "out.json")]
        environment = {**os.environ, "OMP_NUM_THREADS": str(asked.threads), "HF_HUB_OFFLINE": "1"}
        subprocess.run([*command, "--run", *files], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        found: dict[str, Any] = json.loads((folder / "out.json").read_text())
    return found


class InTurns:
    """A recorder that gives the next step the next limit, and notes what each step took."""

    def __init__(self, limits: list[int]) -> None:
        self._limits, self._steps = limits, 0
        self.seconds: dict[int, list[float]] = {limit: [] for limit in limits}
        self.losses: dict[int, list[float]] = {limit: [] for limit in limits}

    def cut(self, training: TrainingConfig, probed: bool) -> None:
        self._training, self._began = training, time.process_time()  # the trainer reads it at every step
        training.micro_batch_tokens = self._limits[0]

    def trained(self, line: TrainLine) -> None:
        assert line.loss is not None
        self.losses[self._training.micro_batch_tokens].append(line.loss)

    def stepped(self, step: int, samples_seen: int, state: Any) -> bool:
        now = time.process_time()
        if step > len(self._limits):
            self.seconds[self._training.micro_batch_tokens].append(now - self._began)
        self._training.micro_batch_tokens, self._began = self._limits[step % len(self._limits)], now
        return True

    def ended(self, state: Any) -> None:
        """Nothing is exported."""

    def failed(self, error: TrialError) -> None:
        raise error


def _measure(config_file: Path, limits: list[int], out: Path) -> None:
    from medqa_sweeps.trial.passes import step_passes, with_pass_sizes
    from medqa_sweeps.trial.plan import plan_trial
    from medqa_sweeps.worker import device, model as model_module
    from medqa_sweeps.worker.engines.unsloth import UnslothEngine
    from medqa_sweeps.worker.run import training_run

    config = config_module.load(config_file)
    device.use_threads(config.engine.threads)
    plan = plan_trial(config)
    same = replace(plan.split, train=plan.split.train[: config.training.effective_batch_size])  # in every step
    plan = replace(plan, config=with_pass_sizes(config, 1, on_gpu=False), split=same)
    tokenizer = model_module.load_tokenizer(plan.base)
    encoder = encoder_of(tokenizer, config, plan.split)
    engine = UnslothEngine(plan.base, config.model, config.training, tokenizer, encoder)
    scoring: dict[int, list[float]] = {limit: [] for limit in limits}
    for turn in range(2):
        for limit in limits:
            began = time.process_time()
            engine.answer(plan.split.validation, replace(config.evaluation, batch_tokens=limit))
            scoring[limit] += [time.process_time() - began] if turn else []
    heard = InTurns(limits)
    engine.train([training_run(plan, encoder, None, heard)])
    lengths = [len(ids) + 2 for ids in encoder.encode_all(plan.split.train)]
    found = {}
    for limit in limits:
        passes = step_passes(lengths, limit)
        found[limit] = {
            "step_processor_seconds": median(heard.seconds[limit]),
            "of_each_turn": heard.seconds[limit],
            "passes_of_a_step": len(passes),
            "tokens_computed": sum(len(rows) * max(lengths[row] for row in rows) for rows in passes),
            "scoring_processor_seconds": median(scoring[limit]),
        }
    out.write_text(json.dumps({"tokens_of_a_step": sum(lengths), "by_limit": found}))


if __name__ == "__main__":
    main()
