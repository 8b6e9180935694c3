"""What a measurement of one model works on: a config as one types it, and its samples as texts for peers."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from medqa_sweeps.config import TrialConfig, from_hydra
from medqa_sweeps.data.split import Split
from medqa_sweeps.prompt import PromptEncoder
from medqa_sweeps.prompt.stream import IGNORED_LABEL

TINY = "bundled:tiny_gemma3"


def composed(words: Sequence[str]) -> TrialConfig:
    """The config that `launch.py` makes of these words."""
    from hydra import compose, initialize_config_dir  # here, as a trial's process has no Hydra in its memory either

    import launch

    with initialize_config_dir(str(Path(launch.__file__).parent / "conf"), version_base="1.3"):
        return from_hydra(compose("config", overrides=list(words)))


def model_words(model: str, data: str | None) -> list[str]:
    """The quickstart with this model folder, on these questions; None: on the synthetic sample."""
    chosen = [] if model == TINY else ["model=local", f"model.path={model}"]
    questions = ["data=local", f"data.train={data}", "split=random"] if data else []
    return ["experiment=quickstart", "tracking=none", *chosen, *questions]


def result_name(measured: str, models: Sequence[str]) -> str:
    """`measured` for the tiny base; with the folders' names for others, so that neither replaces the other."""
    return "_".join([measured, *(Path(model).name for model in models if model != TINY)])


def encoder_of(tokenizer: Any, config: TrialConfig, split: Split) -> PromptEncoder:
    """The trial's prompts, without the cache: what is measured is made anew."""
    everything = split.train + split.validation
    return PromptEncoder(tokenizer, config.prompt, max(len(question.options) for question in everything))


def texts_of(samples: Iterable[dict[str, list[int]]], tokenizer: Any) -> list[dict[str, str]]:
    """Prompt and completion of each training sample.

    Raises:
        ValueError: if a text read again gives other tokens: a peer would be measured on something else.
    """
    rows = []
    for sample in samples:
        ids = sample["input_ids"]
        place = sum(label == IGNORED_LABEL for label in sample["labels"])
        row = {"prompt": _text(ids[:place], tokenizer), "completion": _text(ids[place:], tokenizer)}
        again = [tokenizer(row[key], add_special_tokens=False)["input_ids"] for key in ("prompt", "completion")]
        if again != [ids[:place], ids[place:]]:
            raise ValueError(f"{row['prompt'][-80:]!r}: this text does not give the tokens that it was made of")
        rows.append(row)
    return rows


def _text(ids: list[int], tokenizer: Any) -> str:
    text: str = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return text
