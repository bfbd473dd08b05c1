"""Keeps a run's records from being forgotten: Modal drops a Dict entry that nobody has read or written for
seven days, and a run may be longer than that.

    Upkeep(table).start()       # in an attempt: a thread that reads everything again, once a day
    read_again(table)           # the same, once

Without it a run that trains for eight days undisturbed, and is then preempted, finds an empty commit log
and begins at step 0. Event batches are left to go: they are in the journal and in the archive.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from remote.records import keys
from remote.records.tables import Table, get_many, read_dense

FORGOTTEN_AFTER_SECONDS = 7 * 24 * 3600.0
READ_AGAIN_SECONDS = 24 * 3600.0
TRY_AGAIN_SECONDS = 3600.0
_LOG = logging.getLogger(__name__)


def read_again(table: Table) -> int:
    """Read each record that a later attempt, command or resume needs; how many there are."""
    generations, attempts, log, commands = (
        _numbers(table, key) for key in (keys.spawn, keys.attempt, keys.log, keys.command)
    )
    beside = [key(number) for key in (keys.call, keys.owner) for number in generations]
    beside += [keys.end(number) for number in attempts]
    found = [value for value in get_many(table, beside) if value is not None]
    return len(generations) + len(attempts) + len(log) + len(commands) + len(found)


class Upkeep:
    """Reads a table again once a day, in a thread that nobody waits for.

    Args:
        pause: waits so many seconds, or less if it is over; whether it is over.
    """

    def __init__(self, table: Table, *, pause: Callable[[float], bool] | None = None) -> None:
        self._table = table
        self._closing = threading.Event()
        self._pause = pause or self._closing.wait

    def start(self) -> None:
        """Begin; the first time is in a day."""
        threading.Thread(target=self.work, name="record-upkeep", daemon=True).start()

    def close(self) -> None:
        """Stop; does not wait."""
        self._closing.set()

    def work(self) -> None:
        """Go on until it is over."""
        wait = READ_AGAIN_SECONDS
        while not self._pause(wait):
            wait = READ_AGAIN_SECONDS
            try:
                read_again(self._table)
            except Exception as error:
                _LOG.warning("records cannot be read again: %s: %s", type(error).__name__, error)
                wait = TRY_AGAIN_SECONDS


def _numbers(table: Table, key: Callable[[int], str]) -> list[int]:
    return [number for number, _ in read_dense(table, key)]
