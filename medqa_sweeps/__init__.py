"""Fine-tuning sweeps of small language models on medical exam questions, compared honestly.

In a notebook, `medqa_sweeps.open_study("multirun/ranks")` opens what a sweep has left: `analysis/notebook.py`.

For education and research only; never for clinical decisions.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medqa_sweeps.analysis.notebook import OpenStudy

__all__ = ["open_study"]


def open_study(*folders: str | Path) -> "OpenStudy":
    """The study in a folder, such as multirun/ranks, or a single run; several folders are compared as one study.

    It is read once: open it again to see trials that have ended since. Nothing is run, and no torch imported.

    Raises:
        ConfigError: if there is no such folder, or it contains no trial that can be read; the sentence names what is
            there.
    """
    from medqa_sweeps.analysis.notebook import OpenStudy
    from medqa_sweeps.analysis.reading.studies import read_studies

    return OpenStudy(read_studies([Path(folder) for folder in folders]))
