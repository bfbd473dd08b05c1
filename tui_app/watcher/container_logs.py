"""What a run's containers printed, brought into the journal beside the events.

Logs have no sequence numbers, so fetches overlap and what may be a repeat is marked. They are a
convenience and no part of the record: their failure costs nothing else.

A fetch leaves off after so many lines. How far fetches have come is a note of its own, because event
lines are fetched and not kept; a fetch that left off before anything new is gone on with at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from remote.vocabulary.events import EventError, decode
from tui_app.journal.records import LogLine
from tui_app.journal.writer import JournalWriter
from tui_app.watcher.calls import MAX_LOG_LINES, Calls

OVERLAP_SECONDS = 2.0
LATE_SECONDS = 10.0
"""How far behind the newest fetched line, an event perhaps, others are still looked for."""
STEP_SECONDS = 0.001
"""How far a fetch moves on that was full of lines of one moment."""


def bring_logs(run: str, call_id: str, started_at: float, journal: JournalWriter, calls: Calls) -> None:
    """Record what was printed since the last time, or since ``started_at`` (unix seconds). Our own event
    lines are left out: the live log has them."""
    kept, noted = journal.newest_log(run), journal.note(f"fetched/{run}")
    since = oldest = started_at if kept is None else kept - OVERLAP_SECONDS
    newest = kept if noted is None else float(noted)
    if noted is not None:
        since = max(oldest, float(noted) - LATE_SECONDS)
    fetched = fetch(calls, call_id, since, newest)
    lines = unseen(
        (line for line in fetched if not _is_event(line.text)), journal.logs_since(run, oldest - 1.0)
    )
    with journal.transaction():
        if lines:
            journal.add_logs(run, lines)
        note_newest(journal, f"fetched/{run}", fetched, newest)


def fetch(calls: Calls, call_id: str, since: float | None, newest: float | None) -> list[LogLine]:
    """What was printed since then, each line once more where it was fetched before; so much of it that it
    goes beyond ``newest``, the newest line that was fetched before, if there is anything beyond it."""
    before: list[LogLine] = []
    while True:
        lines = calls.logs(call_id, since)
        last = max((line.t for line in lines), default=0.0)
        if len(lines) < MAX_LOG_LINES or newest is None or last > newest:
            return [*before, *lines]
        since = last if since is None or last > since else since + STEP_SECONDS
        before += [line for line in lines if line.t < since]


def note_newest(journal: JournalWriter, key: str, fetched: Sequence[LogLine], newest: float | None) -> None:
    """Note when the newest line that was fetched was printed, if it is newer than the one before."""
    last = max((line.t for line in fetched), default=None)
    if last is not None and (newest is None or last > newest or journal.note(key) is None):
        journal.set_note(key, str(last))


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
