"""Which trial of a study stands for it: the one that the final test scores unless another is named."""

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.study.best import ranked_in
from medqa_sweeps.study.confirmation import confirmation_beside, confirmed_winner
from medqa_sweeps.study.folder import StudyDir
from medqa_sweeps.study.objective import objective_in


def selected_trial(study: StudyDir) -> tuple[int, str]:
    """Number of the trial to be tested unless another is named, and why it: the winner under fresh seeds where the
    study was confirmed, else the best by validation.

    Raises:
        ConfigError: if there is no such study, or no trial of it has completed.
    """
    study.definition()  # refuses a folder without a study
    if winner := confirmed_winner(study.path):
        return winner.again[0], f"{winner.settings}, the winner under fresh seeds; its first seed"
    beside = confirmation_beside(study.path)
    if beside and (winner := confirmed_winner(beside)):
        return winner.trials[0], f"{winner.settings}, the winner under fresh seeds ({beside.name})"
    configs = ranked_in(study.path)
    if not configs:
        raise ConfigError(
            f"{study.path}: no trial has completed its training, so none can be selected. `resume` finishes what was "
            "interrupted."
        )
    seeds = len(configs[0].trials)
    objective = objective_in(study.path)
    by = "validation" if objective.is_accuracy else f"{objective.names[0]} on validation"
    why = f"the first seed of the best config by {by}, on average over {seeds} seeds"
    return configs[0].first.number, why if seeds > 1 else f"the best by {by}"
