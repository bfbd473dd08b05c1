"""What an operator asks of a live attempt, on its way: numbered, and read without being consumed.

The sender appends by compare-and-set; a repeat with the same id is the same command. The reader takes a
command at most once, only as the attempt that it names and only before it expires; anything else in the
log was meant for somebody else or for another time, and is passed over. A new process is a new attempt,
so a position in memory is enough.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

import msgspec

from remote.records import keys
from remote.records.errors import RecordError
from remote.records.tables import Table, claim, read_dense
from remote.records.values import decode, encode
from remote.vocabulary.commands import Command

POLL_SECONDS = 0.5
_LOG = logging.getLogger(__name__)


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A command as it stands in the log; ``sent_at`` is unix seconds on the sender's clock."""

    command: Command
    sent_at: float


def send(table: Table, command: Command, *, clock: Callable[[], float] = time.time) -> int:
    """Append the command; its number. One that is in the log already, by its id, keeps its number."""
    number = 0
    value = encode(Sent(command=command, sent_at=clock()))
    while True:
        for position, stored in read_dense(table, keys.command, number + 1):
            number = position
            known = _command(position, stored)
            if known is not None and known.id == command.id:
                return position
        if claim(table, keys.command(number + 1), value)[0]:
            return number + 1


def note(table: Table, command: Command, *, clock: Callable[[], float] = time.time) -> int:
    """Put a deed that goes another way than by this log (a preemption) into it, for the audit: it has
    expired before it is written, so that no trainer ever takes it."""
    return send(table, msgspec.structs.replace(command, expires_at=0.0), clock=clock)


def read_sent(table: Table, after: int = 0) -> list[tuple[int, Sent | None]]:
    """Everything in the log after a number, in order, each with its number; None where it cannot be
    read (another version's, or damaged)."""
    return [(number, _sent(number, value)) for number, value in read_dense(table, keys.command, after + 1)]


class CommandReader:
    """The ears of one attempt: a thread fetches, `poll` hands out and never waits."""

    def __init__(
        self,
        table: Table,
        attempt: int,
        *,
        clock: Callable[[], float] = time.time,
        interval: float = POLL_SECONDS,
    ) -> None:
        self._table, self._attempt, self._clock, self._interval = table, attempt, clock, interval
        self._fetched: SimpleQueue[Command] = SimpleQueue()
        self._position = 0
        self._ids: set[str] = set()
        self._closing = threading.Event()

    def start(self) -> None:
        """Begin to listen."""
        threading.Thread(target=self._listen, name="command-reading", daemon=True).start()

    def close(self) -> None:
        """Stop listening; does not wait."""
        self._closing.set()

    def poll(self) -> list[Command]:
        """Commands that arrived since the last call, aimed at this attempt, not expired by ``clock``."""
        commands: list[Command] = []
        while True:
            try:
                command = self._fetched.get_nowait()
            except Empty:
                return commands
            if command.expires_at > self._clock():
                commands.append(command)

    def _listen(self) -> None:
        failing = False
        while not self._closing.is_set():
            try:
                self._fetch()
                failing = False
            except Exception as error:
                if not failing:
                    _LOG.warning("commands cannot be read, trying on: %s: %s", type(error).__name__, error)
                failing = True
            self._closing.wait(self._interval)

    def _fetch(self) -> None:
        for number, value in read_dense(self._table, keys.command, self._position + 1):
            self._position = number
            command = _command(number, value)
            if command is None or command.attempt != self._attempt or command.id in self._ids:
                continue
            self._ids.add(command.id)
            self._fetched.put(command)


def _command(number: int, value: bytes | RecordError) -> Command | None:
    sent = _sent(number, value)
    return None if sent is None else sent.command


def _sent(number: int, value: bytes | RecordError) -> Sent | None:
    try:
        if isinstance(value, RecordError):
            raise value
        return decode(value, Sent, keys.command(number))
    except RecordError:
        return None
