"""Our letters for questions, timed: python -m benchmarks.our_evaluation TRIAL METHOD COUNT OUT

The trial's adapter answers the first COUNT of its validation questions by METHOD (`evaluation.method`; `generate`
writes one token), after a batch that is not timed. OUT: JSON of seconds and, for each question, the log-probability of
each letter.
"""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.cases import encoder_of
from benchmarks.meter import resident
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial
from medqa_sweeps.worker import device, model as model_module
from medqa_sweeps.worker.evaluation import answer_questions
from medqa_sweeps.worker.trained import exported_adapter, with_adapter


def main() -> None:
    folder, method, count, out = sys.argv[1:]
    began = time.monotonic()
    trial = TrialDir(Path(folder))
    plan = plan_trial(trial.config())
    config, questions = plan.config, plan.split.validation[: int(count)]
    device.use_threads(config.engine.threads)
    tokenizer = model_module.load_tokenizer(plan.base)
    model = model_module.load_base(plan.base, config.model, config.training)
    model = with_adapter(model, config, exported_adapter(trial))
    encoder = encoder_of(tokenizer, config, plan.split)
    evaluation = replace(config.evaluation, method=method, max_new_tokens=1)
    answer_questions(model, tokenizer, encoder, questions[:8], evaluation)
    loaded, cpu = time.monotonic(), time.process_time()
    answers = answer_questions(model, tokenizer, encoder, questions, evaluation)
    scored = {"scoring": time.monotonic() - loaded, "scoring_cpu": time.process_time() - cpu}
    seconds = {"loading": loaded - began, **scored}
    letters = [answer.log_probabilities for answer in answers]
    peak = resident("VmHWM")
    Path(out).write_text(json.dumps({"seconds": seconds, "letters": letters, "peak_bytes": peak}))


if __name__ == "__main__":
    main()
