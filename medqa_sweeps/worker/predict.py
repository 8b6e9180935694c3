"""A child process: the adapter of a trial answers the questions of a file.

    python -m medqa_sweeps.worker.predict TRIAL DATA ANSWERS

DATA is the `DataConfig` of the file as JSON; ANSWERS is written, a line of `predictions.jsonl` a question, in the
file's order. What it cannot do it prints as a sentence, and its exit code is 65.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

from medqa_sweeps.base import locate
from medqa_sweeps.config import DataConfig
from medqa_sweeps.data import Question, read_questions
from medqa_sweeps.durable.lines import append_lines
from medqa_sweeps.errors import TrialError
from medqa_sweeps.prompt import PromptEncoder
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.worker import model as model_module
from medqa_sweeps.worker.evaluation import Answer, answer_questions, prediction
from medqa_sweeps.worker.trained import exported_adapter, with_adapter

REFUSED = 65  # sysexits.h's number for bad input


def main(arguments: list[str]) -> int:
    folder, data, out = arguments
    trial, result = TrialDir(Path(folder)), TrialDir(Path(folder)).result()
    model_module.use_threads(None)
    try:
        answers = ask(trial, read_questions(DataConfig(**json.loads(data)), "train").questions)
    except TrialError as error:
        print(error)
        return REFUSED
    seen = result.samples_seen if result else 0
    append_lines(Path(out), [prediction(answer, seen).to_json() for answer in answers])
    return 0


def ask(trial: TrialDir, questions: list[Question]) -> list[Answer]:
    """The answers of the trial's exported adapter, by the likeliest letter, as at the trial's last report.

    Raises:
        ConfigError: if the base or the adapter that was scored is not to be had.
    """
    config, adapter = trial.config(), exported_adapter(trial)
    base = locate(config.model)
    tokenizer = model_module.load_tokenizer(base)
    encoder = PromptEncoder(tokenizer, config.prompt, max(len(question.options) for question in questions))
    # Nothing is trained, so a question may be longer than those of the training.
    longest = max(len(ids) for ids in encoder.encode_all(questions)) + 2
    training = replace(config.training, max_length_tokens=max(longest, config.training.max_length_tokens))
    model = model_module.load_base(base, config.model, training)
    model = with_adapter(model, replace(config, training=training), adapter)
    evaluation = replace(config.evaluation, method="log_probability")
    return answer_questions(model, tokenizer, encoder, questions, evaluation)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
