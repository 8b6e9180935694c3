"""The command line of `launch.py`, read by Hydra's own parser; what it cannot read is refused in a sentence.

Hydra would answer with the list of all its options, or with a traceback.
"""

import argparse
import difflib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from hydra._internal.utils import get_args_parser
from omegaconf import OmegaConf

from medqa_sweeps.config import TrialConfig
from medqa_sweeps.config.known_keys import keys_of, nearest
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.installation import COMMAND, LAUNCH

_MODES = {"run": "--run", "multirun": "--multirun", "cfg": "--cfg", "info": "--info"}


def launch_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """What Hydra reads in `argv`. If it cannot, the program ends with a sentence on stderr, and USAGE."""
    parser = get_args_parser()
    parser.exit_on_error = False
    parser.allow_abbrev = False  # `--experiment=quickstart` is no `--experimental-rerun`
    try:
        arguments, unread = parser.parse_known_args(argv)
    except argparse.ArgumentError as error:
        _refuse(f"{str(error).removeprefix('argument ')}. `{LAUNCH} --help` lists the options.")
    if options := [argument for argument in unread if argument.startswith("-")]:
        _refuse(_not_an_option(options[0], list(parser._option_string_actions)))
    if unread:
        _refuse(f"{' '.join(unread)}: options such as -m must come before all settings, or after all of them.")
    if arguments.config_dir is not None and not os.path.isdir(arguments.config_dir):
        _refuse(
            f"--config-dir {arguments.config_dir}: there is no such folder. Give one with config groups, as in conf/."
        )
    rerun = getattr(arguments, "experimental_rerun", None)
    if rerun is not None and not os.path.isfile(rerun):
        _refuse(f"--experimental-rerun {rerun}: there is no such file. `{COMMAND} reproduce FOLDER` reruns a trial.")
    modes = [option for name, option in _MODES.items() if getattr(arguments, name)]
    if len(modes) > 1:
        _refuse(f"{' and '.join(modes)} exclude each other: give one of them.")
    if arguments.resolve and arguments.cfg is None and not arguments.help:
        _refuse("--resolve works only with --cfg: add --cfg job, or leave it out.")
    return arguments


def _not_an_option(argument: str, options: Sequence[str]) -> str:
    name = argument.lstrip("-").partition("=")[0].replace("-", "_")
    keys = list(keys_of(OmegaConf.structured(TrialConfig)))
    if near := difflib.get_close_matches(argument, options, 1, 0.75):
        return f"{argument} is not an option. Did you mean {near[0]}?"
    if key := next((key for key in keys if key.replace(".", "_") == name), None) or nearest(name, keys):
        return f"{argument} is not an option. Settings have no dashes: did you mean {key}=VALUE?"
    return f"{argument} is not an option. Settings are written KEY=VALUE; `{LAUNCH} --help` lists them."


def _refuse(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    sys.exit(ExitCode.USAGE)
