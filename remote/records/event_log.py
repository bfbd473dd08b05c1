"""The live log: what an attempt says, as numbered batches of event lines that any reader can follow.

    log = EventWriter(table, "r7", 2, boot_id=boot_id)
    log.emit("step.completed", step=40, of=250, metrics={"loss": 0.1})    # never blocks, never raises
    log.flush()                                                           # True: all of it is in the table

    reader = EventReader(table, positions={1: 77, 2: 12})
    for batch in reader.read():  ...                                      # consumes nothing
    reader.positions                                                      # keep it with what was read

It knows numbering, batches and positions; not what the events mean, nor who keeps a position.

An interrupt may strike the emitting thread anywhere, even inside `emit`, and the last words are said
after that. So `emit` takes no lock and no number: it puts the event into a ``SimpleQueue``, which is
one C call, whole or not at all, and a thread behind the queue gives the numbers, dense by nature.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Any, NamedTuple, TextIO

import msgspec

from remote.records import keys
from remote.records.errors import RecordError
from remote.records.event_sender import EventSender, Flush
from remote.records.tables import Table, read_dense
from remote.records.values import decode
from remote.vocabulary.events import MAX_EVENT_BYTES, TRAINER, Event, Severity, encode

SWEEP_EVERY = 8
"""Reads between two full looks at all attempts; in between the head is believed."""
ATTEMPTS_AHEAD = 64
"""How far beyond the newest attempt with events a head is believed; anybody can write a head."""
_CLIPS = ((20_000, 256), (1_000, 32), (100, 8))


class _Said(NamedTuple):
    t: float
    mono: float
    type: str
    sev: int
    data: dict[str, Any]


class EventWriter:
    """One attempt's mouth. ``boot_id`` goes into the heartbeat; ``echo`` gets each line as well, such as
    stdout; ``interval`` is how long, in seconds, a line may wait for others to share its batch."""

    def __init__(
        self,
        table: Table,
        run: str,
        attempt: int,
        *,
        boot_id: str,
        source: str = TRAINER,
        clock: Callable[[], float] = time.time,
        mono: Callable[[], float] = time.monotonic,
        echo: TextIO | None = None,
        interval: float = 0.5,
    ) -> None:
        self._run, self._attempt, self._source = run, attempt, source
        self._clock, self._mono, self._echo = clock, mono, echo
        self._inbox: SimpleQueue[_Said | Flush] = SimpleQueue()
        self._numbered: SimpleQueue[bytes | Flush] = SimpleQueue()
        self._unarchived: deque[bytes] = deque()
        self._sender = EventSender(
            table, attempt, self._numbered, boot_id=boot_id, clock=clock, interval=interval
        )
        for name, work in (("event-numbering", self._number), ("event-sending", self._sender.run)):
            threading.Thread(target=work, name=name, daemon=True).start()

    def emit(self, type: str, /, *, sev: Severity = Severity.INFO, **data: Any) -> None:
        """Say that something happened. What JSON lacks is written as text, and what is too long is cut:
        a word that cannot be said must not end a run."""
        self._inbox.put(_Said(self._clock(), self._mono(), type, int(sev), _plain(data)))

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything emitted so far is in the live log; False if time (seconds) ran out."""
        return self._mark(timeout, last=False)

    def close(self, timeout: float = 5.0) -> bool:
        """Flush, and end the threads; what is emitted later is never written. False if time ran out: then
        the threads go on trying for as long as the process lives."""
        return self._mark(timeout, last=True)

    def take_unarchived(self) -> list[bytes]:
        """The lines that were numbered since the last call, whether or not the live log has them yet."""
        lines = []
        while self._unarchived:
            lines.append(self._unarchived.popleft())
        return lines

    def _mark(self, timeout: float, *, last: bool) -> bool:
        mark = Flush(last=last)
        self._inbox.put(mark)
        return mark.wait(timeout)

    def _number(self) -> None:
        seq = 0
        while True:
            said = self._inbox.get()
            if isinstance(said, Flush):
                self._numbered.put(said)
                if said.last:
                    return
                continue
            seq += 1
            line = self._line(said, seq)
            self._unarchived.append(line)
            self._numbered.put(line)
            if said.type == "phase.changed":
                self._sender.phase = str(said.data.get("phase", ""))[:40]
            self._say_aloud(line)

    def _line(self, said: _Said, seq: int) -> bytes:
        event = Event(
            run=self._run, attempt=self._attempt, source=self._source, seq=seq,
            t=said.t, mono=said.mono, type=said.type, sev=said.sev, data=said.data,
        )  # fmt: skip
        try:
            line = encode(event)
            for text, items in _CLIPS:
                if len(line) <= MAX_EVENT_BYTES:
                    return line
                line = encode(msgspec.structs.replace(event, data=_clip(said.data, text, items)))
        except Exception as error:
            return encode(msgspec.structs.replace(event, data={"unwritable": type(error).__name__}))
        if len(line) <= MAX_EVENT_BYTES:
            return line
        return encode(msgspec.structs.replace(event, data={"unwritable": f"{len(line)} bytes"}))

    def _say_aloud(self, line: bytes) -> None:
        if self._echo is None:
            return
        try:
            self._echo.write(line.decode() + "\n")
            self._echo.flush()
        except (OSError, ValueError):
            self._echo = None


