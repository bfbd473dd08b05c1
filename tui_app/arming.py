"""Whether keys may act: LOCAL always, MODAL only while the operator has armed it. Pure.

    arming = Arming("modal", armed_at=now if rw else None)
    arming = arming.toggled(now)        # the key W
    arming = arming.touched(now)        # before every key: idle time counts from here, or has run out
    arming.armed(now), arming.note(now), arming.refusal("stop", now)

A dashboard that was left open over a production target cannot act on a slip hours later: after
IDLE_SECONDS without a key it is disarmed. Read-only wins over everything. The command line's verbs are
typed out on purpose and are not armed; see `tui_app.verbs.acting`.
"""

from __future__ import annotations

import math

import msgspec

from tui_app.locations import TARGETS

IDLE_SECONDS = 600.0
HOW = f"W arms it until {IDLE_SECONDS / 60:.0f} idle minutes"


class Arming(msgspec.Struct, frozen=True):
    """``armed_at`` is when it was armed or a key was last pressed since, unix seconds; None disarmed."""

    target: str
    read_only: bool = False
    armed_at: float | None = None

    @property
    def _always(self) -> bool:
        return self.target == TARGETS[0]

    def armed(self, now: float) -> bool:
        """Whether a key may act now."""
        if self.read_only:
            return False
        return self._always or (self.armed_at is not None and now - self.armed_at < IDLE_SECONDS)

    def touched(self, now: float) -> Arming:
        """After a key: idle time begins anew, unless it had run out before."""
        if self.armed_at is None:
            return self
        return Arming(self.target, self.read_only, now if self.armed(now) else None)

    def toggled(self, now: float) -> Arming:
        """Armed if it was disarmed, and the other way round."""
        return Arming(self.target, self.read_only, None if self.armed(now) else now)

    def note(self, now: float) -> str | None:
        """For the header; None on a target that needs no arming."""
        if self.read_only:
            return "READ-ONLY"
        if self._always:
            return None
        if not self.armed(now):
            return "DISARMED, W arms"
        left = IDLE_SECONDS - (now - (self.armed_at or now))
        return f"ARMED {math.ceil(left / 60)} min"

    def refusal(self, what: str, now: float) -> str | None:
        """Why a key does not act now, and what to do; None where it may."""
        if self.armed(now):
            return None
        if self.read_only:
            return f"{what}: this dashboard is read-only"
        return f"{what}: {self.target.upper()} is disarmed; {HOW}"
