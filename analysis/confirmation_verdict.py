"""A confirmation in words: each estimate under fresh seeds, and whether the order held."""

from analysis.configs import accuracy_of
from analysis.confirmation import Confirmed, ConfirmedConfig
from analysis.verdict import gap, listed, percent


def sentences(confirmed: Confirmed) -> list[str]:
    """The answer in words."""
    ranked, seeds = confirmed.ranked, ", ".join(map(str, confirmed.seeds))
    on = f", on {ranked[0].row.accuracy.questions:,} validation questions" if ranked and ranked[0].row else ""
    told = [
        f"The best {len(confirmed.configs)} of {confirmed.chosen_among:,} configs of {confirmed.study.name} again, "
        f"under fresh seeds ({seeds}){on}.",
        *map(_estimate, ranked),
    ]
    if not confirmed.complete:
        missing = [config.settings for config in confirmed.configs if not config.complete]
        return [*told, f"Not the last word: {listed(missing)} did not complete under every seed."]
    told += [_order(confirmed), *(_against_winner(config, ranked[0]) for config in ranked[1:])]
    return [*told, "These are the questions that chose: the seeds are fresh, the questions are not."]


def _estimate(config: ConfirmedConfig) -> str:
    assert config.row is not None and config.optimism is not None, "only configs with an estimate are told"
    estimate, by_seed = config.row.accuracy, [accuracy_of(trial) for trial in config.row.trials]
    lower = "lower" if config.optimism > 0 else "higher"
    spread = f", {percent(min(by_seed))} to {percent(max(by_seed))} by seed" * (len(by_seed) > 1)
    return (
        f"{config.settings}: {percent(estimate.accuracy)} % (95 % interval {percent(estimate.low)} to "
        f"{percent(estimate.high)}{spread}); it was chosen with {percent(config.chosen_accuracy)} %, and is "
        f"{percent(abs(config.optimism))} points {lower} without the luck of that."
    )


def _order(confirmed: Confirmed) -> str:
    ranked = confirmed.ranked
    if len(ranked) == 1:
        return "With one config there is no order to hold; `--top 2` compares."
    if confirmed.order_held:
        return f"The order held: {ranked[0].settings} is first again."
    return f"The order did not hold: it is now {', then '.join(config.settings for config in ranked)}."


def _against_winner(config: ConfirmedConfig, winner: ConfirmedConfig) -> str:
    assert config.row is not None, "only configs with an estimate are told"
    if config.row.versus_best is None:
        return f"{config.settings} and {winner.settings} have no paired comparison: {config.row.no_test}."
    behind = gap(config.row.versus_best)
    if config.row.tied_with_best:
        return f"{config.settings} cannot be told apart from {winner.settings}: behind by {behind}."
    return f"{config.settings} is worse than {winner.settings} by {behind}."
