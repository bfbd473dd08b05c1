"""What a run's containers printed, brought into the journal beside the events.

Logs have no sequence numbers, so fetches overlap and what may be a repeat is marked. They are a
convenience and no part of the record: their failure costs nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from remote.vocabulary.events import EventError, decode
from tui_app.journal.records import LogLine
from tui_app.journal.writer import JournalWriter
from tui_app.watcher.calls import Calls

OVERLAP_SECONDS = 2.0


def bring_logs(run: str, call_id: str, started_at: float, journal: JournalWriter, calls: Calls) -> None:
    """Record what was printed since the last time, or since ``started_at`` (unix seconds). Our own event
    lines are left out: the live log has them."""
    newest = journal.newest_log(run)
    since = started_at if newest is None else newest - OVERLAP_SECONDS
    printed = [line for line in calls.logs(call_id, since) if not _is_event(line.text)]
    if lines := unseen(printed, journal.logs_since(run, since - 1.0)):
        journal.add_logs(run, lines)


def stamp(line: LogLine) -> tuple[float, str, str]:
    """By what a line is known: its moment, stream and words."""
    return line.t, line.fd, line.text


def unseen(printed: Iterable[LogLine], known: Sequence[LogLine]) -> list[LogLine]:
    """The printed lines that are not known yet; one whose words are known from another moment may be a
    repeat and is marked so."""
    stamps = {stamp(line) for line in known}
    words = {(line.fd, line.text) for line in known}
    return [
        msgspec.structs.replace(line, possible_repeat=(line.fd, line.text) in words)
        for line in printed
        if line.text and stamp(line) not in stamps
    ]


def _is_event(text: str) -> bool:
    if not text.startswith('{"v":'):
        return False
    try:
        decode(text.encode())
    except (EventError, UnicodeEncodeError):
        return False
    return True
