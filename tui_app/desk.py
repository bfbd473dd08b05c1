"""What lies before the operator: the newest news in the form that the screens show.

The UI thread alone touches it. It reads no journal and no clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_app.journal.reader import RunSummary, WatcherStatus
from tui_app.news import History, News
from tui_app.render.track import Track
from tui_app.state.cost import Prices
from tui_app.widgets.event_list import EventLine
from tui_app.widgets.sight import Link, Sight
from tui_app.widgets.status_line import Report

if TYPE_CHECKING:
    from tui_app.lookup import Wanted
    from tui_app.state.alert_book import Alert
    from tui_app.widgets.records import Record

MOST_UNSEEN = 20_000
"""Sentences kept for an event list that is not being looked at; the oldest are dropped."""


class Desk:
    """Runs, the watched run's curves and sentences, our link, and the last report."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.summaries: dict[str, RunSummary] = {}
        self.status: WatcherStatus | None = None
        self.trouble = ""
        self.report: Report | None = None
        self.prices = Prices()
        self.alerts: list[Alert] = []
        """What is wrong, of every run, the worst first."""
        self.heard = False
        """Whether the journal has been read at all."""
        self.run: str | None = None
        self.track = Track()
        self.unseen: list[EventLine] = []
        """Sentences that the event list has not taken yet."""
        self.began_anew = False
        self.wanted: Wanted | None = None
        """What the open tab has asked for."""
        self.found: list[Record] = []
        """Records of it that the tab has not taken yet."""
        self.found_anew = False

    def put(self, news: News) -> None:
        """Lay the news on the desk."""
        if news.runs is not None:
            self.heard = True
            self.summaries = {summary.view.run: summary for summary in news.runs}
            self.status = news.status
        if news.alerts is not None:
            self.alerts = news.alerts
        if news.trouble is not None:
            self.trouble = news.trouble
        if news.reports:
            self.report = news.reports[-1]
        for history in news.histories:
            self._put_history(history)
        for finding in news.findings:
            if finding.wanted is self.wanted:
                self.found_anew = self.found_anew or finding.fresh
                self.found = finding.records if finding.fresh else self.found + finding.records

    def look(self, wanted: Wanted | None) -> None:
        """Make room for what a tab wants; what comes late for another one is dropped."""
        self.wanted, self.found, self.found_anew = wanted, [], False

    def watch(self, run: str | None) -> None:
        """Make room for this run's history; what comes late of another one is dropped."""
        self.run = run
        self._clear()

    def _clear(self) -> None:
        self.track, self.unseen, self.began_anew = Track(), [], True

    def _put_history(self, history: History) -> None:
        if history.run != self.run:
            return
        if history.fresh:
            self._clear()
            self.track = history.track or Track()
        self.track.extend((point.step, point.attempt, point.metrics) for point in history.points)
        self.unseen += history.lines
        del self.unseen[:-MOST_UNSEEN]

    @property
    def link(self) -> Link:
        """How the news reaches us."""
        status = self.status
        if status is None:
            return Link(self.target, trouble=self.trouble)
        return Link(
            target=self.target,
            workspace=status.workspace,
            beat_at=status.beat_at,
            started_at=status.started_at,
            reachable=status.reachable,
            reachable_since=status.reachable_since,
            trouble=self.trouble,
            detail=status.detail,
        )

    def sights(self, now: float) -> list[Sight]:
        """Every run as it can be seen now."""
        link = self.link
        return [Sight(s.view, link, now, s.sign_at, self.prices) for s in self.summaries.values()]

    def sight(self, run: str, now: float) -> Sight | None:
        """One run, None while it is unknown."""
        summary = self.summaries.get(run)
        return None if summary is None else Sight(summary.view, self.link, now, summary.sign_at, self.prices)
