"""Many small jobs and a few threads: each job says in how many seconds it wants to be done again.

    rounds = Rounds(stop)
    rounds.add("run/r7", follower.look)
    rounds.wake("run/r7")               # at once, however long it had meant to wait
    rounds.start(threads=4)

One job is never done by two threads at a time. A job that fails is done again a little later, ever
less often while it goes on failing; so nothing that one run does to its job harms another's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tui_app.watcher.calls import LinkError

Job = Callable[[], float]
"""Does what there is to do; the seconds until it wants to be done again."""

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_OF_A_BROKEN_JOB_SECONDS = 60.0
_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class _Entry:
    job: Job
    due: float
    busy: bool = False
    is_woken: bool = False
    failures: int = 0


class Rounds:
    """The jobs and their times. ``stop`` ends the threads after the jobs that they are at."""

    def __init__(self, stop: threading.Event, *, mono: Callable[[], float] = time.monotonic) -> None:
        self._stop, self._mono = stop, mono
        self._changed = threading.Condition()
        self._entries: dict[str, _Entry] = {}
        self._threads: list[threading.Thread] = []

    def add(self, name: str, job: Job) -> None:
        """Do this job from now on; a name that is known keeps its job."""
        with self._changed:
            if name not in self._entries:
                self._entries[name] = _Entry(job, self._mono())
                self._changed.notify()

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def wake(self, name: str) -> None:
        """Do this job now, or once more when it is at work; an unknown name is ignored."""
        with self._changed:
            entry = self._entries.get(name)
            if entry is not None:
                entry.due, entry.is_woken = self._mono(), True
                self._changed.notify()

    def start(self, threads: int = 4) -> None:
        """Begin. The threads are daemons: a job that hangs in the network cannot hold up an exit."""
        for number in range(threads):
            thread = threading.Thread(target=self._work, name=f"rounds-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def join(self, timeout: float) -> bool:
        """After ``stop`` was set: wait for the jobs at work (seconds); False if one hangs."""
        with self._changed:
            self._changed.notify_all()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while not self._stop.is_set():
            taken = self._take()
            if taken is not None:
                name, entry = taken
                self._give_back(entry, self._do(name, entry))

    def _take(self) -> tuple[str, _Entry] | None:
        with self._changed:
            idle = [(entry.due, name) for name, entry in self._entries.items() if not entry.busy]
            due, name = min(idle, default=(self._mono() + 1.0, ""))
            if (pause := due - self._mono()) > 0:
                self._changed.wait(min(pause, 1.0))
                return None
            entry = self._entries[name]
            entry.busy, entry.is_woken = True, False
            return name, entry

    def _do(self, name: str, entry: _Entry) -> float:
        try:
            pause = entry.job()
        except LinkError as error:
            entry.failures += 1
            if entry.failures == 1:
                _LOG.info("%s: %s", name, error)
            return _pause(entry.failures, LONGEST_PAUSE_SECONDS)
        except Exception:
            entry.failures += 1
            if entry.failures in (1, 10, 100, 1000):
                _LOG.exception("%s failed %d times in a row", name, entry.failures)
            return _pause(entry.failures, LONGEST_PAUSE_OF_A_BROKEN_JOB_SECONDS)
        if entry.failures:
            _LOG.info("%s goes on after %d failures", name, entry.failures)
        entry.failures = 0
        return pause

    def _give_back(self, entry: _Entry, pause: float) -> None:
        with self._changed:
            entry.busy = False
            entry.due = self._mono() + (0.0 if entry.is_woken else pause)
            self._changed.notify()


def _pause(failures: int, longest: float) -> float:
    return float(min(FIRST_PAUSE_SECONDS * 1.5 ** min(failures - 1, 20), longest))
