"""`doctor`: what this machine can run, in about ten lines."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Exit code 1 if there is a problem. Asks the hub and W&B for a few seconds; trains nothing."


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; exit code 1 if one of them is a problem, else 0."""
    from medqa_sweeps.doctor import examine

    findings = examine()
    print(*findings, sep="\n")
    return int(any(finding.state == "problem" for finding in findings))
