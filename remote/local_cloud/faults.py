"""Faults that a container may ask for, to rehearse them: files in its private directory.

    commit_fail_once     an empty file: its next VolumeCommit fails once, and the client raises
    preempt              {"grace": seconds}: it is preempted with this grace

A file is consumed by being acted upon. Without one of these files nothing here does anything.
"""

from __future__ import annotations

import json
from pathlib import Path

MAX_GRACE = 30.0


def take_commit_failure(directory: Path) -> bool:
    """Whether the next commit was asked to fail; asked once, so True once."""
    try:
        (directory / "commit_fail_once").unlink()
    except FileNotFoundError:
        return False
    return True


def take_preemption(directory: Path) -> float | None:
    """The grace in seconds of a preemption that was asked for; None if none was, or if the request
    is not whole yet."""
    path = directory / "preempt"
    try:
        grace = float(json.loads(path.read_text())["grace"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    path.unlink()
    return min(max(grace, 0.0), MAX_GRACE)
