"""What a `Terminal` showed and when: its bytes through a terminal emulator, after the fact.

replay = Replay(terminal.chunks)
replay.when(lambda screen: "RUNNING" in screen.display[0])      # seconds since the start, or None
replay.settled()                                              # when it was as it stayed
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

import pyte
import pyte.modes

from tests.benchmarks.pty_meter import COLUMNS, ROWS

Chunk = tuple[float, bytes]
UNSETTLED_PART = 0.05


class Screen(pyte.Screen):
    """pyte's screen, with the alternate buffer's private sequences ignored and none of them fatal."""

    def report_device_attributes(self, *args: int, **kwargs: bool) -> None:
        """Nobody listens."""

    def select_graphic_rendition(self, *attrs: int, **kwargs: bool) -> None:
        """Also with the private prefixes that pyte does not know."""
        if not kwargs:
            super().select_graphic_rendition(*attrs)


class Replay:
    """The chunks, played from the beginning, once, forwards."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self._chunks = list(chunks)
        self._next = 0
        self.screen = Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self.screen)

    def when(
        self, shown: Callable[[Sequence[str]], bool], *, since: float = 0.0, until: float = float("inf")
    ) -> float | None:
        """The first time from ``since`` on at which ``shown`` holds; plays on no further than ``until``."""
        self.play(since)
        if self._next and shown(self.screen.display):
            return since
        while self._next < len(self._chunks) and self._chunks[self._next][0] < until:
            at = self._feed()
            if shown(self.screen.display):
                return at
        return None

    def feed(self, chunks: Sequence[Chunk]) -> None:
        """More chunks, to be played after those that are there."""
        self._chunks += chunks

    def play(self, until: float = float("inf")) -> Sequence[str]:
        """Play up to a time; the rows of the screen then."""
        while self._next < len(self._chunks) and self._chunks[self._next][0] < until:
            self._feed()
        display: Sequence[str] = self.screen.display
        return display

    def _feed(self) -> float:
        at, data = self._chunks[self._next]
        self._next += 1
        with contextlib.suppress(TypeError):  # sequences that pyte has no arguments for
            self._stream.feed(data)
        return at


def settled(chunks: Sequence[Chunk], until: float, since: float = 0.0) -> float | None:
    """The first moment after ``since`` from which on the screen stays as it is at ``until``, but for cells
    that are 5 % of those written on then. (Not of all cells: a screen with three words on it would be
    settled before them.)"""
    before = [chunk for chunk in chunks if chunk[0] < until]
    final = list(Replay(before).play())
    written = sum(cell != " " for row in final for cell in row)
    if not written:
        return None
    replay = Replay(before)
    found: float | None = None
    for at, _ in before:
        here = replay.play(at + 1e-9)
        rows = zip(here, final, strict=True)
        different = sum(a != b for one, other in rows for a, b in zip(one, other, strict=True))
        if different > UNSETTLED_PART * written:
            found = None
        elif found is None and at >= since:
            found = at
    return found
