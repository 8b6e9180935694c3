"""Finds llama.cpp's Python parts, which convert models. Nothing is downloaded: what is missing is named.

They are no package of their own that works: the source package of llama-cpp-python holds those of one version together.
"""

import importlib.util
import os
import shlex
from pathlib import Path

from medqa_sweeps.command_line import short_path
from medqa_sweeps.durable.writable_folders import cache_folder
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.installation import install_extra

VARIABLE = "MEDQA_SWEEPS_LLAMA_CPP"
_VERSION = "0.3.36"  # of llama-cpp-python
_SOURCE = f"llama_cpp_python-{_VERSION}"  # its archive and the folder in it
_NEEDED = ("convert_hf_to_gguf.py", "conversion/__init__.py", "gguf-py/gguf/__init__.py")


def usual_folder() -> Path:
    """Where it is looked for unless it is named."""
    return cache_folder() / "llama.cpp"


def find_llama_cpp(named: Path | None) -> Path:
    """The folder of llama.cpp: the one named, else that of the variable, else the usual one.

    Raises:
        ConfigError: if it is not there or not whole, with the commands that bring it.
    """
    configured = os.environ.get(VARIABLE)
    folder = named or (Path(configured) if configured else usual_folder())
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if not missing:
        return folder.resolve()
    source = "--llama-cpp" if named else VARIABLE if configured else "The usual folder"
    raise ConfigError(
        f"--as gguf needs llama.cpp's converter. {source} {short_path(folder)} has no {missing[0]}. These commands "
        f"bring it to the usual folder (76 MB, nothing is compiled):\n{how_to_get()}\nOr name the folder of a copy of "
        f"llama.cpp with --llama-cpp or {VARIABLE}."
    )


def how_to_get() -> str:
    """Commands for a shell, one per line."""
    folder = shlex.quote(str(usual_folder()))
    parts = " ".join(
        f"{_SOURCE}/vendor/llama.cpp/{name}" for name in ("convert_hf_to_gguf.py", "conversion", "gguf-py")
    )
    return "\n".join(
        f"    {line}"
        for line in (
            f"pip download --no-deps --no-binary llama-cpp-python llama-cpp-python=={_VERSION}",
            f"mkdir -p {folder}",
            f"tar xzf {_SOURCE}.tar.gz -C {folder} --strip-components=3 {parts}",
        )
    )


def refuse_without_libgguf(quantisation: str) -> None:
    """Return if the package that writes this format is installed.

    Raises:
        ConfigError: if it is not.
    """
    if not all(map(is_installed, ("libgguf", "gguf"))):
        raise ConfigError(
            f"--quantise {quantisation} needs the packages libgguf and gguf, which are not installed. "
            f"{install_extra('gguf')} brings them; f32, f16, bf16 and q8_0 need neither."
        )


def is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
