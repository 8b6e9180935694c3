"""Builds the tiny base beside this file: a real Gemma 3 of about a million weights that reads options and answers A to D.

    OMP_NUM_THREADS=2 uv run python -m medqa_sweeps.assets.tiny_gemma3.make_tiny_gemma3

SYNTHETIC. It is taught, by full training, the facts of a random table (`fact_table(BASE_TABLE_SEED)`) over the same
invented names as the sample's, so it knows the prompt and how to point at an option, and is at chance on the sample's own
facts: those are left to the LoRA. It knows no medicine and no English beyond these vignettes.

Reading the options is the hard part. With loss on the letter alone the model never leaves chance; a tenth of the loss on
every other token gets it there, because predicting the findings and options teaches which names belong together.

One seed; the same machine with the same number of threads writes the same bytes.
"""

import math
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import Tensor
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, GenerationConfig, PreTrainedTokenizerFast

from medqa_sweeps.assets.sample.make_sample import LETTERS, System, draw_question, fact_table

FOLDER = Path(__file__).parent
SEED = 7
BASE_TABLE_SEED = 1007

# Gemma's names; the first four have Gemma's own ids.
SPECIAL_TOKENS = ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>")
VOCABULARY = 2048

STEPS = 1200
BATCH = 64
WARMUP_STEPS = 100
PEAK_LR = 2e-3
OTHER_TOKENS_LOSS = 0.1

# The text of Gemma 3's template: a system message is the start of the first user turn, the assistant is "model".
CHAT_TEMPLATE = """\
{{- bos_token -}}
{%- set turns = messages -%}
{%- set preface = '' -%}
{%- if messages and messages[0]['role'] == 'system' -%}
    {%- set preface = messages[0]['content'] + '\\n\\n' -%}
    {%- set turns = messages[1:] -%}
{%- endif -%}
{%- for turn in turns -%}
    {%- if turn['role'] != ('user' if loop.index0 is even else 'assistant') -%}
        {{- raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") -}}
    {%- endif -%}
    {{- '<start_of_turn>' + ('model' if turn['role'] == 'assistant' else turn['role']) + '\\n' -}}
    {{- (preface if loop.first else '') + turn['content'] | trim + '<end_of_turn>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<start_of_turn>model\\n' -}}
{%- endif -%}
"""


def user_content(record: dict[str, Any]) -> str:
    """The project's prompt, repeated here because what this file was taught must not move when the project's moves."""
    options = "\n".join(f"{letter}. {text}" for letter, text in record["options"].items())
    return f"{record['question']}\n\n{options}\n\nAnswer with the letter of the one correct option."


def endless_records(table: Sequence[System], seed: int) -> Iterator[dict[str, Any]]:
    """Ever new questions about one table."""
    rng = random.Random(f"base questions {seed}")
    while True:
        yield draw_question(rng, table, rng.choice(LETTERS)).record


def build_tokenizer(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE, so that any text encodes and decodes to itself, with Gemma's special tokens and template."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    bos_id = tokenizer.token_to_id("<bos>")
    tokenizer.post_processor = processors.TemplateProcessing("<bos> $A", "<bos> $A <bos> $B", [("<bos>", bos_id)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        unk_token="<unk>",
        additional_special_tokens=["<start_of_turn>", "<end_of_turn>"],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=8192,
    )


def build_config(tokenizer: PreTrainedTokenizerFast) -> Gemma3TextConfig:
    """Every linear layer reads a multiple of 64 inputs, NF4's block, and is wide enough for a LoRA of rank 64."""
    return Gemma3TextConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        query_pre_attn_scalar=32,
        sliding_window=512,
        layer_types=["sliding_attention", "full_attention"] * 2,
        max_position_embeddings=8192,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id,
        tie_word_embeddings=True,
        initializer_range=0.02,
    )


def token_ids(tokenizer: PreTrainedTokenizerFast, record: dict[str, Any]) -> list[int]:
    """The conversation up to and with the end of the model's turn; the letter is the last token but one."""
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": user_content(record)}], tokenize=False, add_generation_prompt=True
    )
    return tokenizer.encode(f"{prompt}{record['answer_idx']}<end_of_turn>", add_special_tokens=False)


def loss_of(model: Gemma3ForCausalLM, rows: Sequence[list[int]], pad_id: int) -> tuple[Tensor, float]:
    """Mean loss on the letters plus a tenth of that on all other tokens, and the share of letters that were right."""
    width = max(len(row) for row in rows)
    # Padded on the left: every letter then stands in the last column but one.
    ids_BxT = torch.tensor([[pad_id] * (width - len(row)) + row for row in rows])
    mask_BxT = (ids_BxT != pad_id).long()
    logits_BxTxV = model(input_ids=ids_BxT, attention_mask=mask_BxT).logits[:, :-1]
    targets_BxT = ids_BxT[:, 1:]
    losses_BxT = torch.nn.functional.cross_entropy(logits_BxTxV.transpose(1, 2), targets_BxT, reduction="none")
    others_BxT = mask_BxT[:, :-1].clone()
    others_BxT[:, -2] = 0
    letters = losses_BxT[:, -2].mean()
    others = (losses_BxT * others_BxT).sum() / others_BxT.sum()
    hits = (logits_BxTxV[:, -2].argmax(-1) == targets_BxT[:, -2]).float().mean().item()
    return letters + OTHER_TOKENS_LOSS * others, hits


def learning_rate(step: int) -> float:
    """Linear warm-up, then a cosine to zero."""
    if step < WARMUP_STEPS:
        return PEAK_LR * (step + 1) / WARMUP_STEPS
    progress = (step - WARMUP_STEPS) / (STEPS - WARMUP_STEPS)
    return PEAK_LR * 0.5 * (1 + math.cos(math.pi * progress))


def teach(model: Gemma3ForCausalLM, tokenizer: PreTrainedTokenizerFast, records: Iterator[dict[str, Any]]) -> None:
    """Full training on `records`, in float32."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LR, betas=(0.9, 0.98), weight_decay=0.01)
    model.train()
    recent: list[float] = []
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = learning_rate(step)
        rows = [token_ids(tokenizer, next(records)) for _ in range(BATCH)]
        loss, hits = loss_of(model, rows, tokenizer.pad_token_id)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        recent = [*recent[-49:], hits]
        if step % 50 == 49:
            print(f"step {step + 1}: loss {loss.item():.3f}, right {sum(recent) / len(recent):.1%}", flush=True)


def main() -> None:
    started = time.monotonic()
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)
    records = endless_records(fact_table(BASE_TABLE_SEED), SEED)
    texts = ["user\nmodel\n" + user_content(next(records)) for _ in range(4000)]
    tokenizer = build_tokenizer(texts)
    model = Gemma3ForCausalLM(build_config(tokenizer))
    print(f"{model.num_parameters():,} weights, vocabulary {len(tokenizer)}")
    teach(model, tokenizer, records)
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=[tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<end_of_turn>")],
    )
    model.to(torch.bfloat16).save_pretrained(FOLDER)
    tokenizer.save_pretrained(FOLDER)
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
