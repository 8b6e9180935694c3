"""Builds the tiny base beside this file: a real Gemma 3 with under a million weights that reads options by letter.

    OMP_NUM_THREADS=2 uv run python -m medqa_sweeps.assets.tiny_gemma3.make_tiny_gemma3

SYNTHETIC. Full training teaches it the project's prompt, to find an option that the vignette names, and the facts of a
random table over the sample's invented names. So it can select an option, and is at chance on the sample's own facts,
which only a LoRA learns. It knows no medicine and no English beyond these vignettes.

Reading the options is the hard part: a model that is trained on all names at once stays at chance for a thousand steps.
Three measures help: every token has as much loss as the letter (predicting an earlier name teaches attention to it);
half of the questions name their answer; and training starts with few names and adds more as soon as those are learnt.

One seed; the same machine with the same number of threads writes the same bytes.
"""

import random
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import Tensor
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, GenerationConfig, PreTrainedTokenizerFast

from medqa_sweeps.assets.sample.make_sample import (
    ASKING,
    CONDITION_NAMES,
    DRUG_NAMES,
    FINDING_NAMES,
    LETTERS,
    OPENINGS,
    shuffled_names,
)

FOLDER = Path(__file__).parent
SEED = 7

# Gemma's names; the first four have Gemma's own ids.
SPECIAL_TOKENS = ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>")
VOCABULARY = 2048

BATCH = 32
WARMUP_STEPS = 100
PEAK_LR = 2e-3
FIRST_NAMES = 10
ENOUGH = 0.93  # share of correct letters in the last 20 steps at which the names are doubled
LAST_STEPS = 200  # with all names, while the learning rate falls to zero
FINDINGS_A_NAME = 4
FINDINGS_SHOWN = 3

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
    """A copy of the project's prompt, so that this model does not change when the project's prompt does.

    A record may hold `passages` as the prompt shows them; they stand before the question.
    """
    passages = "".join(f"{passage}\n" for passage in record.get("passages", ()))
    options = "\n".join(f"{letter}. {text}" for letter, text in record["options"].items())
    before = f"{passages}\n" if passages else ""
    return f"{before}{record['question']}\n\n{options}\n\nAnswer with the letter of the one correct option."


class Lessons:
    """Questions about the first `known` names: half of them name their answer, half follow from a random table."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(f"lessons {seed}")
        kinds = zip(ASKING, (CONDITION_NAMES, DRUG_NAMES), strict=True)
        named = {step: shuffled_names(self._rng, text) for step, text in kinds}
        self._names = [(step, name) for step, names in named.items() for name in names]
        findings = shuffled_names(self._rng, FINDING_NAMES)
        self._table = {name: self._rng.sample(findings, FINDINGS_A_NAME) for _, name in self._names}
        self.known = self.all_names = len(self._names)

    def draw(self) -> dict[str, Any]:
        rng, first = self._rng, self.known == FIRST_NAMES
        known = self._names[: self.known]
        step = rng.choice(known)[0]
        options = rng.sample([name for kind, name in known if kind == step], len(LETTERS))
        gold = rng.randrange(len(LETTERS))
        shown = rng.sample(self._table[options[gold]], FINDINGS_SHOWN)
        findings = options[gold] if rng.random() < 0.5 else f"{', '.join(shown[:-1])} and {shown[-1]}"
        opening = OPENINGS[0] if first else rng.choice(OPENINGS)
        asking = ASKING[step][0] if first else rng.choice(ASKING[step])
        opening = opening.format(age=rng.randint(18, 80), person=rng.choice(("man", "woman")), findings=findings)
        return {
            "question": f"{opening} {asking}",
            "options": dict(zip(LETTERS, options, strict=True)),
            "answer_idx": LETTERS[gold],
        }


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
    """Mean loss on the letters plus that on all other tokens, and the share of correct letters."""
    width = max(len(row) for row in rows)
    # Padded on the left, so that every letter is in the last column but one.
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
    return letters + others, hits


def take_step(
    model: Gemma3ForCausalLM, optimizer: torch.optim.Optimizer, rows: Sequence[list[int]], pad_id: int
) -> tuple[float, float]:
    """One update; returns loss and share of correct letters before it."""
    loss, hits = loss_of(model, rows, pad_id)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item(), hits


def new_optimizer(model: Gemma3ForCausalLM, lr: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.98), weight_decay=0.01)


@torch.no_grad()
def initialise(model: Gemma3ForCausalLM) -> None:
    """Initialise so that embeddings dominate: Gemma scales them by sqrt(width) and each layer's output to unit size."""
    model.model.embed_tokens.weight.normal_(0, 0.09)  # about one after scaling
    for name, parameter in model.named_parameters():
        if "post_" in name and "layernorm" in name:
            parameter.fill_(-0.75)  # the scale is one plus this: a layer adds a quarter


def teach(model: Gemma3ForCausalLM, tokenizer: PreTrainedTokenizerFast, lessons: Lessons) -> int:
    """Full training in float32 on a growing number of names; returns the number of steps."""
    optimizer = new_optimizer(model, PEAK_LR)
    model.train()
    lessons.known = FIRST_NAMES
    recent: list[float] = []
    step, left = 0, LAST_STEPS
    while left:
        optimizer.param_groups[0]["lr"] = PEAK_LR * min(1.0, (step + 1) / WARMUP_STEPS, left / LAST_STEPS)
        rows = [token_ids(tokenizer, lessons.draw()) for _ in range(BATCH)]
        loss, hits = take_step(model, optimizer, rows, tokenizer.pad_token_id)
        step += 1
        recent.append(hits)
        if step % 50 == 0:
            print(f"step {step}: {lessons.known} names, loss {loss:.3f}, right {mean(recent[-50:]):.1%}", flush=True)
        if left < LAST_STEPS or (lessons.known == lessons.all_names and mean(recent[-20:]) > ENOUGH):
            left -= 1
        elif len(recent) >= 20 and mean(recent[-20:]) > ENOUGH:
            lessons.known = min(2 * lessons.known, lessons.all_names)
            recent.clear()
    return step


def main() -> None:
    started = time.monotonic()
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)
    lessons = Lessons(SEED)
    tokenizer = build_tokenizer(["user\nmodel\n" + user_content(lessons.draw()) for _ in range(4000)])
    model = Gemma3ForCausalLM(build_config(tokenizer))
    initialise(model)
    print(f"{model.num_parameters():,} weights, vocabulary {len(tokenizer)}")
    steps = teach(model, tokenizer, lessons)
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=[tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<end_of_turn>")],
    )
    model.to(torch.bfloat16).save_pretrained(FOLDER)
    tokenizer.save_pretrained(FOLDER)
    print(f"{steps} steps, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
