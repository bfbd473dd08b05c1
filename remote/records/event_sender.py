"""Puts numbered event lines into an attempt's batches, in order, however often it takes.

It knows batches, the head and the heartbeat; not what a line says. It runs on a thread of its own,
which is the only one that waits for the network, and everything reaches it through one queue. A
batch is frozen before it is first sent and the next one waits for it: an answer that got lost can
then be recognised by its bytes, and nothing overtakes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from remote.records import keys
from remote.records.tables import Table, claim
from remote.records.values import encode

BATCH_BYTES = 256 * 1024
HEARTBEAT_SECONDS = 2.0
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 5.0
_LOG = logging.getLogger(__name__)


class Flush:
    """A mark in the queue: answered True when all before it is in the table. ``last`` ends the thread."""

    def __init__(self, *, last: bool = False) -> None:
        self.last = last
        self._answer: SimpleQueue[bool] = SimpleQueue()

    def done(self) -> None:
        """Everything before the mark is written."""
        self._answer.put(True)

    def wait(self, timeout: float) -> bool:
        """Whether it was answered within ``timeout`` seconds. A queue of its own and not an Event:
        a waiter that is interrupted must not leave a lock behind that `done` would need."""
        try:
            return self._answer.get(timeout=max(0.0, timeout))
        except Empty:
            return False


class EventSender:
    """The loop of the sending thread. ``phase`` is set from outside and told in the heartbeat."""

    def __init__(
        self,
        table: Table,
        attempt: int,
        lines: SimpleQueue[bytes | Flush],
        *,
        boot_id: str,
        clock: Callable[[], float],
        interval: float,
    ) -> None:
        self.phase = ""
        self._table, self._attempt, self._boot_id = table, attempt, boot_id
        self._lines, self._clock, self._interval = lines, clock, interval
        self._pending: list[bytes] = []
        self._size = 0
        self._marks: list[Flush] = []
        self._due = 0.0
        self._batch = 0
        self._beats = 0
        self._next_beat = time.monotonic()

    def run(self) -> None:
        """Until a Flush says that it was the last."""
        while True:
            self._collect()
            if self._marks or self._size >= BATCH_BYTES or (self._pending and time.monotonic() >= self._due):
                self._write_pending()
            marks, self._marks = self._marks, []
            for mark in marks:
                mark.done()
            if any(mark.last for mark in marks):
                return
            self._beat_if_due()

    def _collect(self) -> None:
        until = min(self._due, self._next_beat) if self._pending else self._next_beat
        try:
            self._take(self._lines.get(timeout=max(0.0, until - time.monotonic())))
            while not self._marks and self._size < BATCH_BYTES:
                self._take(self._lines.get_nowait())
        except Empty:
            return

    def _take(self, item: bytes | Flush) -> None:
        if isinstance(item, Flush):
            self._marks.append(item)
            return
        if not self._pending:
            self._due = time.monotonic() + self._interval
        self._pending.append(item)
        self._size += len(item) + 1

    def _write_pending(self) -> None:
        while self._pending:
            count = _fitting(self._pending)
            self._write(b"\n".join(self._pending[:count]))
            del self._pending[:count]
        self._size = 0

    def _write(self, batch: bytes) -> None:
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                key = keys.events(self._attempt, self._batch + 1)
                ours, _ = claim(self._table, key, batch)
            except Exception as error:
                if wait == FIRST_WAIT_SECONDS:
                    _LOG.warning(
                        "live log does not take events, trying on: %s: %s", type(error).__name__, error
                    )
                self._beat_if_due()
                time.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT_SECONDS)
                continue
            self._batch += 1
            if ours:
                self._hint(keys.HEAD, {"attempt": self._attempt, "batch": self._batch})
                return

    def _beat_if_due(self) -> None:
        if time.monotonic() < self._next_beat:
            return
        self._beats += 1
        beat = {"attempt": self._attempt, "boot_id": self._boot_id, "n": self._beats, "t": self._clock()}
        self._hint(keys.HEARTBEAT, {**beat, "phase": self.phase} if self.phase else beat)
        self._next_beat = time.monotonic() + HEARTBEAT_SECONDS

    def _hint(self, key: str, value: dict[str, Any]) -> None:
        """Overwritten again soon, so that a failure is not worth a retry."""
        try:
            self._table.put(key, encode(value))
        except Exception as error:
            _LOG.debug("%s not written: %s", key, error)


def _fitting(lines: list[bytes]) -> int:
    """How many of the first lines make one batch; at least one."""
    size = 0
    for count, line in enumerate(lines):
        size += len(line) + 1
        if size > BATCH_BYTES and count:
            return count
    return len(lines)
