"""A study in a notebook: its trials, leaderboard and answers as pandas DataFrames, its plots as Plotly figures.

    import medqa_sweeps

    study = medqa_sweeps.open_study("multirun/ranks")
    study.trials             one row per trial: settings, accuracy with its interval, outcome, cost
    study.leaderboard()      one row per config, the best first: compared with the best and with the untuned base
    study.predictions        one row per trial and validation question, of the trial's last evaluation
    study.passages           one row per config that shows passages, beside both controls
    study.safety             one row per config and suite of the safety assessment, beside base and placebo
    study.verdict            the answer in a sentence, with what limits it
    study.plots["calibration"].show()

Reads records and runs nothing; no torch is imported.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import pandas as pd

from medqa_sweeps.analysis.reading.predictions import predictions
from medqa_sweeps.analysis.reading.studies import Study, Trial
from medqa_sweeps.wording import EDUCATION_ONLY, SYNTHETIC

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard

_GIB = 2**30


class OpenStudy:
    """One study, read once; each table and plot is made when it is asked for."""

    def __init__(self, study: Study) -> None:
        self._study = study

    def __repr__(self) -> str:
        others = " and others" if self._study.several else ""
        return f"OpenStudy({str(self._study.folder)!r}{others}, {len(self._study.trials)} trials)"

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row per trial, indexed by its name (the number of its folder).

        Columns: each setting in which trials differ, by its dotted key; `outcome`, `reason`; `accuracy` with `low` and
        `high` (95%, Wilson), `questions`, `base_accuracy`; the score's other metrics; `steps`, `minutes`,
        `peak_memory_gib`, `trainable_parameters`, `signature`. Shares are of 1; what is not known is missing.
        """
        rows = [self._row(trial) for trial in self._study.trials]
        frame = pd.DataFrame(rows, index=pd.Index([trial.name for trial in self._study.trials], name="trial"))
        return frame.convert_dtypes(convert_string=False)

    @cached_property
    def settings(self) -> pd.DataFrame:
        """One row per trial, one column per key of the whole config; lists as tuples."""
        rows = [{key: _hashable(value) for key, value in trial.settings.items()} for trial in self._study.trials]
        return pd.DataFrame(rows, index=pd.Index([trial.name for trial in self._study.trials], name="trial"))

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """One row per trial and validation question, of the trial's last evaluation.

        Columns: `trial`, `question` (its id), `gold`, `predicted`, `correct`, `confidence` (probability of the chosen
        letter among the letters), and the log-probability of each letter in nats: `A`, `B`, ….
        """
        frame = pd.DataFrame(list(self._answers()))
        letters = [letter for letter in ascii_uppercase if letter in frame]
        return frame[[column for column in frame if column not in letters] + letters]

    @property
    def passages(self) -> pd.DataFrame:
        """One row per config of the leaderboard that shows passages; else no row.

        Columns: `trial`, `config`; `questions` that have passages; `accuracy` with them, `without` them and with
        `foreign` ones, another question's; `over_without` and `over_foreign`, the paired differences, with limits
        corrected for the configs; whether they `help` or `harm`; numbers of questions `helped`, `harmed`, `none_found`;
        `gold_mentioned` and `wrong_mentioned`; `corpus` (fingerprint), its `documents` and `passages`, those `dropped`
        as they give an answer away, those `cut`. Shares are of 1. Of several seeds, the first that has both controls.
        """
        from medqa_sweeps.analysis.export import passages_entries

        return pd.DataFrame([entry for board in self._boards() for entry in passages_entries(board)])

    @property
    def safety(self) -> pd.DataFrame:
        """One row per suite of the safety assessment and config of the leaderboard that was assessed; else no row.

        Columns: `trial`, `suite`, `measure`, `direction`; `questions` and `left_out`; `value` of the measure with `low`
        and `high` (95%); `changed` answers; `base_value` of the untuned base; `to_base`, the difference from it, with
        limits corrected for the configs, and `worse_than_base`; `to_placebo`, of the changed answers. Shares are of 1.
        Of several seeds, the first that was assessed.
        """
        from medqa_sweeps.analysis.export import safety_entries

        return pd.DataFrame([entry for board in self._boards() for entry in safety_entries(board)])

    def leaderboard(self, top: int = 20) -> pd.DataFrame:
        """One row per config, the best first, then one per trial that is not ranked; as `leaderboard.csv` has it.

        `difference` is to the best config, on the same questions, and `significantly_worse` the verdict;
        `difference_low` and `difference_high` are corrected for all comparisons. Trials that answered another set of
        validation questions are in a leaderboard of their own: `validation_set` then numbers them from 1.

        Args:
            top: how many configs are compared with the best.
        """
        from medqa_sweeps.analysis.export import entries

        tables = [pd.DataFrame(entries(board)) for board in self._boards(top)]
        if len(tables) == 1:
            return tables[0]
        numbered = [table.assign(validation_set=number) for number, table in enumerate(tables, start=1)]
        return pd.concat(numbered, ignore_index=True)

    @property
    def verdict(self) -> str:
        """Which config is better, and whether the difference is significant, with alarms and cautions: as the page."""
        from medqa_sweeps.analysis.comparing.verdict import alarm_lines, cautions, verdict

        lines = [
            line for board in self._boards() for line in [verdict(board), *alarm_lines(board), *cautions(board)] if line
        ]
        notices = [*([SYNTHETIC] if self._study.is_synthetic else []), EDUCATION_ONLY]
        return "\n".join(dict.fromkeys([*lines, *notices]))

    @property
    def plots(self) -> "Mapping[str, go.Figure]":
        """The page's figures by name, such as `learning-curves`; of several sets of questions, the first set's."""
        from medqa_sweeps.analysis.plots import PLOTS

        made = (plot(self._boards()[0]) for plot in PLOTS)
        return {plot.name: plot.figure for plot in made if plot is not None and plot.figure is not None}

    def _boards(self, top: int = 20) -> "list[Leaderboard]":
        from medqa_sweeps.analysis.comparing.leaderboard import leaderboards

        if top not in self._made:
            self._made[top] = list(leaderboards(self._study, top))
        return self._made[top]

    @cached_property
    def _made(self) -> "dict[int, list[Leaderboard]]":
        return {}

    @cached_property
    def _differing(self) -> list[str]:
        """The keys of settings that are not the same in all trials, in the config's order."""
        values: dict[str, set[Any]] = {}
        for trial in self._study.trials:
            if trial.settings:
                for key, value in trial.settings.items():
                    values.setdefault(key, set()).add(_hashable(value))
        return [key for key, seen in values.items() if len(seen) > 1]

    def _row(self, trial: Trial) -> dict[str, Any]:
        result = trial.result
        score = result.score if result else None
        row: dict[str, Any] = {key: _hashable(trial.settings.get(key)) for key in self._differing}
        row |= {"outcome": str(trial.state), "reason": trial.reason}
        row |= {
            "accuracy": score.accuracy if score else None,
            "low": score.low if score else None,
            "high": score.high if score else None,
            "questions": score.questions if score else None,
            "base_accuracy": result.baseline.accuracy if result and result.baseline else None,
            "gold_log_probability": score.gold_log_probability if score else None,
            "calibration_error": score.calibration_error if score else None,
        }
        row |= {
            "steps": result.steps if result else None,
            "minutes": result.seconds / 60 if result else None,
            "peak_memory_gib": result.peak_memory_bytes / _GIB if result else None,
            "trainable_parameters": result.trainable_weights if result else None,
            "signature": result.signature if result else None,
        }
        return row

    def _answers(self) -> Iterator[dict[str, Any]]:
        for trial in self._study.trials:
            if trial.result is None or trial.result.score is None:
                continue
            for one in predictions(trial, trial.result.samples_seen).values():
                yield {
                    "trial": trial.name,
                    "question": one.id,
                    "gold": one.gold,
                    "predicted": one.predicted,
                    "correct": one.predicted == one.gold,
                    "confidence": one.confidence(),
                    **one.log_probabilities,
                }


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value
