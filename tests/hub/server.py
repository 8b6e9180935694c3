"""A hub on the loopback that speaks what `huggingface_hub` 1.33 asks: info, tree, resolve, ranges, refusals, cut lines.

Not a mock of the clients, which are the real ones: it stands in for the other side, and was written after what they
send. The real hub answers large files through a redirect to another host, and so does this one, to another path.
"""

import hashlib
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

Files = dict[str, bytes]
LARGE = (".safetensors", ".parquet")  # kept in LFS


@dataclass
class Repository:
    """A model or data set: its commits, and which of them a branch or tag stands for."""

    commits: dict[str, Files] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    refusal: int | None = None  # 401 or 403: gated

    def commit(self, files: Files, *refs: str) -> str:
        """Add a commit, move `refs` (default: main) to it, and give its name back."""
        names = json.dumps({name: hashlib.sha256(data).hexdigest() for name, data in files.items()})
        sha = hashlib.sha1(names.encode()).hexdigest()
        self.commits[sha] = files
        self.refs.update(dict.fromkeys(refs or ("main",), sha))
        return sha


class Hub:
    """Serves repositories at `endpoint` until closed, and remembers what was asked."""

    def __init__(self) -> None:
        self.models: dict[str, Repository] = {}
        self.datasets: dict[str, Repository] = {}
        self.cuts: Counter[str] = Counter()  # how often still a large file's line is cut in its middle, by file name
        self.missing: set[str] = set()  # files that are listed, and whose transfer fails
        self.silent = False  # accepts and never answers
        self._closed = threading.Event()
        self.asked: list[str] = []  # "GET /path", with "bytes=…" where a range was asked for
        hub = self

        class Handler(_Handler):
            def do_GET(self) -> None:
                hub.answer(self)

            do_HEAD = do_GET

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, to: "_Handler") -> None:
        path, _, _ = to.path.partition("?")
        self.asked.append(f"{to.command} {path} {to.headers.get('Range', '')}".strip())
        if self.silent:
            self._closed.wait()
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if parts[0] == "cdn":
            return self._send_large(to, parts[1])
        api = parts.pop(0) if parts[0] == "api" else None
        repositories = self.datasets if parts[0] == "datasets" else self.models
        if parts[0] in ("models", "datasets"):
            parts.pop(0)
        repository = repositories.get("/".join(parts[:2]))
        if repository is None:
            return to.refuse(401, "RepoNotFound")  # so the real one answers those who have not logged in
        verb, revision, *name = [*parts[2:], *["revision", "main"][len(parts) - 2 :]]
        sha = repository.refs.get(revision, revision)
        if sha not in repository.commits:
            return to.refuse(404, "RevisionNotFound")
        files = repository.commits[sha]
        if api and verb == "revision":
            gated = "manual" if repository.refusal else False
            return to.send_json({"id": "/".join(parts[:2]), "sha": sha, "gated": gated, "siblings": [], "tags": []})
        if api and verb == "tree":
            return to.send_json([_tree_entry(one, data) for one, data in files.items()])
        return self._resolve(to, repository, sha, files, "/".join(name))

    def _resolve(self, to: "_Handler", repository: Repository, sha: str, files: Files, name: str) -> None:
        if repository.refusal:
            return to.refuse(repository.refusal, "GatedRepo")
        data = files.get(name)
        if name in self.missing:
            return to.refuse(410, "Gone")
        if data is None:
            return to.refuse(404, "EntryNotFound", {"X-Repo-Commit": sha})
        digest = hashlib.sha256(data).hexdigest()
        head = {"X-Repo-Commit": sha, "ETag": f'"{hashlib.sha1(data).hexdigest()}"'}
        if not name.endswith(LARGE):
            return to.send(200, data, head)
        location = f"{self.endpoint.replace('127.0.0.1', 'localhost')}/cdn/{digest}"  # another host, for the client
        linked = {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(data)), "Location": location}
        return to.send(302, b"", {**head, **linked})

    def _send_large(self, to: "_Handler", digest: str) -> None:
        name, data = next(
            (name, data)
            for repository in (*self.models.values(), *self.datasets.values())
            for files in repository.commits.values()
            for name, data in files.items()
            if hashlib.sha256(data).hexdigest() == digest
        )
        start = int(to.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        head = {"ETag": f'"{digest}"', "Accept-Ranges": "bytes"}
        if start:
            head["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        cut = self.cuts[name] > 0 and to.command == "GET"
        self.cuts[name] -= cut
        to.send(206 if start else 200, data[start:], head, only=(len(data) - start) // 2 if cut else None)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def send(self, status: int, data: bytes, head: dict[str, str], only: int | None = None) -> None:
        """Answer; with `only`, so many bytes of what was promised, and then hang up."""
        self.send_response(status)
        for key, value in {**head, "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data[:only])
        self.close_connection = only is not None

    def send_json(self, value: object) -> None:
        self.send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def refuse(self, status: int, code: str, head: dict[str, str] | None = None) -> None:
        self.send(status, b"{}", {**(head or {}), "X-Error-Code": code, "Content-Type": "application/json"})

    def log_message(self, *words: object) -> None:
        pass


def _tree_entry(name: str, data: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
    if name.endswith(LARGE):
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return entry
