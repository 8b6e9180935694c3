"""Whether the training loss fell."""

from collections.abc import Sequence
from statistics import median

from medqa_sweeps.alarms.alarm import Alarm

FEWEST_LINES = 18
LOWER_PAIRS = 0.55


def loss_never_fell(losses: Sequence[float]) -> Alarm | None:
    """An alarm if the training loss is no lower at the end than at the start.

    Every line of the first third is compared with every line of the last: if the later one is lower in at most 55 % of
    these pairs (Mann and Whitney's statistic, which single outliers hardly move), the loss has not fallen. A loss
    that falls at once and is flat from then on does not count: its first line is above all of the last third.

    False alarms, simulated with normal noise on 18 to 90 lines (`tests/alarms/test_loss.py`): at most 1 in 1,000
    trials whose loss falls from the first third to the last by two standard deviations of a line's noise, or from
    the first line to the others by six. A flat loss is found in 55 to 73 % of cases, a rising one in 99 %.

    Args:
        losses: in the order of training, nats per supervised token; fewer than 18 are silent.
    """
    if len(losses) < FEWEST_LINES:
        return None
    first, last = losses[: len(losses) // 3], losses[-(len(losses) // 3) :]
    lower = sum(later < earlier for earlier in first for later in last)
    if losses[0] > max(last) or lower > LOWER_PAIRS * len(first) * len(last):
        return None
    medians = f"median {median(first):.3f} in the first third, {median(last):.3f} in the last"
    return Alarm("loss_never_fell", f"the training loss did not fall: {medians}")
