"""What the feed puts aside for the screen, as values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tui_app.journal.records import RunSummary, WatcherStatus
from tui_app.state.points import Point
from tui_app.widgets.event_list import EventLine
from tui_app.widgets.status_line import Report

if TYPE_CHECKING:
    from tui_app.lookup import Wanted
    from tui_app.render.track import Track
    from tui_app.state.alert_book import Alert
    from tui_app.widgets.records import Record


class History(msgspec.Struct, frozen=True):
    """New rows of the watched run, oldest first; ``fresh`` where they begin a run anew, with the curves up
    to there if the journal has them."""

    run: str
    fresh: bool
    points: list[Point]
    lines: list[EventLine]
    track: Track | None = None


class Finding(msgspec.Struct, frozen=True):
    """New records of what a tab wants, oldest first; ``fresh`` where they begin it anew."""

    wanted: Wanted
    fresh: bool
    records: list[Record]


class News(msgspec.Struct):
    """What happened since the last take; ``runs`` None where that did not change."""

    runs: list[RunSummary] | None = None
    status: WatcherStatus | None = None
    alerts: list[Alert] | None = None
    trouble: str | None = None
    histories: list[History] = msgspec.field(default_factory=list)
    findings: list[Finding] = msgspec.field(default_factory=list)
    reports: list[Report] = msgspec.field(default_factory=list)
