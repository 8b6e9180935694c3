"""How long a large table takes to read and check, as a trial and as the `data` command do it.

    python -m benchmarks.reading                 a CSV of 60,000 synthetic questions, three times: a minute

The questions are made of random words in the lengths of MedQA's (112 words on average) and say nothing about medicine.
`read` is what a trial does first; `described` is the whole command with its search for near-duplicates.
"""

import argparse
import csv
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.record import store

WORDS = 112  # of MedQA-US's development questions, the median
OPTION_WORDS = 4
_READ = (
    "import sys; from medqa_sweeps.config import DataConfig; from medqa_sweeps.data import read_questions\n"
    "print(len(read_questions(DataConfig(name='b', train=sys.argv[1]), 'train').questions))"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=60_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--limits", default="20 s", help="what is asked for, noted beside the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reading-") as folder:
        table = write_table(Path(folder) / "questions.csv", options.questions)
        read = [_seconds([sys.executable, "-c", _READ, str(table)]) for _ in range(options.repeat)]
        described = _seconds([sys.executable, "-m", "medqa_sweeps", "data", str(table)])
        figures = {
            "questions": options.questions,
            "file_bytes": table.stat().st_size,
            "limits": options.limits,
            "read_seconds": read,
            "described_seconds": described,
            "most_bytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
        }
    print(f"{options.questions:,} questions: read in {statistics.median(read):.1f} s, described in {described:.1f} s")
    print(f"stored in {store('reading', figures)}")


def write_table(path: Path, questions: int) -> Path:
    """A CSV with columns of every kind that is recognised by its name."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 11))) for _ in range(20_000)]

    def text(count: int) -> str:
        return " ".join(draw.choices(words, k=count))

    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["ID", "Question", *(f"Option {letter}" for letter in "ABCD"), "Correct Answer"])
        for number in range(questions):
            question = f"{text(draw.randint(WORDS // 2, WORDS * 3 // 2))}, {text(9)}?"
            table.writerow([number, question, *(text(OPTION_WORDS) for _ in "ABCD"), f"({draw.choice('ABCD')})"])
    return path


def _seconds(command: list[str]) -> float:
    """The whole command, Python's start included."""
    began = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