class Batch(NamedTuple):
    """Batch number ``batch`` of an attempt: its event lines, or why it has none."""

    attempt: int
    batch: int
    lines: list[bytes]
    damaged: str = ""


class _Head(msgspec.Struct, frozen=True):
    attempt: int
    batch: int


class EventReader:
    """Follows the batches of all attempts of a run from ``positions`` (attempt → last batch read)."""

    def __init__(self, table: Table, positions: Mapping[int, int] | None = None) -> None:
        self._table = table
        self._positions = {attempt: batch for attempt, batch in (positions or {}).items() if batch > 0}
        self._head: _Head | None = None
        self._until_sweep = 0

    @property
    def positions(self) -> dict[int, int]:
        """After the last `read`: attempt → last batch returned. Store it with what was read."""
        return dict(self._positions)

    def read(self, limit: int = 100) -> list[Batch]:
        """The next batches, at most ``limit``, older attempts first; empty when there is nothing new.

        Quiet is cheap: one request. A head that did not move is believed for a few reads; then every
        attempt is asked for its next batch, because a head is only a hint and an attempt that was
        believed dead may still speak.
        """
        head = self._read_head()
        sweep = self._until_sweep <= 0
        if head == self._head and not sweep:
            self._until_sweep -= 1
            return []
        found: list[Batch] = []
        for attempt in self._attempts(head, sweep):
            found += self._next(attempt, limit - len(found))
            if len(found) >= limit:
                break
        # Only now: after an error nothing was returned, so nothing may have been passed over.
        self._positions.update((batch.attempt, batch.batch) for batch in found)
        self._head, self._until_sweep = head, 0 if len(found) >= limit else SWEEP_EVERY - 1
        return found

    def _attempts(self, head: _Head | None, sweep: bool) -> range:
        newest = max(self._positions, default=0)
        told = min(head.attempt, newest + ATTEMPTS_AHEAD) if head else 0
        first = 1 if sweep else max(1, newest - 1)
        return range(first, max(told, newest + 1 if sweep else newest) + 1)

    def _next(self, attempt: int, limit: int) -> list[Batch]:
        found = []
        after = self._positions.get(attempt, 0)
        for number, value in read_dense(self._table, lambda n: keys.events(attempt, n), after + 1, limit):
            if isinstance(value, RecordError):
                found.append(Batch(attempt, number, [], str(value)))
            else:
                found.append(Batch(attempt, number, value.split(b"\n")))
        return found

    def _read_head(self) -> _Head | None:
        try:
            value = self._table.get(keys.HEAD)
            return None if value is None else decode(value, _Head, keys.HEAD)
        except RecordError:
            return None


def heartbeat(table: Table) -> dict[str, Any] | None:
    """The last heartbeat {attempt, boot_id, n, t, phase?}; its change is a sign of life, its ``t`` is
    the writer's clock. None if there is none that can be read."""
    try:
        value = table.get(keys.HEARTBEAT)
        return None if value is None else decode(value, dict[str, Any], keys.HEARTBEAT)
    except RecordError:
        return None


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    """A copy in JSON's types, so that the caller may go on changing what it passed."""
    try:
        copy: dict[str, Any] = msgspec.to_builtins(data, str_keys=True, enc_hook=_text_or_number)
    except Exception as error:
        return {"unwritable": type(error).__name__}
    return copy


def _text_or_number(value: Any) -> Any:
    try:
        return value.item()
    except Exception:
        return str(value)


def _clip(value: Any, text: int, items: int) -> Any:
    if isinstance(value, str) and len(value) > text:
        return f"{value[:text]} … (+{len(value) - text})"
    if isinstance(value, dict):
        return {str(key)[:text]: _clip(item, text, items) for key, item in list(value.items())[:items]}
    if isinstance(value, list):
        return [_clip(item, text, items) for item in value[:items]]
    return value
