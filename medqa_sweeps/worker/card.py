"""The README of an exported adapter: what it is, how it scored, and what it is not for."""

from collections.abc import Iterable

from medqa_sweeps.alarms import Alarm
from medqa_sweeps.trial.plan import Plan
from medqa_sweeps.trial.records import Result, Score
from medqa_sweeps.wording import EDUCATION_ONLY, SYNTHETIC, accuracy, data_set


def model_card(plan: Plan, result: Result, alarms: Iterable[Alarm]) -> str:
    """Markdown with the metadata that the hub reads."""
    config = plan.config
    synthetic = [f"**{SYNTHETIC}**", ""] if config.data.synthetic else []
    lines = [
        "---",
        f"base_model: {plan.base.label.partition(' at ')[0]}",
        "library_name: peft",
        "tags: [lora, medqa, medqa_sweeps]",
        "---",
        "",
        f"# LoRA adapter, r={config.lora.r}, trained on {data_set(config.data.name, config.data.synthetic)}",
        "",
        f"**{EDUCATION_ONLY}**",
        "",
        *synthetic,
        f"- base: {plan.base.label}, {'4-bit NF4' if config.model.load_in_4bit else 'unquantized'}",
        f"- trained on {len(plan.split.train):,} questions, {plan.steps:,} steps, batch size "
        f"{config.training.effective_batch_size}, learning rate {config.optimizer.lr:g}, seed {config.seed}",
        f"- LoRA: r={config.lora.r}, alpha={config.lora.alpha:g}, dropout={config.lora.dropout:g}, "
        f"on {', '.join(config.lora.target_modules)}",
        f"- validation accuracy: {_written(result.score)}; untuned base: {_written(result.baseline)}",
        "- this adapter may have been chosen on these same validation questions; it was not scored on the test "
        "questions",
        *(f"- **{alarm.word}**: {alarm.sentence}" for alarm in alarms),
        f"- training {result.outcome}; experiment ID (signature) {result.signature}",
        "",
        "To reproduce it: `medqa-sweeps reproduce` with the folder above this one, which holds config and provenance.",
        "",
    ]
    return "\n".join(lines)


def _written(score: Score | None) -> str:
    if score is None:
        return "not measured"
    return accuracy(score.accuracy, score.low, score.high, score.questions)
