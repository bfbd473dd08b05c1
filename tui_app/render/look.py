"""How a chart is looked at: scale, smoothing, which steps, and the step under the cursor.

    look = Look(last=250)                        # follows the run: all steps
    look = look.zoomed(2.0, total=250)           # half of them, around the cursor or the newest step
    look = look.moved(-10, total=250)            # the cursor ten steps back
    smoothed(columns), logarithmic(columns)      # what is drawn then

Pure. A look knows steps, not cells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from tui_app.render.buckets import Column

FEWEST_STEPS = 8
SMOOTHING_SHARE = 24
"""A smoothed value is the mean of about a 24th of the columns around it."""


class Look(msgspec.Struct, frozen=True):
    """``first`` to ``last`` are the steps in the window; ``last`` None is all there is and will be."""

    log: bool = False
    smooth: bool = False
    first: int = 1
    last: int | None = None
    cursor: int | None = None

    @property
    def whole(self) -> bool:
        """Whether every step is in the window."""
        return self.last is None

    def zoomed(self, factor: float, total: int) -> Look:
        """The window narrower by ``factor`` (> 1) or wider, around the cursor, else the newest step."""
        last = self.last if self.last is not None else max(1, total)
        count = round((last - self.first + 1) / factor)
        if count >= total:
            return msgspec.structs.replace(self, first=1, last=None)
        count = max(FEWEST_STEPS, count)
        middle = self.cursor if self.cursor is not None else last
        share = 0.5 if self.cursor is not None else 1.0
        return self._at(round(middle - count * share) + 1, count, total)

    def panned(self, windows: float, total: int) -> Look:
        """The same width, so many windows further."""
        if self.last is None:
            return self
        count = self.last - self.first + 1
        return self._at(self.first + round(count * windows), count, total)

    def moved(self, steps: int, total: int) -> Look:
        """The cursor moved, beginning at the newest step; the window follows it."""
        at = max(1, min(max(1, total), (self.cursor if self.cursor is not None else total) + steps))
        return self.looking_at(at, total)

    def looking_at(self, step: int, total: int) -> Look:
        """The cursor on this step, the window around it if it was outside."""
        look = msgspec.structs.replace(self, cursor=max(1, step))
        if self.last is None or self.first <= step <= self.last:
            return look
        count = self.last - self.first + 1
        return look._at(step - count // 2, count, total)

    def _at(self, first: int, count: int, total: int) -> Look:
        first = max(1, min(first, total - count + 1))
        return msgspec.structs.replace(self, first=first, last=first + count - 1)


def logarithmic(columns: Sequence[Column]) -> list[Column]:
    """The decimal logarithms; what is not above 0 has none and is left out."""
    found: list[Column] = []
    for column in columns:
        if column is None or column[1] <= 0:
            found.append(None)
            continue
        high = math.log10(column[1])
        found.append((math.log10(column[0]) if column[0] > 0 else high, high))
    return found


def smoothed(columns: Sequence[Column]) -> list[Column]:
    """The running mean of the middles; gaps stay gaps."""
    reach = max(1, len(columns) // (2 * SMOOTHING_SHARE))
    sums, counts = [0.0], [0]
    for column in columns:
        sums.append(sums[-1] + ((column[0] + column[1]) / 2 if column is not None else 0.0))
        counts.append(counts[-1] + (column is not None))
    found: list[Column] = []
    for x, column in enumerate(columns):
        low, high = max(0, x - reach), min(len(columns), x + reach + 1)
        if column is None:
            found.append(None)
            continue
        mean = (sums[high] - sums[low]) / (counts[high] - counts[low])
        found.append((mean, mean))
    return found
