"""How long the page of a large study takes, how much memory, how large it is; how long its W&B summary takes,
and how long `medqa_sweeps.open_study`.

    python -m benchmarks.report --trials 10000

The trial folders are synthetic and say nothing of any model: configs, records, overrides, results, histories and
answers of the form that trials leave; some are pruned, failed and interrupted. Where there is a Chromium on PATH, the
time that the page takes to sort and filter its rows is measured in it.
"""

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.record import store
from medqa_sweeps import config
from medqa_sweeps.config import DataConfig, LoraConfig, ModelConfig, PromptConfig, TrackingConfig, TrialConfig, checked
from medqa_sweeps.statistics import standard_error, wilson_interval
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.provenance import runtime
from medqa_sweeps.trial.records import (
    AttemptLine,
    MetricsLine,
    Outcome,
    Result,
    Score,
    TrainLine,
    ValidationLine,
    line_to_json,
)

QUESTIONS = 1272  # as MedQA-US has to validate on
REPORTS = 3
ANSWERS = 200
PLACES = 8
SECONDS = 300.0  # of a trial


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--limits", default="20 s, 6 MB", help="what is asked for, noted beside the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "synthetic"
        write_study(study, options.trials)
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "analysis", str(study)], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        few_seconds = _seconds_of_few(study, Path(folder) / "few")
        summary_seconds = _summary_seconds(study)
        opened = _opened(study)
        page = (study / "report" / "index.html").stat().st_size
        in_browser = _in_browser(study / "report" / "index.html")
        csv = (study / "report" / "leaderboard.csv").stat().st_size
    figures = {
        "trials": options.trials,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "seconds_of_4_trials": round(few_seconds, 1),
        "peak_memory_mib": round(used.ru_maxrss / 1024),
        "page_bytes": page,
        "csv_bytes": csv,
        "wandb_summary_seconds": round(summary_seconds, 1),
        **opened,
        **in_browser,
        "asked_for": options.limits,
    }
    print(json.dumps(figures, indent=2))
    print(store("report", figures))


_MEASURE = """(async () => {
  const table = document.querySelector('#configs'), field = table.querySelector('input');
  const painted = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  const times = [];
  async function timed(act) {
    const began = performance.now();
    act();
    await painted();
    times.push(performance.now() - began);
  }
  for (const head of table.querySelectorAll('thead button')) {
    await timed(() => head.click());
    await timed(() => head.click());
  }
  const sorting = times.splice(0);
  for (const text of ['r', 'r=', 'r=8', 'r=8 l', 'r=8 lr=0.001', '']) {
    await timed(() => { field.value = text; field.dispatchEvent(new Event('input')); });
  }
  return [Math.max(...sorting), Math.max(...times)];
})()"""


def _in_browser(page: Path) -> dict[str, int]:
    """Milliseconds until the slowest sort, and the slowest filter, is painted; {} without Chromium."""
    from tests.analysis.page.browser import CHROMIUM, Browser

    if CHROMIUM is None:
        return {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, Browser(Path(profile)) as browser:
        browser.open(page, 1280)
        sorting, filtering = browser.ask(_MEASURE)
    return {"slowest_sort_ms": round(sorting), "slowest_filter_ms": round(filtering)}


def _seconds_of_few(study: Path, few: Path) -> float:
    """Of a process that writes the page of 4 trials. Imports are included, which a sweep has done by its end."""
    for number in range(4):
        shutil.copytree(study / str(number + 1), few / str(number))
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "analysis", str(few)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _summary_seconds(study: Path) -> float:
    """Of a process that tells the real W&B client, offline, what the study and its page show."""
    log = (
        "from medqa_sweeps.analysis.reading.studies import read_study; "
        "from medqa_sweeps.analysis.sending.wandb_summary import log_summary; "
        f"assert log_summary(read_study(Path({str(study)!r})), mode='offline')"
    )
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"from pathlib import Path; {log}"], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    assert list((study / ".wandb").glob("**/*.wandb")), "no offline run was written"
    return seconds


