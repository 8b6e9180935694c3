"""How a Hydra program ends because of a refusal: with our sentence alone, or with a traceback for a developer.

Hydra ends an exception's text with "Set the environment variable HYDRA_FULL_ERROR=1 …" and, in a job, puts "Error
executing job with overrides: …" before it. A `SystemExit` passes through it as it is.
"""

import os
import sys
from typing import NoReturn

from hydra.errors import CompactHydraException

from medqa_sweeps.errors import TrialError

FULL_ERROR = "HYDRA_FULL_ERROR"
_ASKED = os.environ.get(FULL_ERROR) == "1"  # when the program began: `in_sentences` sets it for Hydra later


def end_with(error: TrialError) -> NoReturn:
    """End the program with the sentence on stderr, and FAILED; with HYDRA_FULL_ERROR=1, by an exception.

    Raises:
        CompactHydraException: with HYDRA_FULL_ERROR=1, from `error`.
        SystemExit: else.
    """
    if _ASKED:
        raise CompactHydraException(str(error)) from error
    sys.exit(str(error))
