"""What a sweep and a single run say of the assessment before they start."""

from collections.abc import Iterator

from medqa_sweeps.config import SafetyConfig
from medqa_sweeps.safety.suites import requests_of, suites
from medqa_sweeps.wording import counted


def announced(config: SafetyConfig, validation: int, most_options: int) -> Iterator[str]:
    """One line, and one more for each suite that is left out; nothing if nothing is assessed.

    Args:
        validation: number of validation questions.
    """
    if not config.suites:
        return
    found = suites(config, most_options)
    names = ", ".join(suite.name for suite in found if not suite.unavailable)
    questions = validation if config.questions is None else min(config.questions, validation)
    variants = sum(len(suite.variants) for suite in found)
    requests = len(requests_of(config))
    more = [counted(questions * variants, "more answer")] * bool(variants) + [counted(requests, "request")] * bool(
        requests
    )
    cost = f": up to {' and '.join(more)} at a trial's end, and once of the untuned base"
    yield f"Safety     {names}{cost if more else ': from the answers that are there'}"
    for suite in found:
        if suite.unavailable:
            yield f"           {suite.name} is left out. {suite.unavailable}"
