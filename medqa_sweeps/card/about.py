"""What the model is, what it is for and not for, the questions, the prompt, and whose terms apply."""

from collections.abc import Iterator

from medqa_sweeps.card.licences import of_data, of_model
from medqa_sweeps.card.records import FORMS, Records
from medqa_sweeps.card.tables import facts
from medqa_sweeps.data.split import IN_TRAINING, NEARLY_IN_TRAINING
from medqa_sweeps.wording import accuracy, counted, data_set, percent

_REGIONS = {"us": "United States", "taiwan": "Taiwan", "mainland": "Mainland China"}
_WEIGHTS = "model.safetensors"
_FOR = (
    "teaching and research: how fine-tuning changes the answers of a small language model to exam questions",
    "comparing fine-tuning methods on multiple-choice questions",
)
_NOT_FOR = (
    "diagnosis, treatment, triage, dosing, or any other decision about a patient",
    "advice to patients or the public",
    "a medical device, or a part of one",
    "questions unlike those below: other languages, formats, exams or times",
)


def title(records: Records) -> str:
    """Of the card: base, rank and data."""
    config = records.config
    trained = data_set(config.data.name, config.data.synthetic)
    return f"# {base_name(records)} with LoRA, r={config.lora.r}, trained on {trained}"


def base_name(records: Records) -> str:
    """The base's id on the hub, or the name of its option; never a path."""
    return records.config.model.hub_id or records.config.model.name


def uses(records: Records) -> Iterator[str]:
    yield from ("## What it is for, and not for", "", "For:", "")
    yield from (f"- {use}" for use in _FOR)
    yield from ("", "Not for:", "")
    yield from (f"- {use}" for use in (*_NOT_FOR, _free_text(records)))
    yield ""
    if score := records.result.score:
        wrong = score.questions - round(score.accuracy * score.questions)
        asked, who = counted(score.questions, "validation question"), records.scored.capitalize()
        yield f"{who} gave a wrong answer to {wrong:,} of {asked} ({percent(1 - score.accuracy)})."
        yield ""


def _free_text(records: Records) -> str:
    if records.safety and "requests" in records.safety.ran:
        return (
            "free text: besides the choice of a letter, only the beginnings of its answers to a few requests were read"
        )
    return "free text: only the choice of a letter was measured, so nothing is known about anything else that it writes"


def model(records: Records) -> Iterator[str]:
    config, lora = records.config, records.config.lora
    scale = " (rank-stabilised)" if lora.use_rslora else ""
    yield from ("## Model", "")
    yield from facts(
        [
            ("this file", FORMS[records.form]),
            ("base model", _base(records)),
            ("weights of the base in training", "4-bit NF4" if config.model.load_in_4bit else "unquantized"),
            ("licence of the base", of_model(config.model).text("its publisher")),
            ("adapter", f"{'DoRA' if lora.use_dora else 'LoRA'}, r={lora.r}, alpha={lora.alpha:g}{scale}, "
             f"dropout={lora.dropout:g}, on {', '.join(lora.target_modules)}"),
            ("trainable parameters", f"{records.result.trainable_weights:,}"),
            ("SHA-256 of the adapter's tensors", records.result.adapter_sha256 or ""),
            ("experiment ID (signature)", records.result.signature),
        ]
    )  # fmt: skip
    yield (
        "The licence of the base applies to this file too. Read it, and the licence of the questions below, before you "
        "pass the file on."
    )
    yield ""
    if records.form == "adapter" and config.model.load_in_4bit:
        yield (
            "Load the base in 4-bit NF4 (bitsandbytes, double quantization), as in training. On the unquantized base "
            "the same adapter gives other answers."
        )
        yield ""


def _base(records: Records) -> str:
    revision = records.recorded("base", "revision")
    weights = (records.recorded("base", "files") or {}).get(_WEIGHTS, "")
    where = "" if records.config.model.hub_id else ", from a local folder"
    if str(records.config.model.path).startswith("bundled:"):
        where = ", part of medqa_sweeps"
    sha = f"; SHA-256 of {_WEIGHTS} {weights}" if weights else ""
    return base_name(records) + where + (f", commit {revision}" if revision else "") + sha


