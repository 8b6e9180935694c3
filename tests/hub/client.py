"""What a process finds on the hub that its environment names: `python -m tests.hub.client '[{"model": {…}}, …]'`.

A process of its own, because `huggingface_hub` and `datasets` read endpoint, cache and offline mode when imported.
"""

import json
import sys
from typing import Any

from medqa_sweeps.base import locate
from medqa_sweeps.config import DataConfig, ModelConfig
from medqa_sweeps.data import read_questions
from medqa_sweeps.errors import TrialError
from medqa_sweeps.hub import at_commit
from medqa_sweeps.retrieval.encoders import locate_encoder, pinned
from medqa_sweeps.trial.plan import plan_new_trial
from medqa_sweeps.trial.provenance import collect
from tests.analysis.trial_folders import trial_config


def found(asked: dict[str, Any]) -> dict[str, Any]:
    """The base or the questions that were asked for, or the sentence that says why not."""
    try:
        if "trial" in asked:
            plan = plan_new_trial(trial_config(**asked["trial"]))
            saved = plan.config
            return {"provenance": collect(plan, []), "saved": [saved.model.revision, saved.data.revision]}
        if "encoder" in asked:
            encoder = locate_encoder(asked["encoder"])
            return {"commit": encoder.revision, "label": encoder.label, "pinned": pinned(asked["encoder"])}
        if "model" in asked:
            base = locate(ModelConfig(name="hub", **asked["model"]))
            return {"commit": base.revision, "fingerprint": base.fingerprint, "files": _names(base.folder)}
        config = at_commit(DataConfig(name="hub", **{"train": "train", **asked["data"]}))
        questions = read_questions(config, "train").questions
        return {"commit": config.revision, "questions": [question.question for question in questions]}
    except TrialError as error:
        return {"kind": error.kind, "sentence": str(error)}


def _names(folder: Any) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


if __name__ == "__main__":
    print("\n" + json.dumps([found(asked) for asked in json.loads(sys.argv[1])]))
