"""Ranges and ticks that people can read and that do not jump.

    bounds = sticky(None, 0.13, 0.71)          # Bounds(0.0, 0.8): round numbers around the data
    bounds = sticky(bounds, 0.13, 0.75)        # the same: nothing left the range
    ticks(0.0, 0.8, 3)                         # [0.0, 0.5]
    steps_shown(41, 96)                        # 48: two dots a step, until step 48

A range changes only when data leaves it or hardly uses it, and the step axis only doubles, so what
is drawn already stays where it is and need not be sent again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from tui_app.render.buckets import LARGEST
from tui_app.render.formats import compact

WORTH_SHRINKING = 0.2
"""A new range is chosen when the data uses less than this part of the old one."""


TINY = 1e-200
"""Below this, arithmetic on a range would run out of digits; it counts as flat."""
LONG = 1e15
"""From here on a label is a power of ten."""


class Bounds(msgspec.Struct, frozen=True):
    """What the value axis shows, ``low`` < ``high``."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high

    @property
    def reach(self) -> float:
        """From bottom to top."""
        return self.high - self.low


def nice_step(raw: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below ``raw`` (> 0)."""
    power = 10.0 ** math.floor(math.log10(raw))
    for factor in (1.0, 2.0, 5.0):
        if factor * power >= raw * (1 - 1e-9):
            return factor * power
    return 10.0 * power


def around(low: float, high: float) -> Bounds:
    """Round numbers that enclose the data; a flat line gets room on both sides."""
    low, high = (max(-LARGEST, min(LARGEST, value)) for value in (low, high))
    size = max(abs(low), abs(high))
    if high - low <= max(size * 1e-9, TINY):
        room = size * 0.1 if size > TINY else 1.0
        low, high = low - room, high + room
    step = nice_step((high - low) / 8)
    below, above = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return Bounds(min(low, below), max(high, above))  # a product may miss the data by its last digit


def sticky(old: Bounds | None, low: float, high: float, include: Iterable[float] = ()) -> Bounds:
    """The old range while it still serves, else a new one; ``include`` must always be visible."""
    anchors = tuple(include)
    low, high = min((low, *anchors)), max((high, *anchors))
    if old is not None and low in old and high in old and high - low >= old.reach * WORTH_SHRINKING:
        return old
    return around(low, high)


def ticks(low: float, high: float, at_most: int) -> list[float]:
    """Round values inside the range, at most ``at_most`` (≥ 2) of them, evenly spaced, ascending."""
    step = nice_step((high - low) / max(1, at_most - 1))
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    while count > at_most:
        step = nice_step(step * 1.01)
        first = math.ceil(low / step - 1e-9)
        count = math.floor(high / step + 1e-9) - first + 1
    return [(first + index) * step + 0.0 for index in range(max(0, count))]


def labels(values: list[float]) -> list[str]:
    """The ticks as text, all with the decimals that their distance needs."""
    if not values:
        return []
    step = values[1] - values[0] if len(values) > 1 else abs(values[0]) or 1.0
    largest = max(abs(v) for v in values)
    if largest >= LONG:
        return [f"{v:.0e}" if v else "0" for v in values]
    if largest >= 10_000:
        return [compact(v) for v in values]
    decimals = max(0, math.ceil(-math.log10(step) - 1e-9)) if step < 1 else 0
    return [f"{v:.{min(decimals, 6)}f}" for v in values]


def steps_shown(last: int, dots: int, total: int | None = None) -> int:
    """How many steps the whole width stands for: ``dots`` times a power of two, at least ``last``,
    but not beyond a known ``total``. It only ever doubles, so at least half of it is in use."""
    last = max(1, last)
    shown = float(max(1, dots))
    while shown >= 2 * last and shown > 8:
        shown /= 2
    while shown < last:
        shown *= 2
    whole = max(math.ceil(shown), 1)
    return total if total is not None and last <= total < whole else whole
