"""The limit of open files is a process's own, so each case has a process."""

import subprocess
import sys

FROM_LIMITS = """
import resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from medqa_sweeps.errors import ConfigError
from medqa_sweeps.pool.open_files import allow_files_of, as_at_start
try:
    allow_files_of(1000)
except ConfigError as error:
    sys.exit(str(error))
child = subprocess.run(["sh", "-c", "ulimit -n"], preexec_fn=as_at_start, capture_output=True, text=True)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], child.stdout.strip())
"""


def allowed(soft: int, hard: int) -> subprocess.CompletedProcess[str]:
    program = FROM_LIMITS.format(soft=soft, hard=hard)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_the_usual_limit_is_raised_for_1000_slots_and_clients_keep_it_as_it_was() -> None:
    assert allowed(1024, 4096).stdout.split() == ["3200", "1024"]


def test_a_limit_that_is_high_enough_stays() -> None:
    assert allowed(4000, 4096).stdout.split() == ["4000", "4000"]


def test_too_low_a_limit_of_the_system_is_refused_with_what_would_fit() -> None:
    refused = allowed(1024, 2000)
    assert refused.returncode == 1
    assert "needs 3,200 open files, and the system allows 2,000" in refused.stderr
    assert "Ask for at most 600 slots" in refused.stderr
