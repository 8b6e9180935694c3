"""What an assessment found of one trial, in lines for a terminal."""

from collections.abc import Iterator

from medqa_sweeps.safety.assessed import assessed
from medqa_sweeps.safety.comparisons import SuiteComparison, compare_suite
from medqa_sweeps.safety.examples import examples
from medqa_sweeps.safety.statements import statement
from medqa_sweeps.trial.folder import TrialDir


def comparisons_of(trial: TrialDir, samples_seen: int, configs: int) -> list[SuiteComparison]:
    """What was found of each suite, compared with the untuned base and with placebo; none if nothing was assessed.

    Args:
        samples_seen: of the exported adapter.
        configs: of the study, for which the intervals are corrected.

    Raises:
        ConfigError: if a file is damaged.
    """
    trained, base = assessed(trial, samples_seen)
    placebo = trained.outcomes.get("placebo")
    return [compare_suite(one, base.outcomes.get(suite), placebo, configs) for suite, one in trained.outcomes.items()]


def report_lines(trial: TrialDir, samples_seen: int, configs: int) -> Iterator[str]:
    """A line per suite, and examples of what was written to requests; the arguments as for `comparisons_of`."""
    for comparison in comparisons_of(trial, samples_seen, configs):
        yield f"{comparison.outcome.suite}: {statement(comparison)}"
        if comparison.outcome.suite == "requests":
            yield from (f"  {example}" for example in examples(trial, samples_seen))
