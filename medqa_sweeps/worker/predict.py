"""A child process: the adapter of a trial answers the questions of a file.

    python -m medqa_sweeps.worker.predict TRIAL DATA ANSWERS

DATA is the `DataConfig` of the file as JSON; ANSWERS is written, a line of `predictions.jsonl` a question, in the
file's order.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

from medqa_sweeps.base import locate
from medqa_sweeps.config import DataConfig
from medqa_sweeps.data import Question, read_to_answer
from medqa_sweeps.durable.lines import append_lines
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.prompt import PromptEncoder
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.retrieving import with_passages
from medqa_sweeps.worker import device, model as model_module
from medqa_sweeps.worker.evaluation import Answer, answer_questions, prediction
from medqa_sweeps.worker.refusal import done_or_refused
from medqa_sweeps.worker.trained import exported_adapter, with_adapter


def main(arguments: list[str]) -> ExitCode:
    folder, data, out = arguments
    config = DataConfig(**json.loads(data))
    return done_or_refused(lambda: predict(TrialDir(Path(folder)), config, Path(out)))


def predict(trial: TrialDir, data: DataConfig, out: Path) -> None:
    """Write the trial's answers to the questions of `data`.

    Raises:
        TrialError: if trial, base or questions are not what they should be.
    """
    result = trial.result()
    device.use_threads(None)
    answers = ask(trial, read_to_answer(data).questions)
    seen = result.samples_seen if result else 0
    append_lines(out, [prediction(answer, seen).to_json() for answer in answers])


def ask(trial: TrialDir, questions: list[Question]) -> list[Answer]:
    """The answers of the trial's exported adapter, by the likeliest letter, as at the trial's last report.

    Raises:
        ConfigError: if the base or the adapter that was scored is not to be had.
    """
    config, adapter = trial.config(), exported_adapter(trial)
    base = locate(config.model)
    questions = with_passages(config, base, questions)
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
