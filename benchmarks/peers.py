"""Environments for our peers: each has its own, made once with uv and kept in the cache folder."""

import json
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

from medqa_sweeps.durable.writable_folders import cache_folder

PEERS = {
    # Upstream's stable sweeper (1.3.0) needs Optuna below 3; its pre-release takes Optuna 5 and Hydra 1.4.
    "hydra": ["hydra-optuna-sweeper==1.4.0rc3", "hydra-joblib-launcher==1.4.0rc3"],
    "submitit": ["hydra-optuna-sweeper==1.4.0rc3", "hydra-submitit-launcher==1.2.0"],
    # As this project's extra `ray`: another version could not join its clusters.
    "ray": ["ray[tune]==2.60.0", "optuna"],
}
_TELL = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"


def peer(name: str) -> Path | None:
    """The Python of a peer's environment; None, with a line that says so, if it cannot be installed here."""
    return _environment(name, PEERS[name], below=None)


def layered(name: str, packages: Sequence[str]) -> Path | None:
    """The Python of an environment that has these packages, alone, over those of this one; None likewise."""
    return _environment(name, packages, below=Path(sysconfig.get_path("purelib")))


def _environment(name: str, packages: Sequence[str], below: Path | None) -> Path | None:
    folder = cache_folder().absolute() / "peers" / name
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    folder.parent.mkdir(parents=True, exist_ok=True)
    alone = ["--no-deps"] if below else []
    try:
        _run(["uv", "venv", "--clear", "--python", sys.executable, str(folder)])
        _run(["uv", "pip", "install", "--python", str(python), "--prerelease=allow", *alone, *packages])
        if below:
            own = Path(_run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip())
            (own / "below.pth").write_text(f"{below}\n")
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        print(f"{name} is missing: it could not be installed ({said.strip().splitlines()[-1]})")
        return None
    (folder / "complete").touch()
    return python


def versions(python: Path) -> dict[str, str]:
    """Of what is installed beside a Python, those that matter here."""
    told = json.loads(_run([str(python), "-c", _TELL]))
    wanted = ("hydra", "optuna", "joblib", "omegaconf", "ray", "submitit")
    return {name: version for name, version in sorted(told.items()) if name.startswith(wanted)}


def _run(command: list[str]) -> str:
    outside = Path(tempfile.gettempdir())  # uv would take this project's constraints from the folder it is called in
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=outside).stdout
