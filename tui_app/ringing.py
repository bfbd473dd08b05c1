"""Attention where the dashboard is open: the terminal's bell, or a desktop notification by OSC 9. Pure.

    ringer = Ringer(bell=True, osc9=False)
    ringer.signals(alerts, now)      # what to write to the terminal: '' while nothing is new

It rings once for an alert that is raised while somebody could hear it, not for those that stood already
when the dashboard was opened, nor for what is acknowledged or snoozed. Both are off unless the config
asks for them. What tells somebody who has no dashboard open is the watcher's ``--on-alert``.
"""

from __future__ import annotations

from collections.abc import Iterable

from tui_app.state.alert_book import Alert
from tui_app.text_safety import plain

BELL = "\a"
MOST_CHARS = 120


class Ringer:
    """Remembers which alerts it has rung for."""

    def __init__(self, bell: bool, osc9: bool) -> None:
        self._bell, self._osc9 = bell, osc9
        self._known: set[tuple[str, str, float]] | None = None

    def signals(self, alerts: Iterable[Alert], now: float) -> str:
        """The sequences for what is new among these."""
        if not self._bell and not self._osc9:
            return ""
        loud = {(a.run, a.rule, a.since): a for a in alerts if a.is_loud(now)}
        new = [] if self._known is None else [loud[key] for key in loud if key not in self._known]
        self._known = set(loud)
        if not new:
            return ""
        more = f" (and {len(new) - 1} more)" if len(new) > 1 else ""
        told = plain(f"{new[0].severity} {new[0].run}: {new[0].text}{more}", MOST_CHARS)
        return (f"\x1b]9;{told}\x1b\\" if self._osc9 else "") + (BELL if self._bell else "")
