"""A child process: the safety assessment of a trained trial and of its untuned base, without training.

    python -m medqa_sweeps.worker.assess TRIAL SAFETY PROGRESS

SAFETY is the `SafetyConfig` as JSON. The lines go into the trial's safety.jsonl and requests.jsonl; PROGRESS is a file
that says how far this is.
"""

import json
import sys
from pathlib import Path

from medqa_sweeps.config import SafetyConfig
from medqa_sweeps.durable.progress import ProgressFile
from medqa_sweeps.exit_codes import ExitCode
from medqa_sweeps.prompt import PromptEncoder
from medqa_sweeps.safety import file as safety_file
from medqa_sweeps.safety.records import RequestLine, SafetyLine
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.plan import plan_trial, refuse_changed
from medqa_sweeps.worker import device, model as model_module
from medqa_sweeps.worker.asked_model import LoadedModel
from medqa_sweeps.worker.assessing import of_safety
from medqa_sweeps.worker.refusal import done_or_refused
from medqa_sweeps.worker.trained import exported_adapter, with_adapter


def main(arguments: list[str]) -> ExitCode:
    folder, safety, progress = arguments
    config = SafetyConfig(**json.loads(safety))
    return done_or_refused(lambda: assess(TrialDir(Path(folder)), config, ProgressFile(Path(progress))))


def assess(trial: TrialDir, config: SafetyConfig, progress: ProgressFile) -> None:
    """Write the lines of both models.

    Raises:
        TrialError: if trial, base or questions are not what they should be.
    """
    device.use_threads(None)
    adapter, result = exported_adapter(trial), trial.result()
    assert result is not None, "it has an adapter that was scored"
    plan = plan_trial(trial.config())
    refuse_changed(plan, trial.provenance())
    tokenizer = model_module.load_tokenizer(plan.base)
    encoder = PromptEncoder(tokenizer, plan.config.prompt, plan.most_options)
    assessment = of_safety(plan, encoder, tokenizer, config)
    assert assessment is not None, "the command asks for suites"
    recorded = trial.predictions()
    model = model_module.load_base(plan.base, plan.config.model, plan.config.training)
    dtype = str(model.dtype)

    edits, requests = list[SafetyLine](), list[RequestLine]()
    for seen in (0, result.samples_seen):
        answers = recorded.get(seen, {}).values()
        with_original = not answers or not all(answer.log_probabilities for answer in answers)
        total = assessment.texts(with_original)

        def show(texts: int, total: int = total) -> None:
            progress.show(texts, total)

        if seen == 0:
            found = assessment.untuned(LoadedModel(model, tokenizer, encoder), with_original, dtype, show)
        else:
            model = with_adapter(model, plan.config, adapter)
            found = assessment.trained(LoadedModel(model, tokenizer, encoder), with_original, seen, show)
        edits, requests = [*edits, *found.edits], [*requests, *found.requests]
    safety_file.replace_suites(trial, edits)
    safety_file.replace_requests(trial, requests)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
