"""A small W&B server on the loopback: it speaks the calls that the real client (0.31) makes, and keeps what it is told.

A stand-in for W&B's own server, which cannot be had here. What it does with a call was read off the client's requests;
what W&B does beyond keeping (plots, permissions, the state "crashed" of a run that falls silent) it does not do.
"""

import base64
import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

API_KEY = "0123456789abcdef0123456789abcdef01234567"
TEAM = "a-team"  # whose key it is


@dataclass
class StoredRun:
    """A run as the server knows it."""

    name: str  # its id
    project: str
    group: str | None = None
    job_type: str | None = None
    display_name: str | None = None
    entity: str | None = None  # as first asked for
    notes: str | None = None
    host: str | None = None
    sweep: str | None = None  # W&B's own
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    rewritten: int = 0  # lines of the history that came a second time, and were not the same
    summary: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    exit_codes: list[int] = field(default_factory=list)
    preempting: bool = False

    @property
    def settings(self) -> dict[str, Any]:
        """The config that people see."""
        return {key: entry["value"] for key, entry in self.config.items() if key != "_wandb"}

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """What `define_metric` has asked for, in the client's numbered fields."""
        return list(self.config["_wandb"]["value"]["m"])

    @property
    def state(self) -> str:
        if not self.exit_codes:
            return "running"
        return "preempted" if self.preempting else "failed" if self.exit_codes[-1] else "finished"


