"""What alert rules are made of: a look at a run, a finding, a rule, and how they say numbers.

    Finding(Level.FIRING, "loss NaN at step 12", "last commit is step 10")

A rule judges one look at a run: FIRING beyond its bound, CALM well within it, BETWEEN in neither, and
None where this look tells it nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum, StrEnum

import msgspec

from remote.vocabulary.events import Event
from tui_app.state.alert_memory import Memory
from tui_app.state.view import RunView


class AlertSeverity(StrEnum):
    """CRITICAL: work or the run is being lost now. WARNING: it may soon be."""

    CRITICAL = "critical"
    WARNING = "warning"


class Level(Enum):
    """What one look says about one rule."""

    CALM = 0
    BETWEEN = 1
    FIRING = 2


class Finding(msgspec.Struct, frozen=True):
    """A rule's word on one look; text and evidence matter only where it is FIRING."""

    level: Level
    text: str = ""
    evidence: str = ""
    severity: AlertSeverity | None = None
    """Where it differs from the rule's."""


class Look(msgspec.Struct, frozen=True):
    """What a rule sees. ``event`` is None where only time has passed."""

    view: RunView
    event: Event | None
    now: float
    sign_at: float | None
    memory: Memory


Judge = Callable[[Look], Finding | None]


class Rule(msgspec.Struct, frozen=True):
    """``calm_looks`` in a row, over ``calm_seconds``, clear its alert; ``firing_looks`` raise it."""

    id: str
    words: str
    severity: AlertSeverity
    key: str
    types: tuple[str, ...]
    """The events at which it is judged; "" is the passing of time."""
    judge: Judge
    firing_looks: int = 1
    calm_looks: int = 1
    calm_seconds: float = 0.0
    raised_by_time: bool = False
    """Whether its events can only clear it."""


CALM, BETWEEN = Finding(Level.CALM), Finding(Level.BETWEEN)
QUIET = (CALM, BETWEEN)


def number_text(value: float) -> str:
    """Three digits, or what it is instead of a number."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("infinite" if value > 0 else "-infinite")
    return f"{value:.3g}"


def duration_text(seconds: float) -> str:
    """Coarse: ``12.5 s``, ``3 min``, ``2 h``."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"


def at_step(view: RunView) -> str:
    """Where the run is."""
    return f"at step {view.step}"
