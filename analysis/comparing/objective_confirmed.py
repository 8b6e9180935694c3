"""A confirmation in words, of configs that were chosen by something else than accuracy."""

from collections.abc import Sequence
from dataclasses import replace

from analysis.comparing.confirmation_result import Confirmed, ConfirmedConfig
from analysis.comparing.leaderboard import Row
from medqa_sweeps.study.best import ScoredConfig, ranked
from medqa_sweeps.study.objective import Objective, objective_in
from medqa_sweeps.wording import counted, listed


def by_another_objective(confirmed: Confirmed) -> list[str]:
    """What each config was chosen by, the same under new seeds, and which config leads by it now."""
    told = [
        f"The best {len(confirmed.configs)} of {counted(confirmed.chosen_among, 'config')} of {confirmed.study.name} "
        f"again, under new seeds ({', '.join(map(str, confirmed.seeds))})."
    ]
    rows = [(config, config.row) for config in confirmed.configs if config.row is not None]
    if rows:
        objective = objective_in(rows[0][1].trial.directory.path.parent)
        now = [(config, scored) for config, row in rows if (scored := _scored(row, objective)) is not None]
        told += [_then_and_now(config, scored, objective) for config, scored in now]
    if not rows or not confirmed.complete:
        missing = [config.settings for config in confirmed.configs if not config.complete]
        return [*told, f"This is not final: {listed(missing)} did not complete under every seed."]
    if len(now) > 1:
        told.append(_leader(now, objective))
    return [*told, "The seeds are new, but these are the validation questions that were used for selection."]


def _scored(row: Row, objective: Objective) -> ScoredConfig | None:
    """A config of the confirming study by the objective; None if a score lacks a metric of it."""
    trials = []
    for trial in row.trials:
        values = objective.values(trial.result.score) if trial.result and trial.result.score else None
        if values is None or trial.scored is None:
            return None
        trials.append(replace(trial.scored, value=values[0], others=tuple(values[1:])))
    return ScoredConfig(tuple(trials))


def _then_and_now(config: ConfirmedConfig, scored: ScoredConfig, objective: Objective) -> str:
    seeds = counted(len(scored.trials), "new seed")
    means = objective.describe_all(scored.means)
    return f"{config.settings}: selected at {config.chosen_by}; with {seeds} it averages {means}."


def _leader(now: Sequence[tuple[ConfirmedConfig, ScoredConfig]], objective: Objective) -> str:
    """Who leads by the first metric."""
    best = ranked([trial for _, scored in now for trial in scored.trials], objective)[0].first
    leader = next(index for index, (_, scored) in enumerate(now) if best in scored.trials)
    word = "again" if leader == 0 else "now"
    return (
        f"{now[leader][0].settings} leads {word} by {objective.names[0]}. That was not tested: chance alone could have "
        "decided it."
    )
