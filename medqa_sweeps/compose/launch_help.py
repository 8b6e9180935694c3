"""`uv run launch.py --help`: what can be asked for, from the comments of `conf/`, of the schema and of the sweeper.

The first screen answers most people: five examples, the groups, the ways to write several values, the commands. What
follows explains every key. `--help lora`, `--help lora.r` or `--help sweeper` shows that part alone.
"""

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from medqa_sweeps.compose.comments import Setting, first_sentence, head_comment, settings_of
from medqa_sweeps.compose.settings import (
    CONF as SWEEPER_CONF,
    AsyncOptunaSettings,
    InProcessSettings,
    LocalGpusSettings,
    RaySettings,
    SlurmSettings,
)
from medqa_sweeps.config import TrialConfig
from medqa_sweeps.config.known_keys import nearest
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.installation import COMMAND, LAUNCH, PROJECT, as_typed_here
from medqa_sweeps.wording import EDUCATION_ONLY

EXAMPLES = {
    "uv run launch.py model=gemma3_1b": "one run: Gemma 3 1B on MedQA-USMLE, on a GPU",
    "uv run launch.py experiment=quickstart": "one run on any machine: tiny model, synthetic questions, no GPU",
    "uv run launch.py -m experiment=quickstart lora.r=8,16,32,64": "a sweep: four LoRA ranks, compared",
    "uv run launch.py -m experiment=quickstart 'optimizer.lr=tag(log,interval(1e-4,1e-2))' hydra.sweeper.n_trials=8": (
        "a search: eight learning rates, chosen one after another by Optuna"
    ),
    "uv run launch.py data=local data.train=TRAIN.jsonl data.validation=DEV.jsonl": "your own questions",
}
_VALUES = {
    "lora.r=8,16,32": "each of these values",
    "lora=attention,dora": "each of these options of a group",
    "model='glob(gemma3*)'": "each option that matches",
    "'lora.r=range(8,33,8)'": "8, 16, 24 and 32",
    "'optimizer.lr=interval(1e-5,1e-3)'": "a number in between; tag(log,interval(…)) draws on a logarithmic scale",
    "'lora.r=int(interval(4,64))'": "a whole number in between",
}
_OPTIONS = {
    "-m, --multirun": "run a sweep; without it, one run",
    "--cfg job": "print the composed config and run nothing; --cfg hydra: Hydra's own part",
    "--help [GROUP | KEY]": "this text, or the part on a group or key",
    "--hydra-help": "Hydra's own options, such as --config-dir and --info",
}
_CONTINUED = " \\"  # at the end of a line that a shell joins with the next
_WIDEST = 120  # columns: longer lines are hard to read
_EXPERIMENT = "Several options and keys under one name; what else is given on the command line overrides it."
_SWEEPER, _LAUNCHER = "hydra.sweeper", "hydra.launcher"
_TOPICS = ("sweeper", "samplers", "pruners", "launcher", "commands")
OVERVIEW = "overview"  # the first screen alone
_OTHER_NAMES = {
    "hydra/sweeper": "sweeper",
    "hydra/sweeper/sampler": "samplers",
    "hydra/sweeper/pruner": "pruners",
    "hydra/launcher": "launcher",
    "sampler": "samplers",
    "pruner": "pruners",
    "hydra.sweeper.sampler": "samplers",
    "hydra.sweeper.pruner": "pruners",
    _SWEEPER: "sweeper",
    _LAUNCHER: "launcher",
}


def print_help(conf: Path, commands: Mapping[str, str], topics: Sequence[str]) -> None:
    """Write the help to stdout, as wide as the terminal, in colour only there.

    Args:
        conf: the folder of the config groups.
        commands: of `python -m medqa_sweeps`, with one line each.
        words: what is asked about: groups, keys or overrides; none: everything.

    Raises:
        ConfigError: if a word names nothing that there is help on.
    """
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    in_colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    text = LaunchHelp(conf, commands, width, in_colour).text(topics)
    try:
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
        print(text, flush=True)
    except BrokenPipeError:  # `--help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@dataclass(frozen=True)
