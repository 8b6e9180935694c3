"""The model card of a trial, generated from its records: nothing in it is typed by hand.

- `agreement`: how an exported model answers the validation questions, beside the trial that it was made from
"""

from medqa_sweeps.card.agreement import Agreement

__all__ = ["Agreement"]
