"""The state of our own link to the target: a value of its own, because it says nothing about runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tui_app.watcher.calls import LinkError

STALE_SECONDS = 15.0


class LinkState(NamedTuple):
    """Whether the target answers, since when that is so (unix seconds), and what is wrong if not."""

    reachable: bool
    since: float
    detail: str


class Link:
    """What the regular probe found. An answer that takes longer than STALE_SECONDS counts as none."""

    def __init__(
        self,
        detail: str,
        *,
        clock: Callable[[], float] = time.time,
        mono: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._mono = clock, mono
        self._lock = threading.Lock()
        self.workspace = ""
        """The workspace behind the link, once it is known."""
        self._state = LinkState(False, clock(), detail)
        self._answered_at: float | None = None

    @contextmanager
    def probing(self) -> Iterator[None]:
        """Around a request that shows whether the target answers; a LinkError passes through."""
        try:
            yield
        except LinkError as error:
            self._set(False, str(error))
            raise
        self._answered_at = self._mono()
        self._set(True, "")

    def state(self) -> LinkState:
        """The link as it is now."""
        if self._answered_at is not None and self._mono() - self._answered_at > STALE_SECONDS:
            self._set(False, self._state.detail or "the target does not answer")
        return self._state

    def _set(self, reachable: bool, detail: str) -> None:
        with self._lock:
            since = self._state.since if self._state.reachable == reachable else self._clock()
            self._state = LinkState(reachable, since, detail)
