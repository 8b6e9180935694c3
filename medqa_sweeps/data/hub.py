"""Records from a data set on the hub, at an exact commit (`medqa_sweeps/hub.py` fetches and caches it)."""

from collections.abc import Iterator

from medqa_sweeps.config import DataConfig
from medqa_sweeps.data.raw_record import RawRecord
from medqa_sweeps.errors import DataError

_INSTEAD = "data=sample needs no network; data=local data.train=FILE data.validation=FILE reads your own files."


def hub_records(config: DataConfig, split: str) -> Iterator[RawRecord]:
    """The rows of `split`, subset by subset.

    Raises:
        DataError: if the hub does not have that name, there is neither network nor cache, or the split is empty.
    """
    from datasets.exceptions import DatasetsError

    from medqa_sweeps.hub import load_rows

    subsets: list[str | None] = [*config.hub_subsets]
    for subset in subsets or [None]:
        location = f"{config.hub_id} on the hub" + (f", subset {subset}" if subset else "") + f", split {split}"
        try:
            rows = load_rows(config, subset, split)
        except (OSError, ValueError, RuntimeError, DatasetsError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise DataError(
                f"{location}, revision {config.revision or 'default'}: {reason}. With a network, check the names on "
                f"the hub; without one, HF_HUB_OFFLINE=1 uses what an earlier run cached. {_INSTEAD}"
            ) from error
        if not len(rows):
            raise DataError(f"{location} contains no questions. {_INSTEAD}")
        yield from (RawRecord(f"{location}, row {number}", row) for number, row in enumerate(rows, start=1))
