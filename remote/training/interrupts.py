"""SIGINT, held back until the step loop can save, as far as the grace allows.

The platform sends SIGINT and kills the container when the grace is over. The first one is only noted
if its owner says that waiting for the next safe point leaves time to save; otherwise, and on any
further one, `KeyboardInterrupt` is raised where the program happens to be. A noted one is raised too
when the grace is nearly over and no safe point came. It knows nothing of steps or checkpoints.
"""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

LAST_WORDS_SECONDS = 2.0
"""What is kept of the grace for saying how it ended; of a short grace a quarter."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """One SIGINT: when it came (``mono`` seconds), the grace from then (seconds), and the unix time
    at which it is over."""

    mono: float
    grace: float
    deadline: float

    def left(self, now: float) -> float:
        """Seconds of grace left at ``now`` (mono)."""
        return self.mono + self.grace - now

    @property
    def last_words_at(self) -> float:
        """When (mono) everything else has to be over."""
        return self.mono + self.grace - min(LAST_WORDS_SECONDS, self.grace / 4)


class Interrupts:
    """A context in which SIGINT waits for a safe point. Outside the main thread it does nothing.

    Args:
        grace: seconds that the platform grants, asked for when the signal comes.
        may_wait: whether noting this interrupt leaves time to save at the next safe point.
        clock, mono: unix time and a monotonic clock, in seconds.
    """

    def __init__(
        self,
        grace: Callable[[], float],
        may_wait: Callable[[Interrupt], bool],
        *,
        clock: Callable[[], float] = time.time,
        mono: Callable[[], float] = time.monotonic,
    ) -> None:
        self._grace, self._may_wait, self._clock, self._mono = grace, may_wait, clock, mono
        self._held = False
        self._open = False
        self._previous: Any = None
        self.pending: Interrupt | None = None

    def __enter__(self) -> Interrupts:
        self._open = threading.current_thread() is threading.main_thread()
        if self._open:
            self._previous = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open:
            self._open = False
            signal.signal(signal.SIGINT, self._previous)

    @contextmanager
    def held(self) -> Iterator[None]:
        """The first interrupt is only noted in this block, however little time there is."""
        before, self._held = self._held, True
        try:
            yield
        finally:
            self._held = before

    def raise_pending(self) -> None:
        """KeyboardInterrupt if one was noted: called at a safe point."""
        if self.pending is not None:
            raise KeyboardInterrupt

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if self.pending is not None:
            raise KeyboardInterrupt
        now, grace = self._mono(), self._grace()
        self.pending = Interrupt(now, grace, self._clock() + grace)
        if self._held:
            return
        if not self._may_wait(self.pending):
            raise KeyboardInterrupt
        # Not threading.Timer: its locks may be held by the very code that this handler interrupts.
        _thread.start_new_thread(self._expire, (self.pending.last_words_at - now,))

    def _expire(self, seconds: float) -> None:
        time.sleep(seconds)
        if self._open:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
