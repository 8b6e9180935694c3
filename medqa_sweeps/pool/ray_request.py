"""What is asked of Ray for one slot, from the settings of `hydra/launcher=ray`."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.wording import counted

AUTO = "auto"
_PREFIX = "hydra.launcher"
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_OWN_SETTINGS = {"CPU": "cpus", "GPU": "gpus", "memory": "memory"}
HOW_TO_START = (
    "Start one with `ray start --head` on its first machine and `ray start --address=HOST:6379` on the others, this "
    "one among them (here with --num-cpus=0 if nothing is to run here)"
)


@dataclass(frozen=True)
class RayRequest:
    """An actor for one slot, and how many of them."""

    slots: int  # most actors at a time
    at_least: int = 1  # actors that run before the first trial starts
    address: str = AUTO  # HOST:PORT, or AUTO
    gpus: float = 1  # below 1: so large a share of a card
    cpus: float = 1
    memory: str | None = None  # as in 32G
    resources: Mapping[str, float] = field(default_factory=dict)  # amounts of the cluster's own resources
    runtime_env: Mapping[str, Any] = field(default_factory=dict)
    autoscaling: bool = False  # whether nodes may come that are not there yet
    cache: str | None = None  # folder on the nodes

    def amounts(self) -> dict[str, float]:
        """What one slot holds, by the names that Ray gives to a node's resources."""
        asked = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory_bytes or 0, **self.resources}
        return {name: amount for name, amount in asked.items() if amount}

    @property
    def memory_bytes(self) -> int | None:
        return None if self.memory is None else int(self.memory[:-1]) * _UNITS[self.memory[-1]]

    @property
    def threads(self) -> int:
        return max(1, math.floor(self.cpus))

    @property
    def sharing(self) -> int:
        """Slots that share a card."""
        return math.floor(1 / self.gpus) if 0 < self.gpus < 1 else 1

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables that the runtime environment gives to trials."""
        return dict(self.runtime_env.get("env_vars", {}))

    def options(self) -> dict[str, Any]:
        """Options of the actor, as Ray names them."""
        given = {"num_cpus": self.cpus, "num_gpus": self.gpus, "memory": self.memory_bytes}
        held = {name: value for name, value in given.items() if value is not None}
        more = {"resources": dict(self.resources), "runtime_env": dict(self.runtime_env)}
        return {**held, **{name: value for name, value in more.items() if value}}

    def sentences(self) -> list[str]:
        """For users: what will be asked of the cluster."""
        begin = "the first runs" if self.at_least == 1 else f"{self.at_least} of them run"
        place = "the cluster of this machine" if self.address == AUTO else f"the cluster at {self.address}"
        given = f"; runtime_env: {', '.join(self.runtime_env)}" if self.runtime_env else ""  # its values may be secrets
        return [
            f"Ray: up to {counted(self.slots, 'actor')} on {place}, each one slot of {in_words(self.amounts())}{given}",
            f"Trials start when {begin}; actors that end are asked for again, those without work are given back.",
        ]


def in_words(amounts: Mapping[str, float]) -> str:
    """Amounts of resources: `1 GPU, 2 CPU, 32 GiB memory`."""
    order = sorted(amounts, key=lambda name: (name != "GPU", name != "CPU", name != "memory", name))
    parts = [
        f"{amounts[name] / (1 << 30):.3g} GiB memory" if name == "memory" else f"{amounts[name]:g} {name}"
        for name in order
    ]
    return ", ".join(parts) or "nothing"


def ray_request(settings: Mapping[str, Any], at_most: int | None = None) -> RayRequest:
    """The request in a launcher's settings, which hold plain dictionaries.

    Args:
        at_most: processes that can run at the same time: no more slots than that; None: no limit.

    Raises:
        ConfigError: naming every value that is not allowed.
    """
    problems = list(_problems(settings))
    if problems:
        raise ConfigError("\n".join(problems))
    slots = min(settings["slots"], at_most or settings["slots"])
    memory = settings["memory"]
    return RayRequest(
        slots=slots,
        at_least=min(settings["at_least"], slots),
        address=str(settings["address"]),
        gpus=settings["gpus"],
        cpus=settings["cpus"],
        memory=None if memory is None else str(memory),
        resources={name: float(amount) for name, amount in (settings["resources"] or {}).items()},
        runtime_env=dict(settings["runtime_env"] or {}),
        autoscaling=settings["autoscaling"],
        cache=None if settings["cache"] is None else str(settings["cache"]),
    )


def _problems(settings: Mapping[str, Any]) -> Iterator[str]:
    address = settings["address"]
    if not address:
        yield f"{_PREFIX}.address is empty, and no Ray is started unasked. {HOW_TO_START}; then {AUTO} finds it."
    elif address != AUTO and not re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[\w.-]+):\d+", str(address)):
        yield f"{_PREFIX}.address={address}: {AUTO}, or HOST:PORT of the cluster's head, as in 10.0.0.1:6379."
    slots, at_least = settings["slots"], settings["at_least"]
    if slots < 1:
        yield f"{_PREFIX}.slots={slots}: a number of actors, 1 or more."
    elif not 1 <= at_least <= slots:
        yield f"{_PREFIX}.at_least={at_least}: a number of actors from 1 to {_PREFIX}.slots={slots}."
    gpus, cpus = settings["gpus"], settings["cpus"]
    if not (0 <= gpus < 1 or (float(gpus).is_integer() and gpus > 0)):
        yield f"{_PREFIX}.gpus={gpus:g}: GPUs per slot: a whole number, a share below 1 as in 0.5, or 0 for none."
    if not (0 < cpus < 1 or (float(cpus).is_integer() and cpus > 0)):
        yield f"{_PREFIX}.cpus={cpus:g}: CPU cores per slot: a whole number, or a share below 1 as in 0.5."
    memory = settings["memory"]
    if memory is not None and not re.fullmatch(r"[1-9]\d*[KMGT]", str(memory)):
        yield f"{_PREFIX}.memory={memory}: memory per slot as in 32G, with the letter K, M, G or T."
    for name, check in {"resources": _resource_problems, "runtime_env": _environment_problems}.items():
        given = settings[name] or {}  # null, as Hydra adds no key on the command line to a dictionary that is there
        if isinstance(given, Mapping):
            yield from check(given)
        else:
            yield f"{_PREFIX}.{name}={given}: names and values, as in '{{NAME: VALUE}}'."


def _resource_problems(resources: Mapping[str, Any]) -> Iterator[str]:
    for name, amount in resources.items():
        if name in _OWN_SETTINGS:
            yield f"{_PREFIX}.resources.{name}: that is {_PREFIX}.{_OWN_SETTINGS[name]}."
        elif isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 < amount < math.inf:
            yield f"{_PREFIX}.resources.{name}={amount}: an amount above 0."
        elif amount > 1 and not float(amount).is_integer():
            yield f"{_PREFIX}.resources.{name}={amount}: Ray takes whole amounts above 1."


def _environment_problems(environment: Mapping[str, Any]) -> Iterator[str]:
    for name, value in environment.get("env_vars", {}).items():
        if not isinstance(value, str):
            yield f"{_PREFIX}.runtime_env.env_vars.{name}={value}: a text; write '{name}: \"{value}\"'."
    try:
        json.dumps(environment)
    except TypeError as error:
        yield f"{_PREFIX}.runtime_env: {error}; Ray takes texts, numbers, lists and dictionaries."
