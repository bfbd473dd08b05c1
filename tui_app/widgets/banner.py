"""One line with the worst alert that nobody has seen yet; an empty one while there is none."""

from __future__ import annotations

from collections.abc import Sequence

from tui_app.render.formats import age, ago
from tui_app.render.spans import Line, crop, width
from tui_app.state.alert_book import Alert
from tui_app.state.alert_terms import AlertSeverity
from tui_app.text_safety import shown
from tui_app.widgets.lines import LineWidget

SEVERITY_ROLES = {AlertSeverity.CRITICAL: "bad-strong", AlertSeverity.WARNING: "warn-strong"}


class Banner(LineWidget):
    """The worst alert, and how many more there are."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._alerts: Sequence[Alert] = ()
        self._now = 0.0

    def show(self, alerts: Sequence[Alert], now: float) -> None:
        """Show the first loud one of these, which come worst first."""
        self._alerts, self._now = alerts, now
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        """The line, or none."""
        line = worst_of(self._alerts, self._now, width - 1, named=True)
        return [[(" ", "text"), *line]] if line else []


def worst_of(alerts: Sequence[Alert], now: float, cells: int, *, named: bool = False) -> Line:
    """``CRITICAL loss is NaN · for 12 s · 2 more · ! lists``; nothing while none is loud. What is said of the
    alert gives way where the line is too long. ``named`` names its run."""
    loud = [alert for alert in alerts if alert.is_loud(now)]
    if not loud:
        return []
    worst, more = loud[0], len(loud) - 1
    whose: Line = [(f"{shown(worst.run, 48)}: ", "strong")] if named else []
    tail: Line = [
        (f" · for {ago(worst.since, now)}{f' · {more} more' if more else ''} · ", "quiet"),
        ("!", "key"),
        (" lists", "quiet"),
    ]
    head: Line = [
        (f"{str(worst.severity).upper()} ", SEVERITY_ROLES[worst.severity]),
        *whose,
        (shown(worst.text, 200), "text"),
    ]
    return crop([*crop(head, max(0, cells - width(tail))), *tail], cells)


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
            (f" · for {ago(alert.since, now)}", "quiet"),
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
