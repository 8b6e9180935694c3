"""`python -m analysis STUDY …`: as `medqa-sweeps report STUDY …`; with `wandb-sync` first, as that command."""

import sys
from collections.abc import Sequence

from medqa_sweeps import __main__ as front_door
from medqa_sweeps.exit_codes import ExitCode


def main(arguments: Sequence[str]) -> ExitCode:
    """As the command ends. A wrong command line ends the program with USAGE."""
    return front_door.main(arguments if arguments[:1] == ["wandb-sync"] else ["report", *arguments])


if __name__ == "__main__":
    front_door.prepare_streams()
    sys.exit(main(sys.argv[1:]))
