"""A headless Chromium that a test drives: Chrome's DevTools protocol over a pipe, JSON messages that end with NUL."""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)


PATIENCE_S = 60.0


class Browser:
    """One page at a time. A context manager: leaving it ends the process."""

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        (child_reads, self._writes), (self._reads, child_writes) = os.pipe(), os.pipe()
        flags = "--headless=new --no-sandbox --disable-gpu --enable-unsafe-swiftshader --no-first-run"
        flags += " --hide-scrollbars --remote-debugging-pipe"
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$0" {flags} "--user-data-dir=$1" 3<&{child_reads} 4>&{child_writes}',
             CHROMIUM, str(profile)],
            pass_fds=(child_reads, child_writes), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(child_reads)
        os.close(child_writes)
        self._buffer, self._number, self._session, self._loaded = b"", 0, "", False
        self.complaints: list[str] = []  # errors of the console and exceptions of the open page
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")
        self.requests: list[str] = []  # addresses that the page asked for

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *ignored: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        os.close(self._writes)
        os.close(self._reads)

    def open(self, page: Path, width: int, dark: bool = False) -> None:
        """Load a page, `width` CSS pixels wide, and wait until it has drawn itself."""
        self.complaints, self.requests = [], []
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500
        )
        self.turn(dark)
        self._load("Page.navigate", url=page.resolve().as_uri())

    def reload(self) -> None:
        """Load the open page again, and wait until it has drawn itself."""
        self.complaints, self.requests = [], []
        self._load("Page.reload")

    def _load(self, method: str, **parameters: Any) -> None:
        # A question asked of a page that is being left may never be answered: wait for the event first.
        self._loaded = False
        self._call(method, **parameters)
        while not self._loaded:
            self._note(self._receive(method))
        end = time.monotonic() + PATIENCE_S
        while not self.ask("document.documentElement.dataset.drawn"):
            assert time.monotonic() < end, f"the page has not drawn itself: {self.complaints}"
            time.sleep(0.05)

    def turn(self, dark: bool) -> None:
        """What a reader's system prefers."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression, once it has settled."""
        answer = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str, code: int) -> None:
        text = {"Enter": "\r"}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text=text)

    def screenshot(self, whole: bool = False) -> bytes:
        """PNG of what is in view, or of the whole page."""
        answer = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(answer["data"])

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writes, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive(method)
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                found: dict[str, Any] = answer["result"]
                return found
            self._note(answer)

    def _receive(self, method: str) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._reads], [], [], PATIENCE_S)
            assert ready, f"Chromium has not answered {method} for {PATIENCE_S:.0f} seconds"
            read = os.read(self._reads, 2**20)
            assert read, "Chromium has ended"
            self._buffer += read
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def _note(self, event: dict[str, Any]) -> None:
        about = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(about["exceptionDetails"])[:400])
        elif event.get("method") == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.complaints.append(about["entry"]["text"])
        elif event.get("method") == "Runtime.consoleAPICalled" and about["type"] in ("error", "assert"):
            self.complaints.append(json.dumps(about["args"])[:400])
        elif event.get("method") == "Network.requestWillBeSent" and hasattr(self, "requests"):
            self.requests.append(about["request"]["url"])
        elif event.get("method") == "Page.loadEventFired":
            self._loaded = True
