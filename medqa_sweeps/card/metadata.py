"""The YAML at a card's top, in the hub's own keys."""

from typing import Any

import yaml

from medqa_sweeps.card.licences import of_model
from medqa_sweeps.card.records import Records

_LIBRARIES = {"adapter": "peft", "merged": "transformers", "gguf": "gguf"}
_LANGUAGES = {"us": "en", "taiwan": "zh", "mainland": "zh"}


def metadata(records: Records) -> list[str]:
    """The lines of the YAML block, with its marks.

    It holds no score: a validation score without its explanation would stand on a hub page as if it were a test score.
    """
    text = yaml.safe_dump(_values(records), sort_keys=False, allow_unicode=True, width=1000)
    return ["---", *text.splitlines(), "---", ""]


def _values(records: Records) -> dict[str, Any]:
    config, licence = records.config, of_model(records.config.model)
    values: dict[str, Any] = {}
    if licence.name:
        values["license"] = licence.name if licence.is_identifier else "other"
        if not licence.is_identifier:
            values["license_name"] = licence.name
        if licence.link:
            values["license_link"] = licence.link
    if config.model.hub_id:
        values["base_model"] = config.model.hub_id
        values["base_model_relation"] = "adapter" if records.form == "adapter" else "finetune"
    if config.data.hub_id:
        values["datasets"] = [config.data.hub_id]
    if languages := _languages(records):
        values["language"] = languages
    values["library_name"] = _LIBRARIES[records.form]
    values["pipeline_tag"] = "text-generation"
    synthetic = ["synthetic-data"] if config.data.synthetic else []
    values["tags"] = ["lora", "medqa", "medqa_sweeps", "education", "not-for-clinical-use", *synthetic]
    return values


def _languages(records: Records) -> list[str]:
    """Of the validation questions, where their region is recorded."""
    regions = records.result.score.accuracy_by_region if records.result.score else {}
    return list(dict.fromkeys(_LANGUAGES[region] for region in regions if region in _LANGUAGES))
