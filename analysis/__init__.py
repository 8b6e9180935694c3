"""Which config of a study is better, and is the difference real? Read from the trials' folders; nothing is ever run.

    folder → trials → leaderboard and verdict → the terminal, the page, CSV and JSON, W&B

reading/       a study's folder → its trials: state, score, answers, history
comparing/     trials → configs, the best first; which differences are significant; the verdict in words
plots/         one file per plot
terminal/      the leaderboard, printed
page/          the same as one HTML file, with the plots
export         the same for other programs, as CSV and JSON
notebook       the same for a notebook, as pandas DataFrames and Plotly figures
report_folder  writes page, CSV and JSON
sending/       tells Weights & Biases what the folders hold

A room imports only what stands above it here. `python -m analysis STUDY` prints and writes all of it (`__main__`).

In a notebook:

    >>> from medqa_sweeps.analysis import entries, leaderboard, read_study, verdict
    >>> board = leaderboard(read_study("multirun/ranks"))
    >>> [(row.label, row.accuracy.accuracy, row.worse) for row in board.rows]
    [('r=16', 0.625, False), ('r=8', 0.525, True)]
    >>> verdict(board)[:69]
    'r=16 has the highest validation accuracy: 62.5% of 400 questions (95%'
    >>> [entry["p_corrected"] < 0.001 for entry in entries(board)[1:]]  # pandas.DataFrame(entries(board)): a table
    [True]

What is written, and where:

- `report/` in the study's folder, for several studies a folder beside the first, or the folder of `--output`:
  `index.html`, `leaderboard.csv` and `leaderboard.json`. Trials that answered another set of validation questions
  have a second page and tables, `index-2.html` and so on.
- `.wandb/` in the study's folder, or where WANDB_DIR says: the summary run, as W&B's client writes it, and
  `sent.json`, which notes what W&B's server has. `wandb-sync` writes the same for each trial into its folder.

Records of trials are never changed.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medqa_sweeps.analysis.comparing.leaderboard import leaderboard, leaderboards
    from medqa_sweeps.analysis.comparing.verdict import cautions, verdict
    from medqa_sweeps.analysis.export import entries
    from medqa_sweeps.analysis.reading.studies import read_studies, read_study
    from medqa_sweeps.analysis.report_folder import write_report

__all__ = [
    "cautions",
    "entries",
    "leaderboard",
    "leaderboards",
    "read_studies",
    "read_study",
    "verdict",
    "write_report",
]
_MODULE_OF = {
    "cautions": "comparing.verdict",
    "entries": "export",
    "leaderboard": "comparing.leaderboard",
    "leaderboards": "comparing.leaderboard",
    "read_studies": "reading.studies",
    "read_study": "reading.studies",
    "verdict": "comparing.verdict",
    "write_report": "report_folder",
}


def __getattr__(name: str) -> Any:
    """Imported when asked for: SciPy and Plotly take seconds, for which neither `--help` nor a sweep's start waits."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"medqa_sweeps.analysis.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    """For completion in a notebook."""
    return __all__