def _opened(study: Path) -> dict[str, float]:
    """What `medqa_sweeps.open_study` and its table of trials take, imports included, in a process of their own."""
    asked = (
        "import resource, time; began = time.perf_counter(); import medqa_sweeps; "
        f"opened = medqa_sweeps.open_study({str(study)!r}); opened.trials; print(time.perf_counter() - began, "
        "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    seconds, kilobytes = map(float, done.stdout.split())
    return {"open_study_seconds": round(seconds, 1), "open_study_peak_mib": round(kilobytes / 1024)}


def write_study(study: Path, trials: int) -> None:
    """Folders 0 to trials - 1: most completed, every 8th pruned, every 50th failed, every 100th without a result.

    Answers are drawn a few hundred times and shared through links: ten thousand files of them would be 7 GB.
    """
    draw = random.Random(0)
    ease = [draw.betavariate(1.5, 1.2) for _ in range(QUESTIONS)]
    study.mkdir(parents=True)
    pool = study / ".answers"
    pool.mkdir()
    drawn = [_answers(pool / f"{number}.jsonl", ease, number / ANSWERS, draw) for number in range(ANSWERS)]
    template = _config_text(study)
    for number in range(trials):
        write_trial(study / str(number), number, template, drawn[draw.randrange(ANSWERS)], draw)


def write_trial(
    folder: Path, number: int, template: str, answered: tuple[Path, list[Score]], draw: random.Random
) -> None:
    """One trial as the run half leaves it, without adapter and log."""
    folder.mkdir()
    rank, rate = draw.choice([4, 8, 16, 32, 64]), 10 ** draw.uniform(-5, -2.5)
    words = template.replace("r: 16\n", f"r: {rank}\n").replace("lr: 0.0001\n", f"lr: {rate:.8f}\n")
    words = words.replace("alpha: 32.0\n", f"alpha: {2.0 * rank}\n")
    words = words.replace("dropout: 0.0\n", f"dropout: {draw.choice([0.0, 0.05, 0.1])}\n")
    (folder / "config.yaml").write_text(words)
    TrialDir(folder).write_overrides(["experiment=quickstart", f"lora.r={rank}", f"optimizer.lr={rate:.8f}"])
    (folder / "provenance.json").write_text(_record(number))
    file, scores = answered
    began = 1.79e9 + (number // PLACES) * (SECONDS + 4)
    lines = [json.dumps(line_to_json(line)) + "\n" for line in _lines(number, began, scores)]
    (folder / "metrics.jsonl").write_text("".join(lines))
    os.link(file, folder / "predictions.jsonl")
    if number % 100:
        outcome = Outcome.FAILED if number % 50 == 0 else Outcome.PRUNED if number % 8 == 0 else Outcome.COMPLETED
        result = Result(
            outcome, "synthetic", message="" if outcome is Outcome.COMPLETED else "synthetic", score=scores[-1],
            baseline=scores[0], samples_seen=1000 * REPORTS, seconds=SECONDS * draw.uniform(0.5, 1),
            peak_memory_bytes=2**33, trainable_weights=815_360 * rank, finished_at=began + SECONDS,
        )  # fmt: skip
        (folder / "result.json").write_text(json.dumps(result.to_json()))


def _record(number: int) -> str:
    """Of the form and size of a trial's record."""
    record = {
        "signature": f"{number:012x}", "replicate_key": f"{number:012x}", "created_at": 1.79e9 + number,
        "command": "python launch.py -m lora.r=4,8,16,32,64", "seeds": {"trial": 0, "split": 0},
        "questions": {"train": 9000, "validation": QUESTIONS, "flagged": {}},
        "base": {"label": "bundled:tiny_gemma3", "revision": None},
        **runtime(),
    }  # fmt: skip
    return json.dumps(record, indent=2)


def _lines(number: int, began: float, scores: list[Score]) -> Iterator[MetricsLine]:
    yield AttemptLine(1, 0, began, 1, "synthetic", f"cuda:{number % PLACES}", 8)
    for part, score in enumerate(scores):
        at = began + SECONDS * part / REPORTS
        for n in range(10 if part else 0):
            seen = 1000 * part - 900 + 100 * n
            yield TrainLine(seen, seen // 8, seen / 3000, at - 20 + 2 * n, 1 / part, 1e-4, 1.0, 4e4, 2**30)
        yield ValidationLine(1000 * part, 125 * part, part / 3, at, 2.0, score)


def _answers(file: Path, ease: list[float], quality: float, draw: random.Random) -> tuple[Path, list[Score]]:
    """Answers of all reports, better by up to 8 points at the last, and their scores."""
    scores, lines = [], []
    for part in range(REPORTS + 1):
        right = [draw.random() < chance + 0.08 * quality * part / REPORTS for chance in ease]
        low, high = wilson_interval(sum(right), QUESTIONS)
        share = sum(right) / QUESTIONS
        error = standard_error(sum(right), QUESTIONS)
        scores.append(Score(QUESTIONS, share, error, low, high, -1.0, 0.05, dict.fromkeys("ABCD", share)))
        lines += [_line(1000 * part, number, answer) for number, answer in enumerate(right)]
    file.write_text("".join(lines))
    return file, scores


def _line(samples: int, number: int, right: bool) -> str:
    a, b = ("-0.5", "-2.0") if right else ("-2.0", "-0.5")
    return (
        f'{{"samples_seen": {samples}, "id": "q{number:05d}", "gold": "A", "predicted": "{"A" if right else "B"}", '
        f'"log_probabilities": {{"A": {a}, "B": {b}, "C": -2.1, "D": -2.2}}}}\n'
    )


def _config_text(folder: Path) -> str:
    made = TrialConfig(
        model=ModelConfig(name="tiny_gemma3", path="bundled:tiny_gemma3"),
        prompt=PromptConfig(name="letter", template="{question}\n{options}"),
        lora=LoraConfig(name="all_linear"),
        data=DataConfig(name="sample", train="bundled:sample/train.jsonl", synthetic=True),
        tracking=TrackingConfig(mode="offline"),
    )
    file = folder / ".config.yaml"
    config.save(checked(made), file)
    return file.read_text()


if __name__ == "__main__":
    main()
