"""Python processes without a network: each attempt to reach one raises, and is written to a file.

Sockets between processes of one machine (AF_UNIX) stay, as the pool talks to its children through them.
"""

import os
from pathlib import Path

_HOOK = """
import os, sys

def _closed(event, arguments):
    asks = event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg")
    if asks or (event == "socket.connect" and not isinstance(arguments[1], (str, bytes))):
        with open({file!r}, "a") as file:
            file.write(f"{{event}} {{arguments[1:]}}\\n")
        raise OSError("the network is closed")

sys.addaudithook(_closed)
"""


def without_network(folder: Path) -> tuple[dict[str, str], Path]:
    """The environment of such processes, in which no library is told to stay offline, and the file of attempts."""
    (folder / "path").mkdir()
    attempts = folder / "attempts"
    (folder / "path" / "sitecustomize.py").write_text(_HOOK.format(file=str(attempts)))
    told = ("HF_HUB_OFFLINE", "UNSLOTH_DISABLE_STATISTICS", "WANDB_MODE")
    kept = {name: value for name, value in os.environ.items() if name not in told}
    root = str(Path(__file__).parents[2])
    return {**kept, "PYTHONPATH": f"{folder / 'path'}:{root}", "HF_HOME": str(folder / "hub")}, attempts
