"""The alerts of a run as values: what stands, what the rules have counted and what they remember.

Whoever only shows alerts needs no more than this; what raises and clears them is `tui_app.state.alerts`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tui_app.state.alert_memory import Memory
from tui_app.state.alert_terms import AlertSeverity


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. ``evidence`` may quote what a remote process wrote: whoever shows it
    passes it through `text_safety` first. ``key`` is the suggested key of the dashboard; ``since``
    and ``snoozed_until`` are unix seconds on the watcher's clock."""

    rule: str
    severity: AlertSeverity
    run: str
    text: str
    evidence: str
    key: str
    since: float
    acknowledged_by: str = ""
    snoozed_until: float = 0.0

    def is_loud(self, now: float) -> bool:
        """Whether it still asks for attention: neither acknowledged nor snoozed."""
        return not self.acknowledged_by and now >= self.snoozed_until


class Tally(msgspec.Struct, frozen=True):
    """Looks in a row that found a rule FIRING, or CALM since ``calm_since`` (unix seconds)."""

    firing: int = 0
    calm: int = 0
    calm_since: float = 0.0


class AlertBook(msgspec.Struct, frozen=True):
    """The alerts of one run, and what its rules remember. It can be stored and read back."""

    alerts: dict[str, Alert] = {}
    tallies: dict[str, Tally] = {}
    memory: Memory = Memory()

    @property
    def active(self) -> tuple[Alert, ...]:
        """What is wrong now, the worst first, then the oldest."""
        return tuple(in_order(self.alerts.values()))


def in_order(alerts: Iterable[Alert]) -> list[Alert]:
    """The worst first, then the oldest."""
    order = list(AlertSeverity)
    return sorted(alerts, key=lambda a: (order.index(a.severity), a.since, a.run, a.rule))
