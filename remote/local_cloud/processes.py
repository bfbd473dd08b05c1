"""Processes by pid *and* start, so that a pid that was used again is never taken for the old one.

It waits for the end of a process that need not be our child: a daemon that was restarted has
containers that an earlier one started.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import subprocess
from pathlib import Path

import psutil

POLL_SECONDS = 0.05
_PROC = Path("/proc/self/stat")


def start_mark(pid: int) -> str | None:
    """What no other process with this pid has had or will have; None if the process has ended.

    On Linux it does not depend on the wall clock, which may be set while the process runs.
    """
    if not _PROC.exists():
        return _mark_by_clock(pid)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, started = fields[0], fields[19]
    return None if state in "ZX" else f"{_boot()}:{started}"


def _mark_by_clock(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        return None


@functools.cache
def _boot() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else ""


def is_alive(pid: int, mark: str) -> bool:
    """Whether the very process that had this mark still runs."""
    return start_mark(pid) == mark


async def ended(pid: int, mark: str, child: subprocess.Popen[bytes] | None) -> int | None:
    """Wait until a process has ended; its exit code, None if it is not our child."""
    with contextlib.suppress(OSError, AttributeError):  # no pidfd here, or gone already: poll below
        await _readable(os.pidfd_open(pid))
    while child.poll() is None if child else is_alive(pid, mark):
        await asyncio.sleep(POLL_SECONDS)
    return child.returncode if child else None


async def _readable(descriptor: int) -> None:
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, done.set)
    try:
        await done.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def uses(pid: int, directory: Path) -> bool:
    """Whether a process or one of its children has a file below a directory open, or works in it."""
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        return any(_uses(process, directory) for process in [root, *root.children(recursive=True)])
    return False


def _uses(process: psutil.Process, directory: Path) -> bool:
    try:
        paths = [process.cwd(), *(file.path for file in process.open_files())]
    except psutil.Error:
        return False
    return any(Path(path).is_relative_to(directory) for path in paths)


def interrupt(pid: int) -> None:
    """SIGINT to one process, as Modal does it: its children are not told."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)


def kill_group(pid: int) -> None:
    """SIGKILL to a session's whole process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
