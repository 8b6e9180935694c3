"""One trial, one screen: questions, base, untuned score, training with its evaluations, result."""

import json
import time
from dataclasses import replace
from typing import Any

from medqa_sweeps.base import refuse_unknown_token
from medqa_sweeps.errors import FailureKind
from medqa_sweeps.passages import shown as shown_passages
from medqa_sweeps.prompt import PromptEncoder, refuse_long
from medqa_sweeps.prompt.stream import TrainingStream
from medqa_sweeps.prompt.tokens import TokenCache
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.trial.passes import activation_bytes, with_pass_sizes
from medqa_sweeps.trial.phase import PhaseName
from medqa_sweeps.trial.plan import Plan, plan_trial, refuse_changed
from medqa_sweeps.trial.records import Result
from medqa_sweeps.worker import checkpoint, device, model as model_module
from medqa_sweeps.worker.assessing import of_passages, of_safety
from medqa_sweeps.worker.baseline import refuse_useless
from medqa_sweeps.worker.checkpoint import Checkpoint
from medqa_sweeps.worker.engines.contract import Recorder, TrainingRun
from medqa_sweeps.worker.engines.unsloth import UnslothEngine
from medqa_sweeps.worker.phases import Phases
from medqa_sweeps.worker.recorder import TrialRecorder

ENGINES = {"unsloth": UnslothEngine}


def run_trial(trial: TrialDir) -> Result | None:
    """Train and score what the folder's config asks for, resuming at its newest checkpoint; None: interrupted.

    Raises:
        TrialError: of the kind that says what is to be done about it.
    """
    began = time.monotonic()
    phases = Phases(trial)
    phases.enter(PhaseName.READING)
    plan = plan_trial(trial.config())
    config = plan.config
    device.use_threads(config.engine.threads)
    refuse_changed(plan, trial.provenance())
    trial.quarantine(plan.split.quarantined)
    shown_passages.write(trial, plan)
    phases.enter(PhaseName.ENCODING)
    tokenizer, encoder, longest = _encoder(plan)
    out_of_memory = trial.failures().count(FailureKind.OUT_OF_MEMORY)
    needed = activation_bytes(json.loads((plan.base.folder / "config.json").read_text()))
    config = with_pass_sizes(config, longest, device.ON_GPU, trial.passes(), out_of_memory, needed)
    plan = replace(plan, config=config)

    phases.enter(PhaseName.LOADING)
    engine = ENGINES[config.engine.name](plan.base, config.model, config.training, tokenizer, encoder)
    resume = checkpoint.newest(trial.checkpoint_folder)
    assessment = of_safety(plan, encoder, tokenizer, config.safety)
    controls = of_passages(plan, encoder)
    recorder = TrialRecorder(trial, plan, resume, began, phases, assessment, controls)
    recorder.begin()
    refuse_useless(plan.base, engine, plan.split.validation)
    if config.evaluation.baseline:
        recorder.score_untuned(engine, encoder.fingerprint)
    recorder.assess_untuned(engine)

    recorder.show_training()
    engine.train([training_run(plan, encoder, resume, recorder)])
    if recorder.error is not None:
        raise recorder.error
    return recorder.result


def training_run(plan: Plan, encoder: PromptEncoder, resume: Checkpoint | None, recorder: Recorder) -> TrainingRun:
    """What an engine is given of a planned trial."""
    config, seen = plan.config, resume.progress.samples_seen if resume else 0
    return TrainingRun(
        lora=config.lora,
        training=config.training,
        optimizer=config.optimizer,
        scheduler=config.scheduler,
        seed=config.seed,
        stream=TrainingStream(plan.split.train, encoder, config.training, config.seed, seen),
        steps=plan.steps,
        log_steps=frozenset(plan.evaluation_steps),
        resume=resume,
        recorder=recorder,
    )


def _encoder(plan: Plan) -> tuple[Any, PromptEncoder, int]:
    """Tokenizer, prompt, and tokens of the longest question with its answer, once every question is known to fit:
    before any weight is loaded.

    Raises:
        ConfigError: if one does not, or the tokenizer is another model's.
        DataError: if a question cannot be read as text.
    """
    tokenizer = model_module.load_tokenizer(plan.base)
    cache = TokenCache(plan.base.fingerprint)
    encoder = PromptEncoder(tokenizer, plan.config.prompt, plan.most_options, cache)
    longest = 0
    for what, questions in (("training", plan.split.train), ("validation", plan.split.validation)):
        rows = encoder.encode_all(questions)
        refuse_long([len(ids) for ids in rows], plan.config.training.max_length_tokens, what)
        refuse_unknown_token(plan.base, max(map(max, rows)))
        longest = max(longest, *map(len, rows))
    refuse_unknown_token(plan.base, max(tokenizer.pad_token_id, encoder.end_of_turn_id, *encoder.letter_ids))
    return tokenizer, encoder, longest + max(len(encoder.completion(gold)) for gold in range(plan.most_options))
