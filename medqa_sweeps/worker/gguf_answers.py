"""A child process: llama.cpp answers the trial's validation questions with a GGUF.

    python -m medqa_sweeps.worker.gguf_answers TRIAL FILE.gguf QUESTIONS ANSWERS COUNTS.json PROGRESS

It runs the file on the CPU with `xllamacpp`, which holds llama.cpp, with a 32-bit cache and without flash attention:
llama.cpp's defaults round what they remember, which turns letters too. The prompts are sent as the trial's tokens,
since llama.cpp adds a second <bos> to text. How many of them the file's own tokenizer makes of the text as well is
counted apart, in COUNTS.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import xllamacpp

from medqa_sweeps.durable.files import write_atomically
from medqa_sweeps.durable.lines import append_lines
from medqa_sweeps.durable.progress import ProgressFile
from medqa_sweeps.errors import InternalError
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.worker.refusal import done_or_refused
from medqa_sweeps.worker.validation_prompts import validation_prompts

_LIKELY = 64  # tokens that are asked for at first; letters of a trained model are among them
_LOOPBACK_SECONDS = 60


def main(arguments: list[str]) -> ExitCode:
    trial, file, questions, answers, counts, progress = arguments
    return done_or_refused(
        lambda: answer(
            TrialDir(Path(trial)),
            Path(file),
            int(questions),
            Path(answers),
            Path(counts),
            ProgressFile(Path(progress)),
        )
    )


def answer(trial: TrialDir, file: Path, most: int, out: Path, counts: Path, progress: ProgressFile) -> None:
    """Write the answers, and of how many prompts the file's tokenizer makes the trial's tokens.

    Raises:
        TrialError: if questions or base are not what they should be.
    """
    prompts = validation_prompts(trial, None, most)
    server = _server(file, max(map(len, prompts.rows)) + 2)
    lines, same = [], 0
    for index, row in enumerate(prompts.rows):
        scores = _letter_scores(server, row, prompts.letter_ids[: len(prompts.questions[index].options)])
        lines.append(prompts.prediction(index, scores).to_json())
        same += _tokens(server, prompts.text(index), not prompts.config.prompt.chat) == row
        progress.show(index + 1, len(prompts.rows))
    append_lines(out, lines)
    write_atomically(counts, json.dumps({"same_tokens": same}) + "\n")


def _server(file: Path, context_tokens: int) -> Any:
    settings = xllamacpp.CommonParams()
    settings.model.path = str(file)
    settings.n_ctx, settings.n_parallel, settings.n_gpu_layers = context_tokens, 1, 0
    settings.warmup, settings.verbosity = False, 0
    threads = int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
    settings.cache_type_k = settings.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    settings.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    return xllamacpp.Server(settings)


def _letter_scores(server: Any, row: list[int], letter_ids: list[int]) -> list[float]:
    """The letters' log-probabilities after a prompt, over the whole vocabulary."""
    # A token that ends the text would be drawn without any probability. What is not drawn keeps its probability.
    how = {"n_predict": 1, "cache_prompt": False, "temperature": 1.0, "samplers": [], "seed": 1, "ignore_eos": True}
    for count in (_LIKELY, 1 << 20):  # more than any vocabulary has
        answer = server.handle_completions({**how, "prompt": row, "n_probs": count})
        (step, *_) = answer["choices"][0]["logprobs"]["content"]
        found = {one["id"]: one["logprob"] for one in step["top_logprobs"]}
        if found.keys() >= set(letter_ids):
            return [found[letter] for letter in letter_ids]
    raise InternalError(f"llama.cpp gave no log-probability for the letters {letter_ids}: {answer}")


def _tokens(server: Any, text: str, adds_own: bool) -> list[int]:
    """What the file's own tokenizer makes of a rendered prompt; nothing, if it fails.

    Args:
        adds_own: whether it adds tokens such as <bos>, which a chat template writes itself.
    """
    body = json.dumps({"content": text, "add_special": adds_own, "parse_special": True}).encode()
    request = urllib.request.Request(f"{server.listening_address}/tokenize", body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_LOOPBACK_SECONDS) as answer:
            return list(json.load(answer)["tokens"])
    except urllib.error.HTTPError:
        return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
