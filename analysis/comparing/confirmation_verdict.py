"""A confirmation in words: each estimate under new seeds, and which of the first study's claims it supports."""

from analysis.comparing.configs import accuracy_of
from analysis.comparing.confirmation_result import Confirmed, ConfirmedConfig
from analysis.comparing.leaderboard import Leaderboard
from analysis.comparing.objective_confirmed import by_another_objective
from analysis.comparing.pairs import few_seeds_in_words, power_in_words, turned
from analysis.comparing.verdict import gap
from medqa_sweeps.wording import counted, in_percent, interval, listed, percent


def sentences(confirmed: Confirmed) -> list[str]:
    """The answer in words."""
    if any(config.chosen_by for config in confirmed.configs):
        return by_another_objective(confirmed)
    ranked, seeds = confirmed.ranked, ", ".join(map(str, confirmed.seeds))
    on = f", on {ranked[0].row.accuracy.questions:,} validation questions" if ranked and ranked[0].row else ""
    told = [
        f"The best {len(confirmed.configs)} of {counted(confirmed.chosen_among, 'config')} of {confirmed.study.name} "
        f"again, under new seeds ({seeds}){on}.",
        *map(_estimate, ranked),
    ]
    if not confirmed.complete:
        missing = [config.settings for config in confirmed.configs if not config.complete]
        return [*told, f"This is not final: {listed(missing)} did not complete under every seed."]
    told += [_order(confirmed), *(_against_winner(config, ranked[0], confirmed.board) for config in ranked[1:])]
    return [*told, "The seeds are new, but these are the validation questions that were used for selection."]


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
    ranked = confirmed.ranked
    if len(ranked) == 1:
        return "One config has no order to confirm: `--top 2` compares."
    leads = ranked[0].settings
    resolved = all(config.row is not None and config.row.worse for config in ranked[1:])
    if not confirmed.order_held:
        return f"The order changed: {leads} leads now, then {', then '.join(one.settings for one in ranked[1:])}."
    if resolved:
        return f"The order is confirmed: {leads} leads again, and its lead is significant."
    return f"{leads} leads again, but its lead is not resolved: chance alone could have kept the order."


def _against_winner(config: ConfirmedConfig, winner: ConfirmedConfig, board: Leaderboard) -> str:
    assert config.row is not None and winner.row is not None, "only configs with an estimate are told"
    pair, paired = turned(winner.row, config.row), config.row.versus_best
    if pair is None or paired is None:
        return f"{config.settings} and {winner.settings} have no paired comparison: {config.row.no_test}."
    behind = gap(paired) if paired.high - paired.low < 1 else f"{in_percent(abs(paired.difference))} points"
    if config.row.not_resolved:
        power = f"{few_seeds_in_words(pair, board)} {power_in_words(pair, board)}".strip()
        return f"{config.settings} is behind {winner.settings} by {behind}: not resolved. {power}"
    return f"{config.settings} is worse than {winner.settings} by {behind}."
