"""The command lines of our commands: argparse, with errors in a sentence."""

import argparse
import difflib
import re
import sys
import textwrap
from typing import Any, NoReturn

from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.installation import IN_ENVIRONMENT

_LEFT_COLUMNS = 30  # of the names, so that the longest stands on the line of its meaning
_LIKE = 0.6  # difflib's ratio from which a word is near


class _Formatter(argparse.HelpFormatter):
    """Keeps indented lines of a description or epilog as they are: tables, and commands to paste."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=_LEFT_COLUMNS)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = text.splitlines()
        return "\n".join(line if line.startswith(" ") else textwrap.fill(line, width) for line in lines)


class Parser(argparse.ArgumentParser):
    """Ends the program with a sentence on stderr, and USAGE, where argparse would print how to use it as well."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=_Formatter, **settings)

    def error(self, message: str) -> NoReturn:
        """End the program: `message`, which is argparse's, in words."""
        self.refuse(self._in_words(message))

    def refuse(self, sentence: str) -> NoReturn:
        """End the program with the sentence, and with where the command line is explained."""
        print(f"{sentence} `{IN_ENVIRONMENT}{self.prog} --help` explains.", file=sys.stderr)
        sys.exit(ExitCode.USAGE)

    def _in_words(self, message: str) -> str:
        if match := re.fullmatch("the following arguments are required: (.*)", message):
            return f"{match[1]} is missing."
        if match := re.fullmatch(r"unrecognized arguments: (\S+).*", message):
            near = nearest_word(match[1], [one for one in self._option_string_actions if one.startswith("--")])
            return f"{match[1]} is not an argument of `{self.prog}`." + (f" Did you mean {near}?" if near else "")
        if match := re.fullmatch("argument (.*?): invalid int value: '(.*)'", message):
            return f"{match[1]} {match[2]}: must be a whole number."
        return re.sub(r"^argument (\S+):", r"\1", f"{message}.")


def nearest_word(word: str, known: list[str]) -> str | None:
    """The known word that `word` was most likely meant to be; None if none is near."""
    return next(iter(difflib.get_close_matches(word, known, 1, _LIKE)), None)
