"""`--devices` and `--share-devices`, as every command that computes takes them: with the meaning of the launcher's."""

import argparse

from medqa_sweeps.pool.request import DeviceRequest, requested


def add_device_options(parser: argparse.ArgumentParser, otherwise: str = "auto") -> None:
    """`otherwise`: in words, what is used when `--devices` is not given."""
    meaning = "auto (a free GPU, else the CPU), cpu, or GPUs by their nvidia-smi numbers or UUIDs, such as 0,2"
    parser.add_argument("--devices", metavar="LIST", help=f"{meaning} (default: {otherwise})")
    parser.add_argument("--share-devices", action="store_true", help="also use GPUs that other processes use")


def devices_asked_for(arguments: argparse.Namespace) -> DeviceRequest | None:
    """What the options ask for; None where neither was given.

    Raises:
        ConfigError: if that is no list of devices, one of them is not there, or none is free.
    """
    from medqa_sweeps.pool.devices import find_devices

    if arguments.devices is None and not arguments.share_devices:
        return None
    request = requested(arguments.devices, arguments.share_devices, by_option=True)
    find_devices(request)  # refused before anything is written or read
    return request
