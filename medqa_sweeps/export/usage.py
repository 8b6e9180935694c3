"""How somebody loads what was exported, in lines to paste."""

from pathlib import Path

from medqa_sweeps.export.forms import Form


def how_to_load(form: Form, folder: str, base: str, in_4bit: bool, dtype: str) -> list[str]:
    """Lines of Python, or of a shell for a GGUF.

    Args:
        folder: as the user names it.
        base: its id on the hub, or its folder.
        in_4bit: whether the adapter was trained on a base in 4-bit.
        dtype: that the adapter was trained and scored in; in another one the model gives other answers.
    """
    if form is Form.GGUF:
        name = Path(folder).name
        return [f"cd {folder} && ollama create {name} -f Modelfile", f"ollama run {name}"]
    if form is Form.MERGED:
        return [
            "import transformers",
            f'model = transformers.AutoModelForCausalLM.from_pretrained("{folder}")',
            f'tokenizer = transformers.AutoTokenizer.from_pretrained("{folder}")',
        ]
    four_bit = (
        'load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, '
        f"bnb_4bit_compute_dtype=torch.{dtype}"
    )
    quantized = [f"quantized = transformers.BitsAndBytesConfig({four_bit})"] if in_4bit else []
    how = f"dtype=torch.{dtype}" + ", quantization_config=quantized" * in_4bit
    return [
        "import peft, torch, transformers",
        *quantized,
        f'base = transformers.AutoModelForCausalLM.from_pretrained("{base}", {how})',
        f'model = peft.PeftModel.from_pretrained(base, "{folder}")',
        f'tokenizer = transformers.AutoTokenizer.from_pretrained("{base}")',
    ]
