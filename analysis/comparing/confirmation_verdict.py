"""A confirmation in words: each estimate under new seeds, and which of the first study's claims it supports."""

from collections.abc import Sequence
from dataclasses import replace

from medqa_sweeps.analysis.comparing.configs import accuracy_of
from medqa_sweeps.analysis.comparing.confirmation_result import Confirmed, ConfirmedConfig
from medqa_sweeps.analysis.comparing.leaderboard import Leaderboard, Row
from medqa_sweeps.analysis.comparing.pairs import pair_with_best, power_text, resolvable_text
from medqa_sweeps.analysis.comparing.verdict import gap
from medqa_sweeps.study.best import ScoredConfig, ranked
from medqa_sweeps.study.objective import Objective, objective_in
from medqa_sweeps.wording import NOT_RESOLVED, WORSE, counted, in_percent, interval, listed, percent

_SAME_QUESTIONS = "The seeds are new, but these are the validation questions that were used for selection."


def confirmation_sentences(confirmed: Confirmed) -> list[str]:
    """The answer in words; of configs that were chosen by something else than accuracy, by that."""
    if any(config.chosen_by for config in confirmed.configs):
        return _by_another_objective(confirmed)
    leaders = confirmed.ranked
    on = f", on {leaders[0].row.accuracy.questions:,} validation questions" if leaders and leaders[0].row else ""
    lines = [f"{_again(confirmed)}{on}.", *map(_estimate, leaders)]
    if not confirmed.complete:
        return [*lines, _not_final(confirmed)]
    lines += [_order(confirmed), *(_against_winner(config, leaders[0], confirmed.board) for config in leaders[1:])]
    return [*lines, _SAME_QUESTIONS]


def _again(confirmed: Confirmed) -> str:
    among, seeds = counted(confirmed.chosen_among, "config"), ", ".join(map(str, confirmed.seeds))
    return f"The best {len(confirmed.configs)} of {among} of {confirmed.study.name} again, under new seeds ({seeds})"


def _not_final(confirmed: Confirmed) -> str:
    missing = [config.settings for config in confirmed.configs if not config.complete]
    return f"This is not final: {listed(missing)} did not complete under every seed."


def _estimate(config: ConfirmedConfig) -> str:
    assert config.row is not None and config.optimism is not None, "only configs with an estimate are told"
    estimate, by_seed = config.row.accuracy, [accuracy_of(trial) for trial in config.row.trials]
    lower = "less" if config.optimism > 0 else "more"
    spread = f"; {percent(min(by_seed))} to {percent(max(by_seed))} by seed" * (len(by_seed) > 1)
    return (
        f"{config.settings}: selected at {percent(config.chosen_accuracy)}; with new seeds it averages "
        f"{percent(estimate.accuracy)} ({interval(estimate.low, estimate.high)}{spread}), "
        f"{in_percent(abs(config.optimism))} points {lower}."
    )


def _order(confirmed: Confirmed) -> str:
    """Who leads now. That it is the same config again is evidence only where the difference is resolved."""
    leaders = confirmed.ranked
    if len(leaders) == 1:
        return "One config has no order to confirm: `--top 2` compares."
    leads = leaders[0].settings
    resolved = all(config.row is not None and config.row.worse for config in leaders[1:])
    if not confirmed.order_held:
        return f"The order changed: {leads} leads now, then {', then '.join(one.settings for one in leaders[1:])}."
    if resolved:
        return f"The order is confirmed: {leads} leads again, and its lead is significant."
    return f"{leads} leads again, but its lead is {NOT_RESOLVED}: chance alone could have kept the order."


def _against_winner(config: ConfirmedConfig, winner: ConfirmedConfig, board: Leaderboard) -> str:
    assert config.row is not None and winner.row is not None, "only configs with an estimate are told"
    pair, paired = pair_with_best(winner.row, config.row), config.row.versus_best
    if pair is None or paired is None:
        return f"{config.settings} and {winner.settings} have no paired comparison: {config.row.no_test}."
    behind = gap(paired) if paired.high - paired.low < 1 else f"{in_percent(abs(paired.difference))} points"
    if config.row.not_resolved:
        power = f"{resolvable_text(pair, board)} {power_text(pair, board)}".strip()
        return f"{config.settings} is behind {winner.settings} by {behind}: {NOT_RESOLVED}. {power}"
    return f"{config.settings} is {WORSE} than {winner.settings} by {behind}."


def _by_another_objective(confirmed: Confirmed) -> list[str]:
    """What each config was chosen by, the same under new seeds, and which config leads by it now."""
    lines = [f"{_again(confirmed)}."]
    rows = [(config, config.row) for config in confirmed.configs if config.row is not None]
    if not rows:
        return [*lines, _not_final(confirmed)]
    objective = objective_in(rows[0][1].trial.directory.path.parent)
    now = [(config, scored) for config, row in rows if (scored := _scored(row, objective)) is not None]
    lines += [_then_and_now(config, scored, objective) for config, scored in now]
    if not confirmed.complete:
        return [*lines, _not_final(confirmed)]
    if len(now) > 1:
        lines.append(_leader(now, objective))
    return [*lines, _SAME_QUESTIONS]


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
