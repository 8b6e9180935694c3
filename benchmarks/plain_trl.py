"""The same training as one would write it without this project: TRL's SFTTrainer, PEFT and bitsandbytes, no Unsloth.

    python -m benchmarks.plain_trl CASE OUT

CASE is a JSON file that `training.py` writes; its rows hold the rendered prompt and completion. OUT: the meter's file.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, TrainerCallback
from trl import SFTConfig, SFTTrainer
from trl.trainer import utils as trl_utils

from benchmarks.meter import Meter
from benchmarks.plain_samples import samples


def train(case: dict[str, Any], meter: Meter) -> None:
    torch.set_num_threads(case["threads"])
    if not torch.cuda.is_available():
        trl_utils._ChunkedLogProbFunction = LossWithoutTriton
    tokenizer, dtype = AutoTokenizer.from_pretrained(case["base"]), getattr(torch, case["dtype"])
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    nf4 = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True, "bnb_4bit_compute_dtype": dtype}
    four_bit = BitsAndBytesConfig(load_in_4bit=True, **nf4) if case["load_in_4bit"] else None
    model = AutoModelForCausalLM.from_pretrained(case["base"], quantization_config=four_bit, dtype=dtype)
    arguments = SFTConfig(**case["arguments"], bf16=dtype == torch.bfloat16, fp16=dtype == torch.float16)
    rows = Dataset.from_list(samples(case["rows"], tokenizer))
    lora, clock = LoraConfig(**case["lora"], task_type="CAUSAL_LM"), Clock(meter)
    trainer = SFTTrainer(model, arguments, train_dataset=rows, processing_class=tokenizer, peft_config=lora,
                         callbacks=[clock])  # fmt: skip
    for weight in trainer.model.parameters():
        if weight.requires_grad:  # TRL has made it bfloat16; ours trains it in float32
            weight.data = weight.data.float()
    meter.loaded()
    trainer.train()


class LossWithoutTriton:
    """TRL 1.15 computes its loss in a Triton kernel, so on a CPU it cannot train at all: the same in plain torch."""

    @staticmethod
    def apply(hidden_NxD: Any, weight: Any, bias: Any, targets_N: Any, temperature: float, chunk: int, cap: Any = None,
              scale: float = 1.0, *unused: Any) -> tuple[Any, ...]:  # fmt: skip
        logits_NxV = scale * torch.nn.functional.linear(hidden_NxD, weight, bias).float()
        logits_NxV = cap * torch.tanh(logits_NxV / cap) if cap else logits_NxV
        log_NxV = torch.log_softmax(logits_NxV / temperature, dim=-1)
        entropy_N = -(log_NxV.detach().exp() * log_NxV.detach()).sum(-1)
        chosen_N = log_NxV.gather(1, targets_N[:, None])[:, 0]
        return chosen_N, entropy_N, None, None, log_NxV.argmax(-1) == targets_N


class Clock(TrainerCallback):
    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def on_step_end(self, *unused: Any, **also: Any) -> None:
        self._meter.step()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **also: Any) -> None:
        self._meter.losses += [logs["loss"]] if "loss" in logs else []


if __name__ == "__main__":
    watched = Meter()
    train(json.loads(Path(sys.argv[1]).read_text()), watched)
    assert "unsloth" not in sys.modules
    watched.write(Path(sys.argv[2]))