class WandbServer:
    """`runs` by id; it answers from `__enter__` on. `outage()` lets every call fail while it lasts.

    With a `status` other than 200 every call after the first `healthy_calls` is answered by that error.
    """

    def __init__(self) -> None:
        self.runs: dict[str, StoredRun] = {}
        self.artifacts: list[dict[str, Any]] = []
        self.views: dict[str, dict[str, Any]] = {}  # saved views and reports, by their id
        self.unknown: list[str] = []  # calls that it could not answer
        self.calls = 0
        self.status, self.healthy_calls = 200, 0
        self._lock = threading.Lock()
        self._out, self._deaf = False, False
        self._http = _QuietServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> "WandbServer":
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def environment(self) -> dict[str, str]:
        """What makes a client ask here and nowhere else."""
        return {
            "WANDB_BASE_URL": self.url,
            "WANDB_API_KEY": API_KEY,
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_MODE": "online",
        }

    @contextmanager
    def outage(self, after_hearing: bool = False) -> Iterator[None]:
        """Connections break without an answer; `after_hearing`: only once the call has been carried out."""
        self._out, self._deaf = True, not after_hearing
        try:
            yield
        finally:
            self._out = self._deaf = False

    def carry_out(self, method: str, path: str, body: bytes) -> Any:
        """The answer to a call; None: there is none, the connection breaks. A number: an error of that status."""
        with self._lock:
            self.calls += 1
            if self.status != 200 and self.calls > self.healthy_calls:
                return self.status
            if self._deaf:
                return None
            answer = self._answer(method, path, body)
            return None if self._out else answer

    def _answer(self, method: str, path: str, body: bytes) -> Any:
        if path == "/graphql":
            asked = json.loads(body)
            try:
                return {"data": self._graphql(asked["query"], asked.get("variables") or {})}
            except LookupError as error:
                return {"data": None, "errors": [{"message": str(error)}]}
        if path.endswith("/file_stream"):
            self._file_stream(self.runs[path.split("/")[-2]], json.loads(body))
            return {}
        if method == "PUT" and path.startswith("/storage/"):
            _, _, run, name = path.split("/", 3)
            if run in self.runs:
                self.runs[run].files[name] = body
            return {}
        self.unknown.append(f"{method} {path}")
        return {}

    def _graphql(self, query: str, given: dict[str, Any]) -> dict[str, Any]:
        """The `data` of the answer to an operation."""
        operation = query.split("(")[0].split("{")[0].split()[-1]
        match operation:
            case "UpsertBucket":
                return {"upsertBucket": self._upsert(given)}
            case "RunResumeStatus":
                return {"model": self._resume_status(given)}
            case "Viewer" | "query":  # the client's, and the unnamed one that asks whether it answers at all
                return {"viewer": {"id": _id(TEAM), "entity": TEAM, "username": TEAM, "email": "", "flags": "{}"}}
            case "CreateRunFiles":
                files = [{"name": name, "uploadUrl": self._storage(given["run"], name)} for name in given["files"]]
                return {"createRunFiles": {"runID": _id(given["run"]), "uploadHeaders": [], "files": files}}
            case "ServerFeaturesQuery":
                return {"serverInfo": {"features": []}}
            case "ArtifactType":  # of one that is not there yet
                return {"project": None}
            case "CreateArtifact" | "CreateArtifactManifest" | "CreateArtifactFiles":
                return self._artifact(operation, given.get("input", given))
            case "UpsertView2" | "upsertView":
                return self._upsert_view(given)
            case "ProjectInternalId":
                return {"project": {"id": _id(given["projectName"]), "internalId": "17"}}
            case "GetProjects":
                return {"models": self._projects()}
            case "CommitArtifact":
                return {"commitArtifact": {"artifact": {"id": given["artifactID"], "digest": "as told"}}}
        self.unknown.append(f"{operation} {json.dumps(given)[:200]}")
        return {}

    def _upsert(self, given: dict[str, Any]) -> dict[str, Any]:
        """Make the run, or change what is named; null leaves a field as it is."""
        inserted = given["name"] not in self.runs
        run = self.runs.setdefault(given["name"], StoredRun(given["name"], given["project"]))
        run.group = given["groupName"] or run.group
        run.job_type = given["jobType"] or run.job_type
        run.display_name = given["displayName"] or run.display_name
        run.entity, run.notes = run.entity or given["entity"], given["notes"] or run.notes
        run.host, run.sweep = given["host"] or run.host, given["sweep"] or run.sweep
        run.tags = given["tags"] if given["tags"] is not None else run.tags
        run.config = json.loads(given["config"]) if given["config"] else run.config
        bucket = {
            "id": _id(run.name),
            "name": run.name,
            "displayName": run.display_name,
            "description": None,
            "config": json.dumps(run.config),
            "sweepName": None,
            "project": {"id": _id(run.project), "name": run.project, "entity": {"id": _id(TEAM), "name": TEAM}},
            "historyLineCount": len(run.history),
        }
        return {"bucket": bucket, "inserted": inserted}

    def _resume_status(self, given: dict[str, Any]) -> dict[str, Any]:
        run = self.runs.get(given["name"])
        model = {"id": _id(given["project"]), "name": given["project"], "entity": {"id": _id(TEAM), "name": TEAM}}
        if run is None:
            return {**model, "bucket": None}
        run.preempting, run.exit_codes = False, []  # who asks goes on with it
        bucket = {
            "id": _id(run.name),
            "name": run.name,
            "summaryMetrics": json.dumps(run.summary),
            "displayName": run.display_name,
            "logLineCount": 0,
            "historyLineCount": len(run.history),
            "eventsLineCount": 0,
            "historyTail": json.dumps([json.dumps(line) for line in run.history[-1:]]),
            "eventsTail": "[]",
            "config": json.dumps(run.config),
            "tags": run.tags,
            "notes": None,
            "wandbConfig": json.dumps({"t": run.config.get("_wandb", {}).get("value", {}).get("t", {})}),
        }
        return {**model, "bucket": bucket}

    def _file_stream(self, run: StoredRun, told: dict[str, Any]) -> None:
        """Lines go to their place in the file: told twice, they are there once."""
        for name, part in told.get("files", {}).items():
            if name == "wandb-summary.json":
                run.summary = json.loads(part["content"][-1])
            if name != "wandb-history.jsonl":
                continue
            assert part["offset"] <= len(run.history), (
                f"{run.name}: lines {len(run.history)} to {part['offset']} missing"
            )
            for place, line in enumerate(map(json.loads, part["content"]), part["offset"]):
                if place < len(run.history):
                    run.rewritten += run.history[place] != line
                    run.history[place] = line
                else:
                    run.history.append(line)
        if told.get("preempting"):
            run.preempting = True
        if told.get("complete"):
            run.exit_codes.append(told["exitcode"])

    def _artifact(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        """Artifacts are taken in and not looked at: a table travels as one besides being a file of its run."""
        if operation == "CreateArtifact":
            self.artifacts.append(given)
            sequence = {"id": _id("sequence"), "latestArtifact": None}
            made = {"id": _id(given["artifactCollectionName"]), "state": "PENDING", "artifactSequence": sequence}
            return {"createArtifact": {"artifact": made}}
        if operation == "CreateArtifactFiles":
            nodes = [
                {
                    "storagePath": one["name"],
                    "uploadUrl": self._storage("artifact", one["name"]),
                    "uploadHeaders": [],
                    "uploadMultipartUrls": None,
                    "artifact": {"id": one["artifactID"]},
                }
                for one in given["artifactFiles"]
            ]
            return {"createArtifactFiles": {"files": {"edges": [{"node": node} for node in nodes]}}}
        file = {"id": _id("file"), "uploadUrl": self._storage("artifact", "manifest"), "uploadHeaders": []}
        return {"createArtifactManifest": {"artifactManifest": {"id": _id("manifest"), "file": file}}}

    def _upsert_view(self, given: dict[str, Any]) -> dict[str, Any]:
        """Make a view or report, or change one; W&B knows none that was deleted."""
        identity = given.get("id") or _id(f"view {len(self.views)}").rstrip("=")
        if given.get("id") and given["id"] not in self.views:
            raise LookupError("no such view")
        inserted = identity not in self.views
        self.views[identity] = {**given, "id": identity, "spec": json.loads(given["spec"])}
        project = {"id": _id(given["projectName"]), "name": given["projectName"], "entityName": given["entityName"]}
        kept = {key: given.get(key) for key in ("type", "name", "displayName", "description", "spec")}
        return {"upsertView": {"view": {"id": identity, **kept, "project": project}, "inserted": inserted}}

    def _projects(self) -> dict[str, Any]:
        names = sorted({run.project for run in self.runs.values()})
        more = {"entityName": TEAM, "createdAt": "2026-01-01T00:00:00", "isBenchmark": False, "user": None}
        nodes = [{"id": _id(name), "name": name, **more} for name in names]
        page = {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False}
        return {"pageInfo": page, "edges": [{"cursor": one["name"], "node": one} for one in nodes]}

    def _storage(self, run: str, name: str) -> str:
        return f"{self.url}/storage/{run}/{name}"


def _id(name: str) -> str:
    return base64.b64encode(name.encode()).decode()


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


def _handler(server: WandbServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_call(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            answer = server.carry_out(self.command, self.path, body)
            if answer is None:
                self.close_connection = True
                return
            status, answer = (answer, {}) if isinstance(answer, int) else (200, answer)
            written = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        do_GET = do_POST = do_PUT = handle_call

        def log_message(self, *words: object) -> None:
            """Says nothing."""

    return Handler
