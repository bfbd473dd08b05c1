"""How long the parts of a step take here, measured, so that a deadline can be judged.

Knows names of activities and durations in seconds; decides nothing. What the main thread is doing
is on a stack; a duration can be recorded from any thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

REMEMBERED = 8
EVALUATION = "evaluation"
"""The activity that changes nothing and can be broken off anywhere."""


class Pace:
    """The newest durations of each activity, and what is under way now.

    Estimates are the longest of the newest: a deadline is missed by being too hopeful.
    """

    def __init__(self, mono: Callable[[], float]) -> None:
        self._mono = mono
        self._durations: dict[str, deque[float]] = {}
        self._stack: list[tuple[str, float]] = []

    @property
    def activity(self) -> str | None:
        """What is being timed now; the innermost."""
        return self._stack[-1][0] if self._stack else None

    @contextmanager
    def timed(self, activity: str) -> Iterator[None]:
        """Time the block (its last activity, if `begin` changes it); one that raises is not counted."""
        depth = len(self._stack)
        self._stack.append((activity, self._mono()))
        try:
            yield
        except BaseException:
            del self._stack[depth:]
            raise
        name, began = self._stack[depth]
        del self._stack[depth:]
        self.record(name, self._mono() - began)

    def begin(self, activity: str) -> None:
        """The innermost activity goes over into this one, whose duration counts on its own."""
        name, began = self._stack[-1]
        now = self._mono()
        self.record(name, now - began)
        self._stack[-1] = (activity, now)

    def record(self, activity: str, seconds: float) -> None:
        """One more duration."""
        self._durations.setdefault(activity, deque(maxlen=REMEMBERED)).append(seconds)

    def expected(self, activity: str) -> float | None:
        """Seconds that it takes; None if it was never seen."""
        durations = self._durations.get(activity)
        return max(durations) if durations else None

    def typical(self, activity: str) -> float | None:
        """Its median: for saying when something will happen, not for a deadline."""
        durations = sorted(self._durations.get(activity, ()))
        return durations[len(durations) // 2] if durations else None

    def remaining(self) -> float | None:
        """Seconds until the present activity is over: 0 if there is none, None if unknown."""
        return self.left(*self._stack[-1]) if self._stack else 0.0

    def left(self, activity: str, began: float) -> float | None:
        """Seconds until an ``activity`` that ``began`` then (mono) is over; None if it was never
        seen. One that is overdue is given as much again as it is late."""
        expected = self.expected(activity)
        return None if expected is None else abs(expected - (self._mono() - began))
