"""What journal rows are as values: shared by the writer, the reader and everybody who asks them."""

from __future__ import annotations

from typing import Any

import msgspec

from remote.vocabulary.commands import Outcome, Verb
from remote.vocabulary.events import Event, Severity
from tui_app.state.alert_book import AlertBook
from tui_app.state.view import RunView


class Row(msgspec.Struct, frozen=True):
    """One event as it stands in the journal. ``row_id`` grows; ``arrived`` is unix seconds on the
    watcher's clock."""

    row_id: int
    arrived: float
    event: Event


class RunSummary(msgspec.Struct, frozen=True):
    """The newest view of a run. Events up to ``row_id`` are folded into it; ``sign_at`` is when the
    last sign of life arrived (unix seconds, the watcher's clock), None if none ever did."""

    view: RunView
    row_id: int
    sign_at: float | None


class WatcherStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the watcher says of itself every two seconds; an old ``beat_at`` means that it is gone.

    ``started_at`` is the process's start (with ``pid``, its identity), ``reachable_since`` when
    ``reachable`` last changed. Times are unix seconds. ``detail`` is a sentence where something is
    wrong, else empty.
    """

    pid: int
    started_at: float
    beat_at: float
    target: str
    workspace: str
    reachable: bool
    reachable_since: float
    detail: str
    watcher_id: str
    version: str


class OutcomeRow(msgspec.Struct, frozen=True):
    """An outcome with what was asked and by whom: a line of the audit."""

    outcome: Outcome
    run: str
    verb: Verb
    by: str
    host: str


class LogLine(msgspec.Struct, frozen=True):
    """A line that a container printed. ``fd`` is stdout, stderr or system; ``t`` unix seconds.
    Logs have no sequence numbers, so where two fetches overlap a line may be a repeat. ``task_id``
    is the container, as fetched; it is not kept."""

    t: float
    fd: str
    text: str
    possible_repeat: bool = False
    task_id: str = ""


class LogRow(msgspec.Struct, frozen=True):
    """A log line as it stands in the journal."""

    log_id: int
    line: LogLine


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An event that the watcher wants to say itself; the writer numbers it. Attempt 0 is the run as a
    whole; ``t`` is when it happened (unix seconds), None is now."""

    attempt: int = 0
    type: str
    sev: Severity = Severity.INFO
    data: dict[str, Any] = {}
    t: float | None = None


class Arrival(msgspec.Struct, frozen=True):
    """A decoded event and the line that it came as. What the watcher adds to it, just ``before`` or
    ``after``, is recorded only if the event is new."""

    event: Event
    line: bytes
    before: tuple[Draft, ...] = ()
    after: tuple[Draft, ...] = ()


VIEW_ENCODER = msgspec.msgpack.Encoder()
VIEW_DECODER = msgspec.msgpack.Decoder(RunView)
BOOK_ENCODER = msgspec.msgpack.Encoder()
BOOK_DECODER = msgspec.msgpack.Decoder(AlertBook)
"""MessagePack and not JSON: a diverged run's NaN must survive."""
