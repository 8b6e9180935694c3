"""W&B's client in this process: imported once, cleared of settings that would merge runs, isolated from the sweep.

`wandb` is imported only here, in `session.py` and by callers that hold an open run, because its import takes
seconds.
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

from medqa_sweeps.tracking.run_settings import RunSettings
from medqa_sweeps.tracking.variables import settings_to_clear

if TYPE_CHECKING:
    import wandb

ANSWER_SECONDS = (
    5.0  # time limit for a trivial request to the W&B server; without an answer the run is recorded offline
)
_DEATH_SECONDS = 5.0  # time limit for a killed process to end
_DYING_SECONDS = 0.2  # a process that has closed its sockets may still look alive for a moment
NO_KEY = "no API key found"
# Importing wandb (0.31) in two threads at once fails in its circular imports; `init` promises nothing about threads.
one_at_a_time = threading.RLock()

_REQUEST = b'{"query": "query { viewer { id } }"}'
_TOO_MANY_REQUESTS = 429
_log = logging.getLogger(__name__)


class BackgroundTask:
    """W&B work in its own thread, so that no failure or delay affects the caller.

    A failure is logged as one sentence without a traceback; so is work that is still running after the wait.
    """

    def __init__(self, name: str, work: Callable[[], None], advice: Callable[[], str]) -> None:
        """`advice`: a sentence that follows a message about a failure."""
        self._work, self._advice = work, advice
        self.failed = False
        self._is_waited_for = True
        # A daemon, so that a W&B that hangs cannot keep this process from ending.
        self._thread = threading.Thread(target=self._run, name=f"wandb {name}", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def wait(self, timeout_seconds: float) -> bool:
        """Whether the work ended within the time, successfully or not."""
        self._thread.join(max(0.0, timeout_seconds))
        if self.is_running and self._is_waited_for:
            self._is_waited_for = False
            _log.warning("W&B is still busy, and its time limit has passed. %s", self._advice())
        return not self.is_running

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # of any kind: client, service, disk, a missing module
            self.failed = True
            if self._is_waited_for:
                reason = " ".join(str(error).split()) or type(error).__name__
                _log.warning("W&B failed (%s). %s", reason, self._advice())


def kill_service() -> None:
    """Kill the client's service process, which would delay the end of this one. The folders contain all its data."""
    services = _services()
    for service in services:
        service.kill()
    psutil.wait_procs(services, timeout=_DEATH_SECONDS)  # if it were alive at exit, the client would still talk to it


def _services() -> list[psutil.Process]:
    """The live service processes of the client that this process started."""
    started = [child for child in psutil.Process().children() if child.name().startswith("wandb-core")]
    return [process for process in started if process.status() != psutil.STATUS_ZOMBIE]


def _tear_down_quietly() -> None:
    """Tear the client down at exit if its service has died; the client itself would print a traceback."""
    _, alive = psutil.wait_procs(_services(), timeout=_DYING_SECONDS)
    if not alive:
        import wandb

        with contextlib.suppress(Exception):
            wandb.teardown()


def client_settings(settings: RunSettings) -> "wandb.Settings":
    """Set up the client in this process and return its global settings.

    If WANDB_SERVICE names a service process that cannot be reached, the client starts its own.
    """
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its telemetry asks the network even when offline
    os.environ.setdefault("WANDB_SILENT", "true")  # it names its settings files before it reads `silent` below
    logging.raiseExceptions = False  # on a full disk the client's log would print one traceback per line
    with one_at_a_time:
        import wandb

        requested = wandb.Settings(silent=True, **server(settings))  # silent: the run's own setting leaves warnings on
        try:
            found = wandb.setup(requested).settings
        except Exception:  # the client documents no type
            if not os.environ.get("WANDB_SERVICE"):
                raise
            os.environ["WANDB_SERVICE"] = ""  # not removed: another thread may be reading the environment
            found = wandb.setup(requested).settings
        for name in settings_to_clear():
            setattr(found, name, type(found).model_fields[name].default)
        if _services():
            atexit.unregister(_tear_down_quietly)
            atexit.register(_tear_down_quietly)  # registered after the client's own handler, it runs before it
    return found


def server(settings: RunSettings) -> dict[str, str]:
    """The client's setting for the run's server; empty where its default applies."""
    return {"base_url": settings.server} if settings.server else {}


def obstacle_to_online(settings: RunSettings) -> str | None:
    """Why a run is recorded offline; None if a server responds and accepts the key.

    Checked before `wandb.init`, because a failed online start keeps the run's id in use in W&B's service process
    (0.31), so that the same run could not be started offline after it.
    """
    client = client_settings(settings)
    if settings.mode.name == "offline":
        return settings.mode.source
    from wandb.sdk.lib import wbauth

    key = wbauth.authenticate_session(host=client.base_url, source="medqa_sweeps", prompt=False)
    if key is None:
        return NO_KEY
    return _refusal(client, key.api_key if isinstance(key, wbauth.AuthApiKey) else None)


def _refusal(client: "wandb.Settings", api_key: str | None) -> str | None:
    """What is wrong with the server's response; None: nothing. With a token instead of a key, any response is fine."""
    request = urllib.request.Request(f"{client.base_url}/graphql", _REQUEST, dict(client.x_extra_http_headers or {}))
    request.add_header("Content-Type", "application/json")
    if api_key:
        request.add_header("Authorization", f"Basic {base64.b64encode(f'api:{api_key}'.encode()).decode()}")
    try:
        _opener(client).open(request, timeout=ANSWER_SECONDS).close()
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return f"{client.base_url} rejects the API key" if api_key else None
        return None if error.code == _TOO_MANY_REQUESTS else f"{client.base_url} responds with error {error.code}"
    except (OSError, http.client.HTTPException):
        return f"{client.base_url} does not respond within {ANSWER_SECONDS:.0f} s"
    return None


def _opener(client: "wandb.Settings") -> urllib.request.OpenerDirector:
    """An opener with the proxies and the certificate check of the client's own requests."""
    proxies = {"http": client.http_proxy, "https": client.https_proxy}
    requested = {scheme: proxy for scheme, proxy in proxies.items() if proxy}
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler(requested)] if requested else []
    if client.insecure_disable_ssl:
        handlers.append(urllib.request.HTTPSHandler(context=ssl._create_unverified_context()))
    return urllib.request.build_opener(*handlers)
