"""One line with the worst alert that nobody has seen yet; no line at all while there is none."""

from __future__ import annotations

from collections.abc import Sequence

from tui_app.render.formats import age
from tui_app.render.spans import Line, crop
from tui_app.state.alert_book import Alert
from tui_app.state.alert_terms import AlertSeverity
from tui_app.text_safety import shown
from tui_app.widgets.lines import LineWidget

SEVERITY_ROLES = {AlertSeverity.CRITICAL: "bad-strong", AlertSeverity.WARNING: "warn-strong"}


class Banner(LineWidget):
    """The worst alert, and how many more there are."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._alerts: tuple[Alert, ...] = ()
        self._now = 0.0
        self.display = False

    def show(self, alerts: Sequence[Alert], now: float) -> None:
        """Show the first of these, which come worst first."""
        self._alerts, self._now = tuple(alert for alert in alerts if alert.is_loud(now)), now
        if self.display is not bool(self._alerts):
            self.display = bool(self._alerts)
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        """``CRITICAL loss is NaN · run r7 · for 12 s · 2 more, ! lists them``."""
        if not self._alerts:
            return []
        worst = self._alerts[0]
        more = len(self._alerts) - 1
        rest = f" · {more} more" if more else ""
        line: Line = [
            (f" {str(worst.severity).upper()} ", SEVERITY_ROLES[worst.severity]),
            (f"{shown(worst.run, 48)}: ", "strong"),
            (shown(worst.text, 200), "text"),
            (f" · for {age(self._now - worst.since)}", "quiet"),
            (f"{rest} · ", "quiet"),
            ("!", "key"),
            (" lists", "quiet"),
        ]
        return [crop(line, width)]


def alert_rows(alerts: Sequence[Alert], chosen: int, now: float, cells: int) -> list[Line]:
    """Every alert: what, since when, the evidence, what to press; who has seen it."""
    rows: list[Line] = []
    for index, alert in enumerate(alerts):
        here = index == chosen
        head: Line = [
            ("▸" if here else " ", "accent"),
            (f"{str(alert.severity).upper():<9}", SEVERITY_ROLES[alert.severity]),
            (f"{shown(alert.run, 48)} ", "strong"),
            (shown(alert.text, 200), "text"),
            (f" · for {age(now - alert.since)}", "quiet"),
        ]
        seen = f"seen by {shown(alert.acknowledged_by, 60)}" if alert.acknowledged_by else ""
        if not seen and alert.snoozed_until > now:
            seen = f"snoozed, {age(alert.snoozed_until - now)} left"
        advice = f"try {shown(alert.key, 12)}" if alert.key else ""
        tail = " · ".join(part for part in (shown(alert.rule, 40), advice, seen) if part)
        rows += [
            [(text, f"{role}+cursor") for text, role in crop(head, cells)] if here else crop(head, cells),
            crop([(" " * 10, "text"), (shown(alert.evidence, 300), "quiet")], cells),
            crop([(" " * 10, "text"), (tail, "quiet")], cells),
        ]
    return rows or [[("  no alert stands", "good")]]
