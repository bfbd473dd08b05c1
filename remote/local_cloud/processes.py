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
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

POLL_SECONDS = 0.05
KILLED_BASE = 128
_PROC = Path("/proc/self/stat")


def start(
    program: Sequence[str], environment: Mapping[str, str], directory: Path, pass_fds: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, in ``work`` below a directory, its output in the files
    ``stdout`` and ``stderr`` there."""
    with (directory / "stdout").open("ab") as out, (directory / "stderr").open("ab") as err:
        return subprocess.Popen(
            program,
            cwd=directory / "work",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            pass_fds=pass_fds,
            start_new_session=True,
        )


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
    """Wait until a process has ended; its exit code, None if it is not our child. A child with another
    pid is a wrapper around the process, which says 128 + n where a signal n ended it."""
    with contextlib.suppress(OSError, AttributeError):  # no pidfd here, or gone already: poll below
        await _readable(os.pidfd_open(pid))
    while child.poll() is None if child else is_alive(pid, mark):
        await asyncio.sleep(POLL_SECONDS)
    if child is None:
        return None
    code: int = child.returncode
    return KILLED_BASE - code if child.pid != pid and code > KILLED_BASE else code


async def _readable(descriptor: int) -> None:
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, done.set)
    try:
        await done.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def uses(pid: int, directories: Iterable[Path]) -> bool:
    """Whether a process or one of its children has a file below a directory open, or works in it.
    What it sees under another name, in a view of its own, is looked for by that name."""
    wanted = list(directories)
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        everyone = [root, *root.children(recursive=True)]
        return any(path.is_relative_to(d) for one in everyone for path in _places(one) for d in wanted)
    return False


def _places(process: psutil.Process) -> Iterator[Path]:
    """Where a process works and what it has open, as that process sees it."""
    try:
        yield Path(process.cwd())
        if not _PROC.exists():
            yield from (Path(file.path) for file in process.open_files())
            return
        for entry in os.scandir(f"/proc/{process.pid}/fd"):
            with contextlib.suppress(OSError):
                yield Path(os.readlink(entry.path))
    except (psutil.Error, OSError):
        return


def kill_strays(directory: Path, but: Collection[str]) -> int:
    """Kill every process that works in an entry of a directory which is not among the names given: a daemon
    that was killed may have started one and not yet recorded it. How many there were."""
    return _kill(process for process, name in working_below(directory) if name not in but)


def kill_below(directory: Path) -> None:
    """Kill every process that works in a directory or below it: children in sessions of their own, as
    torch's launcher starts them, outlive the group of what started them."""
    _kill(process for process, name in working_below(directory.parent) if name == directory.name)


def _kill(wanted: Iterable[psutil.Process]) -> int:
    """Kill all of them, found first; how many."""
    found = list(wanted)
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.kill()
    return len(found)


def working_below(directory: Path) -> Iterator[tuple[psutil.Process, str]]:
    """Every process that works in an entry of a directory or below it, and the entry's name."""
    directory = directory.resolve()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            where = Path(process.cwd())
            if directory in where.parents:
                yield process, where.relative_to(directory).parts[0]


def interrupt(pid: int) -> None:
    """SIGINT to one process, as Modal does it: its children are not told."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)


def kill_group(pid: int) -> None:
    """SIGKILL to a session's whole process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