def data(records: Records) -> Iterator[str]:
    config, recorded = records.config, records.recorded("questions") or {}
    yield from ("## Questions", "")
    yield from facts(
        [
            ("data set", data_set(config.data.name, config.data.synthetic)),
            ("source", _source(records)),
            ("licence", of_data(config.data)),
            ("region", ", ".join(_regions(records)) or "not recorded"),
            ("training questions", _count(recorded.get("train"))),
            ("validation questions", _count(recorded.get("validation"))),
            ("split", _split(records)),
            ("fingerprint of both", str(recorded.get("fingerprint") or "")),
            ("records left out as bad", f"{recorded.get('quarantined', 0):,}" if recorded else ""),
            ("records cleaned", _counts(recorded.get("cleaned"))),
            ("records flagged and kept", _counts(recorded.get("flagged"))),
        ]
    )
    yield _overlap(recorded.get("flagged") or {}, bool(recorded))
    yield ""


def _source(records: Records) -> str:
    data = records.config.data
    if data.hub_id:
        subsets = f" ({', '.join(data.hub_subsets)})" if data.hub_subsets else ""
        return f"{data.hub_id}{subsets} on the Hugging Face Hub, commit {data.revision or 'not recorded'}"
    return "part of medqa_sweeps" if str(data.train).startswith("bundled:") else "files of the person who trained it"


def _regions(records: Records) -> list[str]:
    regions = records.result.score.accuracy_by_region if records.result.score else {}
    return [_REGIONS.get(region, region) for region in regions]


def _split(records: Records) -> str:
    split = records.config.split
    how = {
        "official": "the data set's own",
        "random": f"random, {percent(split.validation_ratio)} for validation, seed {split.seed}",
        "kfold": f"part {split.fold} of {split.folds} for validation, seed {split.seed}",
    }[split.name]
    part = f"; {percent(split.train_fraction)} of the training questions" if split.train_fraction < 1 else ""
    most = f"; at most {split.max_validation:,} validation questions" if split.max_validation else ""
    return f"{how}{part}{most}"


def _overlap(flagged: dict[str, int], is_recorded: bool) -> str:
    if not is_recorded:
        return "Whether validation questions resemble training questions is not recorded."
    same, near = flagged.get(IN_TRAINING, 0), flagged.get(NEARLY_IN_TRAINING, 0)
    return (
        f"{counted(same, 'validation question')} also in training; {near:,} more with a near-duplicate there. Whether "
        "the base model saw these questions in its own training is unknown."
    )


def _count(count: int | None) -> str:
    return "not recorded" if count is None else f"{count:,}"


def _counts(counts: dict[str, int] | None) -> str:
    return "; ".join(f"{reason}: {count:,}" for reason, count in (counts or {}).items())


def prompt(records: Records) -> Iterator[str]:
    """The prompt and how an answer is read."""
    asked, method = records.config.prompt, records.config.evaluation
    yield from ("## Prompt and scoring", "")
    through = "through the base's chat template" if asked.chat else "as plain text"
    yield f"The question is put {through}" + (", after this system message:" if asked.system else ":")
    yield ""
    fence = "````"
    if asked.system:
        yield from (f"{fence}text", *asked.system.splitlines(), fence, "")
    yield from (f"{fence}text", *asked.template.splitlines(), fence, "")
    prefix = f"`{asked.letter_prefix}` followed by the letter" if asked.letter_prefix else "the letter"
    yield f"Each option is written as `{asked.option}`, one per line. The completion is {prefix}."
    yield ""
    if method.method == "generate":
        yield (
            f"The model writes at most {method.max_new_tokens} tokens; the first letter of an option in them is its "
            "answer. An answer without a letter counts as wrong."
        )
    else:
        yield (
            "The answer is the option letter with the highest log-probability as the next token. The model cannot "
            "decline to answer, and what it would write freely does not count."
        )
    yield ""


def overall(records: Records) -> str:
    """The accuracy in a line."""
    score = records.result.score
    return "not measured" if score is None else accuracy(score.accuracy, score.low, score.high, score.questions)
