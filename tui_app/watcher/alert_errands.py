"""Acknowledge and snooze: about the watcher's own alerts, so nothing leaves this machine."""

from __future__ import annotations

from remote.vocabulary.events import iso
from tui_app.state.alert_book import AlertBook
from tui_app.state.alert_rules import RULES
from tui_app.state.alerts import acknowledge, snooze
from tui_app.watcher.errand import Errand, Result, done, refused


class AlertErrand(Errand):
    """What both share: the alert must stand."""

    def step(self) -> Result | None:
        """See `Errand.step`."""
        run, rule, journal = self.intent.run, self.intent.args.get("rule"), self.tools.journal
        if run not in journal.runs():
            return refused(f"there is no run {run}")
        if rule not in RULES:
            return refused(f"rule is {str(rule)[:40]!r}; allowed is {', '.join(RULES)}")
        with journal.transaction():
            book = journal.alerts(run)
            if rule not in book.alerts:
                standing = ", ".join(alert.rule for alert in book.active) or "none"
                return refused(f"{run} has no alert {rule}; standing is {standing}")
            if isinstance(changed := self.change(book, rule), str):
                return refused(changed)
            journal.set_alerts(run, changed)
        return done(self.words(rule))

    def change(self, book: AlertBook, rule: str) -> AlertBook | str:
        """The book as it is to be, or why not."""
        raise NotImplementedError

    def words(self, rule: str) -> str:
        """What was done."""
        raise NotImplementedError


class AcknowledgeErrand(AlertErrand):
    """Somebody has seen it."""

    def change(self, book: AlertBook, rule: str) -> AlertBook | str:
        """See `AlertErrand.change`."""
        return acknowledge(book, rule, f"{self.intent.by}@{self.intent.host}")

    def words(self, rule: str) -> str:
        """See `AlertErrand.words`."""
        return f"{rule} is acknowledged by {self.intent.by}"


class SnoozeErrand(AlertErrand):
    """Nobody wants to hear of it until then."""

    def change(self, book: AlertBook, rule: str) -> AlertBook | str:
        """See `AlertErrand.change`."""
        until = self.intent.args.get("until")
        if isinstance(until, bool) or not isinstance(until, int | float) or not until > self.tools.clock():
            return f"until is {until!r}; allowed is a time to come, in unix seconds"
        return snooze(book, rule, float(until))

    def words(self, rule: str) -> str:
        """See `AlertErrand.words`."""
        return f"{rule} is silent until {iso(float(self.intent.args['until']))}"
