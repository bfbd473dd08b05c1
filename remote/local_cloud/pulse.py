"""Waking everybody who waits for a change: what the long polls stand on."""

from __future__ import annotations

import asyncio


class Pulse:
    """`beat` wakes all current waiters; there is no state to miss, so re-check after waking."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()

    def beat(self) -> None:
        """Wake everybody who waits now."""
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, at_most: float) -> None:
        """Return at the next beat, or after ``at_most`` seconds. Who is cancelled while the beat comes is
        cancelled (`asyncio.wait_for` forgets that before Python 3.12)."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await asyncio.wait((waiter,), timeout=max(at_most, 0.0))
        finally:
            self._waiters.discard(waiter)
