"""Starting and ending the watcher from a viewer: one process a target, held by a lock file.

    ensure_watcher(locations, "local")     # returns when one records, whoever started it
    stop_watcher(locations)                # the runs go on; so does everything else

The lock is a flock that dies with its holder, so a watcher that was killed blocks nobody. What the
holder wrote into the file (pid, start time, build, command for alerts) says whom to end. It imports no modal.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from tui_app.build import build
from tui_app.journal.reader import JournalError, JournalReader
from tui_app.locations import Locations

END_SECONDS = 10.0
POLL_SECONDS = 0.05
ON_ALERT_VARIABLE = "MIDDLEWATCH_ON_ALERT"
MAX_LOG_BYTES = 4 * 1024 * 1024


class WatcherStartError(RuntimeError):
    """The watcher did not come up; the message ends with its last words."""


class WatcherRunsError(RuntimeError):
    """Another watcher holds this state directory."""


def ensure_watcher(
    locations: Locations, target: str, timeout: float = 15.0, *, on_alert: Sequence[str] | None = None
) -> None:
    """Start a watcher if none of our build runs, and wait until it records (seconds). WatcherStartError.

    The new process is detached: it outlives this one and the terminal. One of another build, or with
    another command for alerts than ``on_alert`` (None: whichever it has), is ended first, which costs
    nothing: its successor goes on from the stored positions.
    """
    held = _holder(locations) or {}
    told = held.get("on_alert")
    if held and (held.get("build") != build() or (on_alert is not None and told != list(on_alert))):
        stop_watcher(locations)
        on_alert = told if on_alert is None else on_alert
    if not watcher_running(locations):
        locations.prepare()
        process = _start(locations, target, on_alert)
    else:
        process = None
    deadline = time.monotonic() + timeout
    while not _records(locations):
        if process is not None and process.poll() not in (None, 0):
            raise WatcherStartError(f"the watcher did not start; its last words:\n{_last_words(locations)}")
        if time.monotonic() > deadline:
            raise WatcherStartError(
                f"the watcher said nothing within {timeout:.0f} s; its last words:\n{_last_words(locations)}"
            )
        time.sleep(POLL_SECONDS)


def stop_watcher(locations: Locations) -> bool:
    """End the watcher of these locations; False if none runs."""
    import psutil

    holder = _holder(locations)
    if holder is None:
        return False
    try:
        process = psutil.Process(int(holder["pid"]))
        if abs(process.create_time() - holder["started_at"]) > 1.0:
            return False
        process.terminate()
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(END_SECONDS)
        if watcher_running(locations):
            process.kill()
            process.wait(END_SECONDS)
    except psutil.NoSuchProcess:
        pass
    return True


def watcher_running(locations: Locations) -> bool:
    """Whether a live process holds the watcher's lock."""
    try:
        with locations.watcher_lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextlib.contextmanager
def hold_lock(
    locations: Locations,
    *,
    pid: int,
    started_at: float,
    on_alert: Sequence[str] = (),
    patience: float = 2.0,
) -> Iterator[None]:
    """Be the watcher for as long as the context lasts. WatcherRunsError if another one is.

    ``on_alert`` is the words of its command for alerts; ``patience`` (seconds) covers the moment in
    which a viewer looks whether the lock is held.
    """
    deadline = time.monotonic() + patience
    with locations.watcher_lock.open("a+") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise WatcherRunsError(f"another watcher records in {locations.state}") from None
                time.sleep(POLL_SECONDS)
        about = {"pid": pid, "started_at": started_at, "build": build(), "on_alert": list(on_alert)}
        file.truncate(0)
        file.write(json.dumps(about))
        file.flush()
        yield


def _start(locations: Locations, target: str, on_alert: Sequence[str] | None) -> subprocess.Popen[bytes]:
    """By the environment, not by an argument, which everybody on the host could read."""
    told = {} if on_alert is None else {ON_ALERT_VARIABLE: shlex.join(on_alert)}
    log_file = locations.watcher_log
    if log_file.exists() and log_file.stat().st_size > MAX_LOG_BYTES:
        log_file.replace(log_file.with_suffix(".log.1"))
    with log_file.open("ab") as log:
        log_file.chmod(0o600)
        return subprocess.Popen(
            [sys.executable, "-m", "tui_app.watcher", "--target", target, "--state", str(locations.state)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env={**os.environ, **told},
        )


def _records(locations: Locations) -> bool:
    """Whether the lock's holder has said in the journal that it is there."""
    holder = _holder(locations)
    if holder is None:
        return False
    try:
        reader = JournalReader(locations.journal)
    except JournalError:
        return False
    with contextlib.closing(reader):
        status = reader.status()
    return status is not None and status.pid == holder["pid"]


def _holder(locations: Locations) -> dict[str, Any] | None:
    """Who holds the lock: ``pid``, ``started_at``, ``build`` and ``on_alert``; None where nobody does and
    while the file still names the one before, who lives no more."""
    if not watcher_running(locations):
        return None
    try:
        holder: dict[str, Any] = json.loads(locations.watcher_lock.read_text())
    except (OSError, ValueError):
        return None
    return holder if _lives(int(holder["pid"])) else None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        """Somebody else's, but alive."""
    return True


def _last_words(locations: Locations) -> str:
    try:
        lines = locations.watcher_log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-5:])
