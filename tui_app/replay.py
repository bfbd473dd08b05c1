"""A recorded event stream, played once more: the same sentences, or the same journal, at another speed.

    recording = read_recording(Path("r7.jsonl"))
    play(recording, sys.stdout, speed=None)               # at once
    play_into(locations, recording, 10.0, stop, begun)    # into a journal of its own, for the dashboard

A line that is no event is counted and left out. A pause is never longer than LONGEST_PAUSE_SECONDS.
In a journal the times are moved so that it happens now. Nothing leaves this process.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

import msgspec

from remote.vocabulary.events import Event, EventError, decode, encode
from tui_app.journal.records import Arrival, WatcherStatus
from tui_app.journal.writer import JournalWriter
from tui_app.locations import Locations
from tui_app.plain import plain_sentence, say
from tui_app.state.fold import fold
from tui_app.state.view import RunView

LONGEST_PAUSE_SECONDS = 2.0
FRAME_SECONDS = 0.05
BEAT_SECONDS = 2.0


class Recording(NamedTuple):
    """Events in the order of the file, and how many lines were none."""

    events: list[Event]
    bad: int

    @property
    def runs(self) -> list[str]:
        """The runs that it tells of, in the order in which they appear."""
        return list(dict.fromkeys(event.run for event in self.events))


def read_recording(path: Path) -> Recording:
    """The events of a file of JSON Lines. OSError."""
    events, bad = [], 0
    with path.open("rb") as file:
        for line in file:
            if not line.strip():
                continue
            try:
                events.append(decode(line.rstrip(b"\r\n")))
            except EventError:
                bad += 1
    return Recording(events, bad)


def paced(events: list[Event], speed: float | None) -> Iterator[tuple[float, Event]]:
    """Each event with the pause before it (seconds)."""
    before: float | None = None
    for event in events:
        pause = 0.0 if speed is None or before is None else max(0.0, event.t - before) / speed
        before = event.t
        yield min(pause, LONGEST_PAUSE_SECONDS), event


def play(
    recording: Recording, out: TextIO, speed: float | None, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Print the sentences that following the run would have printed."""
    views: dict[str, RunView] = {}
    for pause, event in paced(recording.events, speed):
        if pause:
            sleep(pause)
        view = views[event.run] = fold(views.get(event.run, RunView(run=event.run)), event)
        line = plain_sentence(event, view)
        if line is not None:
            say(out, line)


def play_into(
    locations: Locations, recording: Recording, speed: float, stop: threading.Event, begun: threading.Event
) -> None:
    """Record the events into a journal as a watcher would, until they are all there, and then say until
    ``stop`` that there is one. ``begun`` is set once the first stands in it. Recorded alerts are left
    out, because the journal raises its own."""
    journal = JournalWriter(locations.journal)
    try:
        owed, waiting = 0.0, []
        next_beat = 0.0
        told = [event for event in recording.events if not event.type.startswith("alert.")]
        for pause, event in paced(told, speed):
            owed += pause
            waiting.append(msgspec.structs.replace(event, t=time.time()))
            if owed < FRAME_SECONDS and begun.is_set():
                continue
            _record(journal, waiting)
            waiting = []
            begun.set()
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + BEAT_SECONDS
                journal.set_status(_status(locations, journal))
            if stop.wait(owed):
                return
            owed = 0.0
        _record(journal, waiting)
        while not stop.is_set():
            journal.set_status(_status(locations, journal))
            stop.wait(BEAT_SECONDS)
    finally:
        journal.close()


def _record(journal: JournalWriter, events: list[Event]) -> None:
    for run in dict.fromkeys(event.run for event in events):
        arrivals = [Arrival(event, encode(event)) for event in events if event.run == run]
        journal.record(run, arrivals, sign_at=time.time())


def _status(locations: Locations, journal: JournalWriter) -> WatcherStatus:
    now = time.time()
    return WatcherStatus(
        pid=os.getpid(),
        started_at=now,
        beat_at=now,
        target=locations.target,
        workspace="REPLAY",
        reachable=True,
        reachable_since=now,
        detail="",
        watcher_id=journal.watcher_id,
        version="replay",
    )
