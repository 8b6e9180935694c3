"""What trials find in their environment stays the same for a whole sweep, so that a spare serves the next one."""

import subprocess
import sys

from tests.conftest import ROOT


def test_what_the_page_imports_changes_nothing_for_the_next_trial() -> None:
    program = (
        "from medqa_sweeps.jobs.child_process import child_environment\n"
        "before = child_environment()\n"
        "import medqa_sweeps.analysis.report_folder\n"
        "assert child_environment() == before, set(child_environment()) ^ set(before)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
