"""lm-evaluation-harness's letters for questions, timed: python benchmarks/harness.py CASE OUT

CASE is a JSON file that `evaluation.py` writes: base and adapter folders, dtype, batch size, threads, and a file of
documents with rendered prompt, choices and gold. What is timed is the call that scores requests, tokenizing included,
as in ours, after a batch that is not timed. Imports nothing of ours but the reader of its own memory. OUT: JSON of
seconds, of each document's log-probabilities, and of accuracy and standard error as the harness reports them.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from benchmarks.meter import resident


class TimedModel(HFLM):
    scoring_seconds: tuple[float, float] = (0.0, 0.0)  # on the wall's clock, and of the CPU

    def loglikelihood(self, *arguments: Any, **named: Any) -> Any:
        began, cpu = time.monotonic(), time.process_time()
        scores = super().loglikelihood(*arguments, **named)
        self.scoring_seconds = time.monotonic() - began, time.process_time() - cpu
        return scores


def model_of(case: dict[str, Any]) -> TimedModel:
    """Base and adapter through the harness's own options; in 4-bit handed over loaded, for it has no option left:
    Transformers 5 takes a `quantization_config`, and the harness passes one of its own."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if not case["load_in_4bit"]:
        return TimedModel(
            case["base"], peft=case["adapter"], dtype=case["dtype"], batch_size=case["batch_size"], device=device
        )
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

    dtype = getattr(torch, case["dtype"])
    nf4 = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True, "bnb_4bit_compute_dtype": dtype}
    base = AutoModelForCausalLM.from_pretrained(
        case["base"], quantization_config=BitsAndBytesConfig(load_in_4bit=True, **nf4), dtype=dtype, device_map=device
    )
    for module in base.modules():  # else bitsandbytes computes in bfloat16 on a CPU that has it; ours, in `dtype`
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    model = PeftModel.from_pretrained(base, case["adapter"]).eval()
    tokenizer = AutoTokenizer.from_pretrained(case["base"])
    return TimedModel(model, tokenizer=tokenizer, batch_size=case["batch_size"])


def main() -> None:
    began = time.monotonic()
    case = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(case["threads"])
    model = model_of(case)
    task = {
        "task": "letters",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": case["documents"]}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "prompt",  # a document's own field, as it is
        "doc_to_choice": "choices",
        "doc_to_target": "gold",
        "target_delimiter": "",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    asked: dict[str, Any] = {"model": model, "tasks": [task], "bootstrap_iters": 0, "task_manager": TaskManager()}
    simple_evaluate(**asked, limit=min(8, case["batch_size"]), log_samples=False)
    loaded = time.monotonic()
    told = simple_evaluate(**{**asked, "bootstrap_iters": 1000}, log_samples=True)
    whole = time.monotonic() - loaded
    scoring, scoring_cpu = model.scoring_seconds
    seconds = {"loading": loaded - began, "scoring": scoring, "scoring_cpu": scoring_cpu, "whole": whole}
    samples = sorted(told["samples"]["letters"], key=lambda sample: sample["doc_id"])
    letters = [[float(answer[0]) for answer in sample["filtered_resps"]] for sample in samples]
    reported = {
        "accuracy": told["results"]["letters"]["acc,none"],
        "error": told["results"]["letters"]["acc_stderr,none"],
    }
    peak = resident("VmHWM")
    Path(sys.argv[2]).write_text(json.dumps({"seconds": seconds, "letters": letters, "peak_bytes": peak, **reported}))


if __name__ == "__main__":
    main()
