"""A spare process: it imports libraries in advance and then waits on its standard input for the module to run.

    python -m medqa_sweeps.pool.child LIFELINE_FD PARENT_PID medqa_sweeps.pool.spare PRELOADED_MODULE [...]

On a GPU each process needs its own interpreter, and importing unsloth and trl takes about 15 s: a spare does so before
its work arrives. It reads one JSON object, {"module", "arguments", "log"}, and ends if there is none.
"""

import json
import os
import sys

from medqa_sweeps.pool import child


def main(preload: list[str]) -> int:
    """The exit code of the module that it ran; 0 if it was never needed."""
    child.import_in_advance(preload)
    received = sys.stdin.buffer.read()
    if not received:
        return 0
    request = json.loads(received)
    child.redirect(request["log"])
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return child.run_module(request["module"], request["arguments"])
