"""Sends an exported folder to the Hugging Face Hub, with the user's own token; private unless asked otherwise.

Nothing is sent without the model card, nor if the folder holds anything private. An upload is one commit: a repository
has either all files or none, so one that an upload has left empty is used again.
"""

from pathlib import Path
from typing import Any

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.export.private import refuse_private
from medqa_sweeps.installation import IN_ENVIRONMENT
from medqa_sweeps.trial.folder import TrialDir
from medqa_sweeps.wording import EDUCATION_ONLY

_CARD = "README.md"
_MADE_BY_THE_HUB = {".gitattributes"}
_MESSAGE = "Exported by medqa_sweeps"
_LOGIN = f"`{IN_ENVIRONMENT}hf auth login`"
_SHOWN_CHARACTERS = 300


def push(folder: Path, hub_id: str, private: bool = True, trial: TrialDir | None = None) -> str:
    """Upload every file of `folder` to the model `hub_id`, and return its address.

    Args:
        hub_id: `NAME`, or `OWNER/NAME`, of a model that does not exist yet or has no files.
        private: whether only the owner sees it.
        trial: the trial that was exported: nothing may name its folder, hosts or users.

    Raises:
        ConfigError: before anything is sent, if the card is missing, something private is found, the name is not one or
            is taken, or there is no token; later, if the hub refuses or cannot be reached.
    """
    _refuse_without_card(folder)
    refuse_private(folder, trial)
    refuse_unready(hub_id)
    return _uploaded(folder, hub_id, private)


def refuse_unready(hub_id: str) -> None:
    """Check what an upload needs of this machine, before anything is made for it.

    Raises:
        ConfigError: if `hub_id` is not a name of the hub, there is no token, or HF_HUB_OFFLINE is set.
    """
    from huggingface_hub import constants, get_token
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(hub_id)
    except HFValidationError as error:
        raise ConfigError(f"--push {hub_id}: not a name of the hub: {_shortened(error)}") from None
    if constants.HF_HUB_OFFLINE:
        raise ConfigError(f"--push {hub_id}: HF_HUB_OFFLINE is set. Unset it to upload.")
    if get_token() is None:
        raise ConfigError(
            f"--push {hub_id}: there is no token. Run {_LOGIN} with a token that may write, or set HF_TOKEN."
        )


def _refuse_without_card(folder: Path) -> None:
    try:
        text = (folder / _CARD).read_text(encoding="utf-8")
    except OSError:
        text = ""
    if EDUCATION_ONLY not in text:
        raise ConfigError(
            f"{folder / _CARD} is not the model card of an export (it lacks {EDUCATION_ONLY!r}), and nothing is "
            "uploaded without it. Export the trial again."
        )


def _uploaded(folder: Path, hub_id: str, private: bool) -> str:
    from httpx import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi()
    try:
        whole_id = _made(api, hub_id, private)
        api.upload_folder(repo_id=whole_id, folder_path=folder, commit_message=_MESSAGE)
    except HfHubHTTPError as refusal:
        raise _refused(refusal, hub_id) from None
    except (HTTPError, OSError) as error:
        raise ConfigError(
            f"--push {hub_id}: {api.endpoint} cannot be reached ({type(error).__name__}). {folder} is complete: push "
            "it when there is a network."
        ) from None
    except ValueError as error:  # of the hub's check of the card, and of a file that its storage refuses
        raise ConfigError(f"--push {hub_id}: the hub refuses the upload: {_shortened(error)}") from None
    return f"{api.endpoint}/{whole_id}"


def _made(api: Any, hub_id: str, private: bool) -> str:
    """The whole id, with its owner, of a model without files: a new one, or what an earlier upload left.

    Raises:
        ConfigError: if it has files, or everybody sees it although it should be private.
    """
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return str(api.create_repo(hub_id, private=private).repo_id)
    except HfHubHTTPError as refusal:
        if refusal.response.status_code != 409:
            raise
    owned_id = hub_id if "/" in hub_id else f"{api.whoami()['name']}/{hub_id}"
    there = api.model_info(owned_id)
    if {file.rfilename for file in there.siblings or ()} - _MADE_BY_THE_HUB:
        raise ConfigError(f"--push {hub_id}: the hub already has {owned_id}, with files. Choose another name.")
    if private and not there.private:
        raise ConfigError(
            f"--push {hub_id}: the hub already has {owned_id}, and everybody sees it. Choose another name."
        )
    return owned_id


def _refused(refusal: Any, hub_id: str) -> ConfigError:
    status = refusal.response.status_code
    if status == 401:
        return ConfigError(f"--push {hub_id}: the hub does not accept the token. Run {_LOGIN} again, or set HF_TOKEN.")
    if status == 403:
        return ConfigError(
            f"--push {hub_id}: the token has no right to write there. Choose a name of your own, or a token that may "
            f"write ({_LOGIN})."
        )
    said = refusal.server_message or f"HTTP status {status}"
    return ConfigError(f"--push {hub_id}: the hub refuses the upload: {_shortened(said)}")


def _shortened(error: object) -> str:
    text = " ".join(str(error).split())[:_SHOWN_CHARACTERS]
    return text if text.endswith(".") else f"{text}."
