"""How often a stream is drawn: as often as its frames are cheap.

pace.frame()        # at each frame
pace.seconds        # between this one and the next: 0.125 where a frame costs up to 6 ms of a core
"""

from __future__ import annotations

import time
from collections.abc import Callable

FASTEST_SECONDS, SLOWEST_SECONDS = 0.125, 0.5
BUSY = 0.05
"""The part of a core that following a stream may take."""
SMOOTHING = 0.2


class Pace:
    """Fewer frames where each costs more: on a slow or busy machine, or of a fast stream. What a frame costs
    is the processor time since the one before, so with all that was read for it; smoothed, because a start is
    dear once and is no reason to wait. ``spent`` is that time of this process, in seconds."""

    def __init__(self, spent: Callable[[], float] = time.process_time) -> None:
        self._spent = spent
        self._before: float | None = None
        self._cost = 0.0

    def frame(self) -> None:
        """A frame is drawn now."""
        now = self._spent()
        if self._before is not None:
            self._cost += SMOOTHING * (now - self._before - self._cost)
        self._before = now

    @property
    def seconds(self) -> float:
        """From one frame to the next."""
        return min(max(FASTEST_SECONDS, self._cost / BUSY), SLOWEST_SECONDS)
