"""W&B's client in this process: imported once, stripped of what would make one run of several, kept from hurting.

`wandb` itself is imported only here, in `wandb_session.py` and in what is called with an open run: that takes seconds.
"""

import atexit
import base64
import contextlib
import http.client
import logging
import os
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING

import psutil

from medqa_sweeps.wandb_settings import RunSettings
from medqa_sweeps.wandb_variables import settings_to_clear

if TYPE_CHECKING:
    import wandb

ANSWER_SECONDS = 5.0  # within which a W&B server must answer a trivial question, or the run is recorded offline
NO_KEY = "no API key found"
# Importing wandb (0.31) in two threads at once fails in its circular imports; `init` promises nothing about threads.
one_at_a_time = threading.RLock()

_QUESTION = b'{"query": "query { viewer { id } }"}'
_TOO_MANY_REQUESTS = 429
_log = logging.getLogger(__name__)


class Talk:
    """Something that W&B is told, in a thread that holds up nothing and breaks nothing.

    A W&B that fails is told once through `logging`, and so is one that is still busy when it is no longer waited for.
    """

    def __init__(self, name: str, tell: Callable[[], None], nothing_lost: Callable[[], str]) -> None:
        """`nothing_lost`: a sentence for whoever reads that it failed."""
        self._tell, self._nothing_lost = tell, nothing_lost
        self.failed = False
        self._is_waited_for = True
        # A daemon, so that a W&B that hangs cannot keep this process from leaving.
        self._thread = threading.Thread(target=self._work, name=f"wandb {name}", daemon=True)
        self._thread.start()

    @property
    def goes_on(self) -> bool:
        return self._thread.is_alive()

    def wait(self, timeout_seconds: float) -> bool:
        """Whether it has ended within the time, well or badly."""
        self._thread.join(max(0.0, timeout_seconds))
        if self.goes_on and self._is_waited_for:
            self._is_waited_for = False
            _log.warning("W&B is still busy and no longer waited for. %s", self._nothing_lost())
        return not self.goes_on

    def _work(self) -> None:
        try:
            self._tell()
        except Exception as error:  # all that client, service and disk may raise, a missing module among it
            self.failed = True
            if self._is_waited_for:
                words = " ".join(str(error).split()) or type(error).__name__
                _log.warning("W&B failed (%s). %s", words, self._nothing_lost())


def end_service() -> None:
    """End the client's service process, for which this process would wait when it leaves. All it knew is in folders."""
    for service in _services():
        service.kill()


def _services() -> list[psutil.Process]:
    """The client's service processes that this process started and that live."""
    started = [child for child in psutil.Process().children() if child.name().startswith("wandb-core")]
    return [process for process in started if process.status() != psutil.STATUS_ZOMBIE]


def _leave_a_dead_service() -> None:
    """What the client does when this process ends, for a service that has died: it would print a traceback."""
    if not _services():
        import wandb

        with contextlib.suppress(Exception):
            wandb.teardown()


def client_settings(settings: RunSettings) -> "wandb.Settings":
    """The client's settings of this process, after which runs can be opened.

    A service process that WANDB_SERVICE names and that cannot be used is passed over: the client starts its own.
    """
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its telemetry asks the network even when offline
    logging.raiseExceptions = False  # on a full disk its log would print a traceback a line
    with one_at_a_time:
        import wandb

        # Silent, as the run's own setting leaves warnings on; SageMaker would give all runs one id.
        asked = wandb.Settings(silent=True, sagemaker_disable=True, **server(settings))
        try:
            found = wandb.setup(asked).settings
        except Exception:  # it promises no kind
            if not os.environ.get("WANDB_SERVICE"):
                raise
            os.environ["WANDB_SERVICE"] = ""  # not removed: another thread may be reading the environment
            found = wandb.setup(asked).settings
        for name in settings_to_clear():
            setattr(found, name, type(found).model_fields[name].default)
        if _services():
            atexit.unregister(_leave_a_dead_service)
            atexit.register(_leave_a_dead_service)  # after the client's own, so that it comes before that
    return found


def server(settings: RunSettings) -> dict[str, str]:
    """The client's setting for the server that a run belongs to; none where the client is to find it."""
    return {"base_url": settings.server} if settings.server else {}


def obstacle_to_online(settings: RunSettings) -> str | None:
    """Why a run is recorded offline, in words; None when a server answers and takes the key.

    Asked before `wandb.init`, because a failed online start keeps the run's id in use in W&B's service process
    (0.31), so that the same run could not be started offline after it.
    """
    client = client_settings(settings)
    if settings.sending.mode == "offline":
        return settings.sending.why
    from wandb.sdk.lib import wbauth

    key = wbauth.authenticate_session(host=client.base_url, source="medqa_sweeps", prompt=False)
    if key is None:
        return NO_KEY
    return _refusal(client, key.api_key if isinstance(key, wbauth.AuthApiKey) else None)


def _refusal(client: "wandb.Settings", api_key: str | None) -> str | None:
    """What is wrong with the server's answer, in words; without a key that it answers is enough."""
    request = urllib.request.Request(f"{client.base_url}/graphql", _QUESTION, dict(client.x_extra_http_headers or {}))
    request.add_header("Content-Type", "application/json")
    if api_key:
        request.add_header("Authorization", f"Basic {base64.b64encode(f'api:{api_key}'.encode()).decode()}")
    try:
        _opener(client).open(request, timeout=ANSWER_SECONDS).close()
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return f"{client.base_url} refuses the API key" if api_key else None
        return None if error.code == _TOO_MANY_REQUESTS else f"{client.base_url} answers with error {error.code}"
    except (OSError, http.client.HTTPException):
        return f"{client.base_url} does not answer within {ANSWER_SECONDS:.0f} s"
    return None


def _opener(client: "wandb.Settings") -> urllib.request.OpenerDirector:
    """It goes the way of the client's own requests."""
    proxies = {"http": client.http_proxy, "https": client.https_proxy}
    asked = {scheme: proxy for scheme, proxy in proxies.items() if proxy}
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler(asked)] if asked else []
    if client.insecure_disable_ssl:
        handlers.append(urllib.request.HTTPSHandler(context=ssl._create_unverified_context()))
    return urllib.request.build_opener(*handlers)
