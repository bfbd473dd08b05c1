"""The watcher as a process: one a user and target, from its lock to its end.

    watch(Locations.of("local"))        # until SIGTERM or SIGINT; WatcherRunsError if one runs already

It waits for its target as long as it takes, goes on when it is lost and comes back, and may be killed
at any moment: positions and outcomes are in the journal. modal reads its configuration when it is
imported, so it is imported only once the target's environment is known, and a changed environment
(a local cloud that was made anew, another token) is taken up by starting the process image anew.
"""

from __future__ import annotations

import importlib.metadata
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import psutil

from tui_app.journal.reader import WatcherStatus
from tui_app.journal.writer import JournalWriter
from tui_app.locations import Locations
from tui_app.targets import TargetDownError, client_environment
from tui_app.watcher.link import Link, LinkState
from tui_app.watcher.rounds import Rounds
from tui_app.watcher_launch import hold_lock

BEAT_SECONDS = 2.0
WAIT_SECONDS = 0.5
END_SECONDS = 3.0
THREADS = 4
_LOG = logging.getLogger("tui_app.watcher")


def watch(locations: Locations, on_alert: Sequence[str] = ()) -> None:
    """Be the watcher of these locations until SIGTERM or SIGINT. WatcherRunsError, UnsafeStateError,
    JournalError, OSError where it cannot begin. ``on_alert`` is run for each alert, with JSON on stdin."""
    os.umask(0o077)
    locations.prepare()
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    started_at = psutil.Process().create_time()
    with hold_lock(locations, pid=os.getpid(), started_at=started_at, on_alert=on_alert):
        process = WatcherProcess(locations, started_at, stop, on_alert)
        process.run()


class WatcherProcess:
    """The parts of a running watcher and their order of life."""

    def __init__(
        self, locations: Locations, started_at: float, stop: threading.Event, on_alert: Sequence[str] = ()
    ) -> None:
        self._on_alert = on_alert
        self._locations, self._started_at, self._stop = locations, started_at, stop
        self._journal = JournalWriter(locations.journal)
        self._link = Link("it has only begun")
        self._rounds = Rounds(stop)
        self._version = importlib.metadata.version("middlewatch")
        self._next_beat = 0.0
        self._told: LinkState | None = None
        self._signs: object = None

    def run(self) -> None:
        """Wait for the target, follow it, end."""
        _LOG.info("watching %s in %s, pid %d", self._locations.target, self._locations.state, os.getpid())
        environment = self._await_target()
        if environment is not None:
            self._begin(environment)
        while not self._stop.is_set():
            self._beat(self._trouble())
            self._stop.wait(WAIT_SECONDS)
        self._end()

    def _await_target(self) -> dict[str, str] | None:
        """The environment of the target's client, once there is one; None when told to stop first."""
        while not self._stop.is_set():
            try:
                return client_environment(self._locations.target)
            except TargetDownError as error:
                self._beat(str(error))
                self._stop.wait(WAIT_SECONDS)
        return None

    def _begin(self, environment: dict[str, str]) -> None:
        os.environ.update(environment)
        self._signs = _signs(environment)
        from tui_app.watcher.service import start_service  # imports modal

        start_service(self._locations, self._journal, self._link, self._rounds, self._on_alert)
        self._rounds.start(THREADS)

    def _trouble(self) -> str | None:
        """What more is known about a target that does not answer. Starts anew where it has moved."""
        if self._link.state().reachable:
            return None
        try:
            if _signs(client_environment(self._locations.target)) != self._signs:
                self._start_anew()
        except TargetDownError as error:
            return str(error)
        return None

    def _start_anew(self) -> None:
        _LOG.info("the target's environment has changed: starting anew")
        self._journal.close()
        os.execv(sys.executable, sys.orig_argv)

    def _beat(self, trouble: str | None = None) -> None:
        """Say every BEAT_SECONDS, and at once when the link changed, how things stand."""
        now, state = time.monotonic(), self._link.state()
        if trouble is not None:
            state = LinkState(False, state.since, trouble)
        if now < self._next_beat and state == self._told:
            return
        self._next_beat, self._told = now + BEAT_SECONDS, state
        try:
            self._journal.set_status(self._status(state))
        except Exception:
            _LOG.exception("the status could not be written")

    def _status(self, state: LinkState) -> WatcherStatus:
        return WatcherStatus(
            pid=os.getpid(),
            started_at=self._started_at,
            beat_at=time.time(),
            target=self._locations.target,
            workspace=self._link.workspace,
            reachable=state.reachable,
            reachable_since=state.since,
            detail=state.detail,
            watcher_id=self._journal.watcher_id,
            version=self._version,
        )

    def _end(self) -> None:
        if not self._rounds.join(END_SECONDS):
            _LOG.info("ending with a request still under way")
        self._journal.close()
        _LOG.info("ended")


def _signs(environment: dict[str, str]) -> object:
    """What a change of shows that the client's configuration is another one."""
    if environment:
        return environment
    config = Path(os.environ.get("MODAL_CONFIG_PATH") or Path.home() / ".modal.toml")
    try:
        return config.stat().st_mtime_ns
    except OSError:
        return None
