"""Whether the training loss fell."""

from collections.abc import Sequence
from statistics import median

from medqa_sweeps.alarms.alarm import Alarm

FEWEST_LINES = 18
LOWER_PAIRS = 0.55


def loss_never_fell(losses: Sequence[float]) -> Alarm | None:
    """An alarm if the training loss is no lower at the end than at the start.

    Each loss of the first third is compared with each of the last third. If the later one is lower in at most 55% of
    these pairs (the Mann-Whitney statistic, which is robust to outliers), the loss has not fallen. A loss that falls
    at once and then stays flat raises no alarm: its first value is above the whole last third.

    False alarms, simulated with normal noise on 18 to 90 lines (`tests/alarms/test_loss.py`): at most 1 in 1,000
    trials whose loss falls by two standard deviations of the noise from the first third to the last, or by six from
    the first line to the others. Of flat losses 55 to 73% are detected, of rising ones 99%.

    Args:
        losses: in the order of training, nats per supervised token; with fewer than 18 no alarm is raised.
    """
    if len(losses) < FEWEST_LINES:
        return None
    first, last = losses[: len(losses) // 3], losses[-(len(losses) // 3) :]
    lower = sum(later < earlier for earlier in first for later in last)
    if losses[0] > max(last) or lower > LOWER_PAIRS * len(first) * len(last):
        return None
    medians = f"median {median(first):.3f} in the first third, {median(last):.3f} in the last"
    return Alarm("loss_never_fell", f"the training loss did not fall: {medians}")
