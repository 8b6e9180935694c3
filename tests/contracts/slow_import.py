"""A module that says when, and in which environment, it was imported."""

import os
from pathlib import Path

Path(os.environ["IMPORTED"]).write_text(os.environ["MARK"])
