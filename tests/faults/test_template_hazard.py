"""Why a template is refused once its process has a second thread: torch's threads do not survive a fork."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("forked_torch.py")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")


def in_a_fork(threads: int, *, seconds: float) -> Any:
    """What the check said of the process, and the fork's exit code (None: it hung, and was killed)."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(SCRIPT), str(seconds)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    return json.loads(result.stdout)


@pytest.mark.timeout(180)
def test_a_fork_of_a_process_that_computed_on_one_thread_computes_on_two():
    assert in_a_fork(1, seconds=60) == {"why": "", "code": 0}


@pytest.mark.timeout(180)
def test_a_fork_of_a_process_that_computed_on_two_threads_hangs_and_the_check_has_said_so():
    """Negative control: without the check the second of these containers would never answer."""
    seen = in_a_fork(2, seconds=10)
    assert seen["code"] is None
    assert "threads run after enter(snap=True), and a fork has one" in seen["why"]
