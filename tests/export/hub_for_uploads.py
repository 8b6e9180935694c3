"""A hub on the loopback that takes uploads as `huggingface_hub` 1.33 sends them without Xet.

Not a mock of the client, which is the real one: it stands in for the other side, and was written after what it sends.
"""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

OWNER, TOKEN = "someone", "hf_" + "a1B2c3D4e5" * 3
LARGE = (".safetensors", ".gguf")


class UploadHub:
    """Serves at `endpoint` until closed. One user, whose namespace is `OWNER`."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.objects: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.fails_at: str | None = None  # part of a path that is answered with status 500
        hub = self

        class Handler(_Handler):
            def do_GET(self) -> None:
                hub.answer(self)

            do_POST = do_PUT = do_HEAD = do_GET

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, to: "_Handler") -> None:
        path = to.path.partition("?")[0]
        body = to.body()
        self.asked.append(f"{to.command} {path}")
        if path.startswith("/storage/"):  # a signed address: no token
            self.objects[path.removeprefix("/storage/")] = body
            return to.reply(200, {})
        if to.headers.get("Authorization") != f"Bearer {TOKEN}":
            return to.reply(401, {"error": "Invalid username or password."})
        if self.fails_at and self.fails_at in path:
            return to.reply(418, {"error": "the disk of the hub is full"})
        if path == "/api/whoami-v2":
            return to.reply(200, {"name": OWNER, "type": "user"})
        if path == "/api/repos/create":
            return self._create(to, json.loads(body))
        if path == "/api/validate-yaml":
            return self._validate(to, json.loads(body)["content"])
        return self._of_repository(to, path, body)

    def _create(self, to: "_Handler", asked: dict[str, Any]) -> None:
        owner = asked["organization"] or OWNER
        id_ = f"{owner}/{asked['name']}"
        if owner != OWNER:
            return to.reply(403, {"error": f"You don't have the rights to create a model under {owner}"})
        if id_ in self.repositories:
            return to.reply(409, {"error": "You already created this model repo"})
        self.repositories[id_] = {".gitattributes": b""}
        self.private[id_] = asked.get("visibility") == "private"
        return to.reply(200, {"url": f"{self.endpoint}/{id_}", "name": id_})

    def _validate(self, to: "_Handler", content: str) -> None:
        front = re.match(r"---\n(.*?)\n---\n", content, re.DOTALL)
        if front is None or not isinstance(yaml.safe_load(front[1]), dict):
            return to.reply(400, {"errors": [{"message": "no metadata"}], "warnings": []})
        return to.reply(200, {"errors": [], "warnings": []})

    def _of_repository(self, to: "_Handler", path: str, body: bytes) -> None:
        batch = re.fullmatch(r"/(.+)\.git/info/lfs/objects/batch", path)
        api = re.fullmatch(r"/api/models/([^/]+/[^/]+)(/.*)?", path)
        if batch:
            return to.reply(200, self._batch(json.loads(body)))
        if api is None or api[1] not in self.repositories:
            return to.reply(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        id_, verb = api[1], api[2] or ""
        if verb.startswith("/preupload/"):
            return to.reply(200, {"files": [_mode(file["path"]) for file in json.loads(body)["files"]]})
        if verb.startswith("/commit/"):
            self._commit(id_, body)
            return to.reply(200, {"commitUrl": f"{self.endpoint}/{id_}/commit/{'0' * 40}", "commitOid": "0" * 40})
        siblings = [{"rfilename": name} for name in self.repositories[id_]]
        return to.reply(200, {"id": id_, "private": self.private[id_], "siblings": siblings, "tags": []})

    def _batch(self, asked: dict[str, Any]) -> dict[str, Any]:
        def action(oid: str) -> dict[str, Any]:
            return {"upload": {"href": f"{self.endpoint}/storage/{oid}"}}

        objects = [{"oid": one["oid"], "size": one["size"], "actions": action(one["oid"])} for one in asked["objects"]]
        return {"transfer": "basic", "objects": objects}

    def _commit(self, id_: str, body: bytes) -> None:
        for line in map(json.loads, body.decode().splitlines()):
            value = line["value"]
            if line["key"] == "file":
                self.repositories[id_][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                data = self.objects[value["oid"]]
                assert hashlib.sha256(data).hexdigest() == value["oid"]
                self.repositories[id_][value["path"]] = data


def _mode(path: str) -> dict[str, Any]:
    return {"path": path, "uploadMode": "lfs" if path.endswith(LARGE) else "regular", "shouldIgnore": False}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def reply(self, status: int, value: dict[str, Any], head: dict[str, str] | None = None) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for key, text in {**(head or {}), "Content-Type": "application/json", "Content-Length": str(len(data))}.items():
            self.send_header(key, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *words: object) -> None:
        pass