class LaunchHelp:
    """The help as text, `width` columns wide."""

    conf: Path
    commands: Mapping[str, str]
    width: int = 80
    in_colour: bool = False

    def text(self, topics: Sequence[str] = ()) -> str:
        """About what `words` name, each once; without words, about everything.

        Raises:
            ConfigError: if a word names nothing that there is help on.
        """
        asked = dict.fromkeys(self._topic(topic) for topic in topics)
        lines = [line for topic in asked for line in self._about(topic)] if asked else self._everything()
        return "\n".join(lines).strip("\n")

    def _everything(self) -> Iterator[str]:
        yield from self._overview()
        for topic in [*self.groups, *_TOPICS[:-1]]:
            yield from self._about(topic)
        yield ""
        yield from self._wrapped(
            "The overview is at the top: uv run launch.py --help | less. One part alone: uv run launch.py --help lora, "
            "--help lora.r, --help sweeper."
        )

    def _overview(self) -> Iterator[str]:
        yield from self._wrapped(
            "Fine-tunes a small language model on medical exam questions: one run, or with -m a sweep of many runs, "
            f"compared with intervals. {EDUCATION_ONLY}"
        )
        yield ""
        yield self._bold(f"{LAUNCH} [-m] [GROUP=OPTION …] [KEY=VALUE …]")
        yield from self._heading("Examples")
        for command, meaning in EXAMPLES.items():
            yield from self._wrapped(meaning, 2)
            yield from self._command(command, 6)
        yield from self._heading("Groups: GROUP=OPTION, * is the default")
        for group, options in self.groups.items():
            marked = [f"{one}*" if one == self.defaults.get(group) else one for one in options]
            yield from self._row(group, ", ".join(marked), 14)
        yield from self._heading("Several values, with -m")
        for value, meaning in _VALUES.items():
            yield from self._row(value, meaning, 38)
        yield from self._heading("More help")
        yield from self._row("--help GROUP", "options and keys of a group, such as --help lora", 38)
        yield from self._row("--help KEY", "one key, such as --help lora.r", 38)
        yield from self._row(f"--help {', '.join(_TOPICS[:-1])}", "keys and names of a sweep's parts", 38)
        yield from self._about("commands")
        yield from self._heading("Options")
        for option, meaning in _OPTIONS.items():
            yield from self._row(option, meaning, 26)

    def _about(self, topic: str) -> Iterator[str]:
        match topic:
            case "overview":
                yield from self._overview()
            case "commands":
                yield from self._heading("Commands on studies, trials and questions")
                for name, summary in self.commands.items():
                    yield from self._row(name, summary, 26)
                yield from self._wrapped(f"{COMMAND} COMMAND --help explains one of them.", 2)
            case "sweeper":
                yield from self._heading("Sweeper: keys of a sweep, with -m")
                yield from self._keys(self.sweeper)
            case "launcher":
                yield from self._heading("Launcher: where trials run")
                kinds = {
                    "local_gpus*": LocalGpusSettings,
                    "in_process": InProcessSettings,
                    "slurm": SlurmSettings,
                    "ray": RaySettings,
                }
                for name, kind in kinds.items():
                    yield from self._row(f"hydra/launcher={name}", _after_colon(kind), 30)
                yield from self._keys(self.launcher)
                yield from self._heading("With hydra/launcher=slurm")
                yield from self._keys(self.slurm)
                yield from self._heading("With hydra/launcher=ray")
                yield from self._keys(self.ray)
            case "samplers" | "pruners":
                yield from self._parts_of_a_sweep(topic.removesuffix("s"))
            case _ if topic in self.groups:
                yield from self._group(topic)
            case _:
                yield from self._keys([one for one in self.settings if one.key == topic])
                if (group := topic.partition(".")[0]) in self.groups and group != topic:
                    yield from self._wrapped(f"All of {group}: uv run launch.py --help {group}")

    def _group(self, group: str) -> Iterator[str]:
        about = first_sentence(self.classes[group].__doc__ or "") if group in self.classes else _EXPERIMENT
        yield from self._heading(f"{group}: {about}")
        for option in self.groups[group]:
            name = f"{group}={option}{'*' if option == self.defaults.get(group) else ''}"
            yield from self._row(name, head_comment(self.conf / group / f"{option}.yaml"), 32)
        yield from self._keys([one for one in self.settings if one.key.startswith(f"{group}.")], blank=True)

    def _parts_of_a_sweep(self, one: str) -> Iterator[str]:
        what = {"sampler": "Samplers choose the next point", "pruner": "Pruners stop weak trials early"}[one]
        yield from self._heading(f"{what}: hydra/sweeper/{one}=NAME, hydra.sweeper.{one}.KEY=VALUE")
        folder = SWEEPER_CONF / "hydra" / "sweeper" / one
        for file in sorted(folder.glob("*.yaml")):
            name = f"{file.stem}*" if file.stem == _chosen_parts()[one] else file.stem
            yield from self._row(name, first_sentence(head_comment(file)), 22)
        yield from self._wrapped(f"The keys of each are in {folder.relative_to(PROJECT)}/NAME.yaml.", 2)

    def _keys(self, settings: Sequence[Setting], blank: bool = False) -> Iterator[str]:
        if settings and blank:
            yield ""
        for one in settings:
            given = (
                one.key if one.default is None else f"{one.key}={textwrap.shorten(one.default, 76, placeholder='…')}"
            )
            yield from self._row(given, f"({one.kind}) {one.comment}" if one.kind else one.comment, 32)

    def _topic(self, topic: str) -> str:
        """The topic or key that a word of the command line names: `lora`, `lora=dora`, `lora.r=8`, `sweeper`."""
        key = topic.lstrip("+~").partition("=")[0]
        named = _OTHER_NAMES.get(key, key)
        known = [OVERVIEW, *_TOPICS, *self.groups, *(one.key for one in self.settings)]
        if named in known:
            return named
        if (inside := key.rpartition(".")[0]) in _OTHER_NAMES and _OTHER_NAMES[inside] in ("samplers", "pruners"):
            return _OTHER_NAMES[inside]
        near = nearest(key, known)
        meant = f" Did you mean {near}?" if near else f" There is help on {', '.join([*_TOPICS, *self.groups])}."
        raise ConfigError(f"--help {topic}: {key} is neither a topic, nor a group, nor a key.{meant}")

    @cached_property
    def defaults(self) -> dict[str, str]:
        """By group the option that conf/config.yaml names."""
        entries = [entry for entry in _yaml(self.conf / "config.yaml")["defaults"] if isinstance(entry, dict)]
        return {group: option for entry in entries for group, option in entry.items()}

    @cached_property
    def groups(self) -> dict[str, list[str]]:
        """By group of conf/, in the order of conf/config.yaml, its options: the default first."""
        names = [group for group in self.defaults if (self.conf / group).is_dir()]
        found = {group: sorted(file.stem for file in (self.conf / group).glob("*.yaml")) for group in names}
        return {group: sorted(found[group], key=lambda one: one != self.defaults[group]) for group in names}

    @cached_property
    def classes(self) -> dict[str, type]:
        return {one.name: one.type for one in fields(TrialConfig) if isinstance(one.type, type) and one.name != "seed"}

    @cached_property
    def settings(self) -> list[Setting]:
        """Every key, with the default that it has if nothing is given on the command line."""
        chosen = {group: _yaml(self.conf / group / f"{self.defaults[group]}.yaml") for group in self.classes}
        keys = [one for group, kind in self.classes.items() for one in settings_of(kind, f"{group}.", chosen[group])]
        return [*settings_of(TrialConfig, ""), *keys, *self.sweeper, *self.launcher, *self.slurm, *self.ray]

    @cached_property
    def sweeper(self) -> list[Setting]:
        given = {**_chosen_parts(), **_yaml(self.conf / "config.yaml")["hydra"]["sweeper"]}
        keys = settings_of(AsyncOptunaSettings, f"{_SWEEPER}.", given)
        return [replace(one, key=one.key.replace(".", "/")) if one.key in _OTHER_NAMES else one for one in keys]

    @cached_property
    def launcher(self) -> list[Setting]:
        return list(settings_of(LocalGpusSettings, f"{_LAUNCHER}."))

    @cached_property
    def slurm(self) -> list[Setting]:
        return list(settings_of(SlurmSettings, f"{_LAUNCHER}."))

    @cached_property
    def ray(self) -> list[Setting]:
        return list(settings_of(RaySettings, f"{_LAUNCHER}."))

    def _heading(self, text: str) -> Iterator[str]:
        yield ""
        yield from map(self._bold, self._wrapped(text))

    def _row(self, left: str, right: str, column: int) -> Iterator[str]:
        """A name and what it means, from `column` on; below the name if that is longer."""
        column = min(column, self.width // 2)
        lines = self._wrapped(right, column) or [""]
        if len(left) + 4 > column:
            yield f"  {self._bold(left)}"
        else:
            yield f"  {self._bold(left)}{' ' * (column - 2 - len(left))}{lines.pop(0).lstrip()}".rstrip()
        yield from lines

    def _command(self, text: str, indent: int) -> list[str]:
        """A command that can be pasted as it is, also where it is broken into lines."""
        width = self.width - indent - len(_CONTINUED)
        text = as_typed_here(text)
        lines = textwrap.wrap(text, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
        return [f"{' ' * indent}{line}{_CONTINUED if line is not lines[-1] else ''}" for line in lines]

    def _wrapped(self, text: str, indent: int = 0) -> list[str]:
        space = " " * indent
        text = as_typed_here(text)
        return textwrap.wrap(text, self.width, initial_indent=space, subsequent_indent=space, break_on_hyphens=False)

    def _bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self.in_colour else text


def _chosen_parts() -> dict[str, str]:
    """The sampler and the pruner of a sweep that asks for none."""
    chosen: dict[str, str] = {}
    for entry in AsyncOptunaSettings().defaults:
        chosen |= entry if isinstance(entry, dict) else {}
    return chosen


def _after_colon(kind: Callable[..., Any]) -> str:
    """`trials in processes …` of a docstring that begins with what it is about."""
    return (kind.__doc__ or "").partition(": ")[2]


def _yaml(file: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return loaded
