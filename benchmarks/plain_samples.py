"""What the plain script trains on. Imports nothing heavy, and nothing of ours: a test compares it with our stream."""

from typing import Any


def samples(rows: list[dict[str, str]], tokenizer: Any) -> list[dict[str, list[int]]]:
    """Tokens and labels of each row: the loss is on the completion alone."""
    pairs = [[tokenizer(row[key], add_special_tokens=False)["input_ids"] for key in row] for row in rows]
    return [{"input_ids": [*p, *c], "labels": [*([-100] * len(p)), *c]} for p, c in pairs]
