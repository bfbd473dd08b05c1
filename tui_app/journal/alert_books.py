"""The alert books of all runs, as the journal keeps them: one row a run, written when it changed.

The writer asks for them under its own lock and inside its own transactions. What an alert is, and when
it is raised, is `tui_app.state.alerts`.
"""

from __future__ import annotations

import sqlite3

import msgspec

from remote.vocabulary.events import Event, Severity
from tui_app.journal.records import BOOK_DECODER, BOOK_ENCODER, Draft
from tui_app.state.alert_book import Alert, AlertBook
from tui_app.state.alert_terms import AlertSeverity
from tui_app.state.alerts import update
from tui_app.state.view import RunView

_SEVERITIES = {AlertSeverity.CRITICAL: Severity.ERROR, AlertSeverity.WARNING: Severity.WARN}


class AlertBooks:
    """Books by run; a run without one has an empty one."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._books: dict[str, AlertBook] = {}
        self._kept: dict[str, AlertBook] = {}
        for run, stored in connection.execute("SELECT run, book FROM alerts").fetchall():
            try:
                self._books[run] = self._kept[run] = BOOK_DECODER.decode(stored)
            except msgspec.MsgspecError:  # another version's: the rules look again
                continue

    def book(self, run: str) -> AlertBook:
        """The run's alerts as they stand."""
        return self._books.get(run, _EMPTY)

    def put(self, run: str, book: AlertBook) -> None:
        """Replace them; `keep` writes them down."""
        self._books[run] = book

    def fold(self, view: RunView, event: Event, now: float, sign_at: float | None) -> list[Draft]:
        """Take in an event that ``view`` has folded; what there is to say of it."""
        before = self.book(view.run)
        after = self._books[view.run] = update(before, view, event, now, sign_at)
        return changes(before, after, view, now, event.t)

    def looked(self, view: RunView, now: float, sign_at: float | None) -> tuple[AlertBook, list[Draft]]:
        """What only the passing of time makes of a book, and what there is to say of it."""
        before = self.book(view.run)
        after = update(before, view, None, now, sign_at)
        return after, changes(before, after, view, now, now)

    def keep(self, run: str) -> None:
        """Write the run's book, if it changed."""
        book = self.book(run)
        if book is self._kept.get(run, _EMPTY):
            return
        self._connection.execute(
            "INSERT OR REPLACE INTO alerts VALUES (?, ?)", (run, BOOK_ENCODER.encode(book))
        )
        self._kept[run] = book

    def snapshot(self) -> tuple[dict[str, AlertBook], dict[str, AlertBook]]:
        """The state before a transaction, for `restore`."""
        return dict(self._books), dict(self._kept)

    def restore(self, snapshot: tuple[dict[str, AlertBook], dict[str, AlertBook]]) -> None:
        """As it was before a transaction that failed."""
        self._books, self._kept = snapshot


_EMPTY = AlertBook()


def changes(before: AlertBook, after: AlertBook, view: RunView, now: float, t: float) -> list[Draft]:
    """What was raised and what was cleared between two books, as events of time ``t``."""
    if before.alerts is after.alerts:
        return []
    attempt = view.attempt.number if view.attempt is not None else 0
    raised = [alert for rule, alert in after.alerts.items() if rule not in before.alerts]
    cleared = [alert for rule, alert in before.alerts.items() if rule not in after.alerts]
    return [
        *(_raised(alert, view.step, attempt, t) for alert in raised),
        *(_cleared(alert, now - alert.since, attempt, t) for alert in cleared),
    ]


def _raised(alert: Alert, step: int, attempt: int, t: float) -> Draft:
    data = {name: getattr(alert, name) for name in ("rule", "severity", "text", "evidence", "key")}
    data["step"] = step
    return Draft(attempt=attempt, type="alert.raised", sev=_SEVERITIES[alert.severity], data=data, t=t)


def _cleared(alert: Alert, seconds: float, attempt: int, t: float) -> Draft:
    data = {"rule": alert.rule, "text": alert.text, "seconds": round(max(0.0, seconds), 3)}
    return Draft(attempt=attempt, type="alert.cleared", data=data, t=t)
