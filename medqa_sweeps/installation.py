"""Where this package is, and how a user starts it there: in a checkout with `uv run`, installed as `medqa-sweeps`.

The checkout keeps `analysis/`, `conf/` and `launch.py` at its top level; links in the package lead to them, and a wheel
holds them in the links' place. So both import the same names, and find the config files at the same place.
"""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
PROJECT = PACKAGE.parent  # the checkout, or the environment's folder of packages
IN_CHECKOUT = all((PROJECT / name).is_file() for name in ("pyproject.toml", "launch.py"))
CONF = (PROJECT if IN_CHECKOUT else PACKAGE) / "conf"

DISTRIBUTION = "medqa-sweeps"
LAUNCH = "uv run launch.py" if IN_CHECKOUT else DISTRIBUTION  # trains
# What trains the default model: the name alone of an installed command shows what there is.
LAUNCH_DEFAULT = LAUNCH if IN_CHECKOUT else f"{DISTRIBUTION} model=gemma3_1b"
COMMAND = "uv run medqa-sweeps" if IN_CHECKOUT else DISTRIBUTION  # followed by a command's name
IN_ENVIRONMENT = "uv run " if IN_CHECKOUT else ""  # before another package's command
REPAIR = "`uv sync`" if IN_CHECKOUT else f"`pip install --force-reinstall {DISTRIBUTION}`"


def as_typed_here(text: str) -> str:
    """A text that names commands as a checkout's user types them, for the user of this installation."""
    if IN_CHECKOUT:
        return text
    return text.replace("uv run launch.py", DISTRIBUTION).replace("uv run ", "")


def install_extra(name: str) -> str:
    """The command that installs what an extra of this package needs, in backquotes."""
    return f"`uv sync --extra {name}`" if IN_CHECKOUT else f"`pip install '{DISTRIBUTION}[{name}]'`"
