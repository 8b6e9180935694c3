"""What a safety assessment costs: processor seconds of `safety=quick` beside one pass over the validation questions.

    python -m benchmarks.safety                                the tiny base, 400 questions of the sample
    python -m benchmarks.safety --model FOLDER --data FILE     another, on questions of yours
    python -m benchmarks.safety --option full --turns 1

One process loads the untuned base and answers, in turns, the validation questions and all edited questions of the
assessment. The first turn warms up and is not counted. Measured are processor seconds, which other work on the machine
does not lengthen; use one thread. The cost must stay below 6.5 passes for `quick`, which has six variants a question.
"""

import argparse
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.cases import TINY, composed, encoder_of, model_words, result_name
from benchmarks.record import store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=TINY)
    parser.add_argument("--data", help="a file of questions; default: the synthetic sample")
    parser.add_argument("--option", default="quick", help="of conf/safety/")
    parser.add_argument("--questions", type=int, default=400)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    figures = _measure(asked)
    print(json.dumps(figures, indent=1))
    print(f"stored in {store(result_name(f'safety_{asked.option}', [asked.model]), figures)}")


def _measure(asked: argparse.Namespace) -> dict[str, Any]:
    from medqa_sweeps.trial.plan import plan_trial
    from medqa_sweeps.worker import device, model as model_module
    from medqa_sweeps.worker.assessing import of_safety
    from medqa_sweeps.worker.engines.unsloth import UnslothEngine
    from medqa_sweeps.worker.evaluation import nobody

    words = [f"safety={asked.option}", f"split.max_validation={asked.questions}", "training.max_length_tokens=1024"]
    config = composed([*model_words(asked.model, asked.data), *words])
    device.use_threads(asked.threads)
    plan = plan_trial(config)
    tokenizer = model_module.load_tokenizer(plan.base)
    encoder = encoder_of(tokenizer, config, plan.split)
    engine = UnslothEngine(plan.base, config.model, config.training, tokenizer, encoder)
    assessment = of_safety(plan, encoder, tokenizer, config.safety)
    assert assessment is not None, "an option without suites costs nothing"
    assessment.texts(False)  # edits and tokens, made once for all trials of a study
    questions = plan.split.validation
    work: dict[str, Callable[[], object]] = {
        "validation": lambda: engine.answer(questions, config.evaluation),
        "assessment": lambda: assessment.trained(engine, False, 1, nobody),
    }
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(asked.turns + 1):
        for name, run in work.items():
            began = time.process_time()
            run()
            if turn:
                seconds[name].append(time.process_time() - began)
    passes = [after / before for before, after in zip(seconds["validation"], seconds["assessment"], strict=True)]
    return {
        "questions": len(questions),
        "texts": assessment.texts(False),
        "texts_of_each_question": assessment.texts(False) / len(questions),
        "processor_seconds": seconds,
        "validation_passes": median(passes),
        "validation_passes_of_each_turn": passes,
    }


if __name__ == "__main__":
    main()
