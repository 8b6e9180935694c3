"""The README of an export: the trial's own card, and what this export is."""

from collections.abc import Sequence
from pathlib import Path

from medqa_sweeps.base import locate
from medqa_sweeps.card import Agreement
from medqa_sweeps.export.base_files import public_label
from medqa_sweeps.export.comparing import sentence
from medqa_sweeps.export.forms import Form
from medqa_sweeps.trial.folder import TrialDir

_LIBRARIES = {Form.ADAPTER: "peft", Form.MERGED: "transformers", Form.GGUF: "llama.cpp"}
_NOT_CHECKED = "Not checked: nobody has compared its answers with the trial's."


def write_card(folder: Path, trial: TrialDir, form: Form, agreement: Agreement | None, notes: Sequence[str]) -> None:
    """Write the model card into an exported folder.

    Args:
        agreement: of the check; None: there was none.
        notes: whole sentences on this export, such as the weights that the adapter was merged into.
    """
    base = locate(trial.config().model)
    card = (trial.adapter_folder / "README.md").read_text()
    card = card.replace(base.label.partition(" at ")[0], public_label(base))
    card = card.replace("library_name: peft", f"library_name: {_LIBRARIES[form]}")
    checked = sentence(agreement) if agreement else _NOT_CHECKED
    lines = ["", f"## This export: {form.value}", "", *(f"- {one}" for one in (checked, *notes)), ""]
    (folder / "README.md").write_text(card + "\n".join(lines))
