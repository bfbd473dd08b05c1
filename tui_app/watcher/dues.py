"""What a follower does only every so often, by name.

dues = Dues(time.monotonic)
if dues.is_due("logs", 2.0): ...        # true at once, then every two seconds
dues.put_off("logs", 60.0)              # not before a minute from now
"""

from __future__ import annotations

from collections.abc import Callable


class Dues:
    """``mono`` is a monotonic clock in seconds."""

    def __init__(self, mono: Callable[[], float]) -> None:
        self._mono = mono
        self._due: dict[str, float] = {}

    def is_due(self, what: str, every: float) -> bool:
        """Whether it is time; if so, the next time is ``every`` seconds from now."""
        now = self._mono()
        if now < self._due.get(what, now):
            return False
        self._due[what] = now + every
        return True

    def put_off(self, what: str, seconds: float) -> None:
        """Let it not be due for so long."""
        self._due[what] = self._mono() + seconds
