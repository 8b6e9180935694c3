"""`doctor`: what this machine can run, in about ten lines."""

import argparse

from medqa_sweeps.exit_codes import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    says = "Contacts the hub and W&B for a few seconds; trains nothing."
    parser.epilog = f"{says} Exit code {ExitCode.FAILED} if there is a problem."


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print the findings; FAILED if one of them is a problem."""
    from medqa_sweeps.doctor import examine

    findings = examine()
    print(*findings, sep="\n")
    has_problem = any(finding.state == "problem" for finding in findings)
    return ExitCode.FAILED if has_problem else ExitCode.OK
