"""A child process without Unsloth: an exported adapter or model answers the trial's validation questions.

    python -m medqa_sweeps.worker.plain_answers TRIAL FORM FOLDER QUESTIONS ANSWERS PROGRESS

It loads FOLDER with Transformers and PEFT alone, as whoever is given it would, and writes a line per question into
ANSWERS: of the first QUESTIONS of the trial.
"""

import json
import sys
from pathlib import Path
from typing import Any

import bitsandbytes
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from medqa_sweeps.durable.lines import append_lines
from medqa_sweeps.durable.progress import ProgressFile
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.export.forms import Form
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.worker import device
from medqa_sweeps.worker.letter_scores import letter_log_probabilities, scoring_passes
from medqa_sweeps.worker.refusal import done_or_refused
from medqa_sweeps.worker.validation_prompts import ValidationPrompts, validation_prompts


def main(arguments: list[str]) -> ExitCode:
    trial, form, folder, questions, answers, progress = arguments
    return done_or_refused(
        lambda: answer(
            TrialDir(Path(trial)),
            Form(form),
            Path(folder),
            int(questions),
            Path(answers),
            ProgressFile(Path(progress)),
        )
    )


def answer(trial: TrialDir, form: Form, folder: Path, most: int, out: Path, progress: ProgressFile) -> None:
    """Write the answers of what lies in `folder`.

    Raises:
        TrialError: if questions, base or tokenizer are not what they should be.
    """
    device.use_threads(None)
    prompts = validation_prompts(trial, None if form is Form.ADAPTER else folder, most)
    model = _adapted(trial, prompts, folder) if form is Form.ADAPTER else AutoModelForCausalLM.from_pretrained(folder)
    model.to(device.DEVICE).eval()
    found = dict(_answers(model, prompts, progress))
    append_lines(out, [prompts.prediction(index, found[index]).to_json() for index in range(len(found))])


def _adapted(trial: TrialDir, prompts: ValidationPrompts, folder: Path) -> Any:
    """The base as the trial loaded it, in 4-bit or not and in its dtype, with the adapter of `folder`."""
    base, result = prompts.plan.base, trial.result()
    named = result.effective.get("base_dtype", "auto") if result else "auto"
    loading: dict[str, Any] = {"dtype": named if named == "auto" else getattr(torch, named)}
    packed = "quantization_config" in json.loads((base.folder / "config.json").read_text())
    if prompts.config.model.load_in_4bit and not packed:
        loading["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True
        )
    if device.ON_GPU:
        loading["device_map"] = {"": device.DEVICE}
    model = AutoModelForCausalLM.from_pretrained(base.folder, **loading)
    # On a CPU with AVX-512 BF16, bitsandbytes computes 4-bit layers in bfloat16 whatever dtype was asked for. The trial
    # did not, as training excludes it.
    for module in model.modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            module.support_avx512bf16_for_cpu = False
    return PeftModel.from_pretrained(model, folder)


@torch.no_grad()
def _answers(model: Any, prompts: ValidationPrompts, progress: ProgressFile) -> Any:
    """The letters' log-probabilities by the question's index."""
    done = 0
    for batch in scoring_passes(list(prompts.rows), prompts.config.evaluation):
        rows = [prompts.rows[index] for index in batch]
        letters_BxL = letter_log_probabilities(model, rows, prompts.pad_id, prompts.letter_ids)
        for index, scores in zip(batch, letters_BxL.tolist(), strict=True):
            yield index, scores[: len(prompts.questions[index].options)]
        progress.show(done := done + len(batch), len(prompts.rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
