"""The whole history of a metric in a fixed space: smallest and largest value of each bucket of steps.

    loss = Series()
    loss.add(41, 0.1)
    loss.columns(96, 128)     # what to draw: (low, high) for each of 96 dots

Buckets double in width when the space is full, so neither memory nor drawing grows with the length
of a run, and an extreme value is never lost. What is not a number, or so large that two of it would
overflow, leaves a gap and a mark. A step that a later attempt repeats falls into the same bucket, and
is remembered as a rewind.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

Column = tuple[float, float] | None
LARGEST = 1e300
"""What is beyond it, either way, is drawn as not a number."""
_EMPTY_LOW, _EMPTY_HIGH = math.inf, -math.inf


class Series:
    """One metric over steps (from 1). ``capacity`` buckets, an even number."""

    def __init__(self, capacity: int = 1024) -> None:
        self.capacity = capacity
        self.width = 1
        """Steps in a bucket, a power of two."""
        self.low = array("d")
        self.high = array("d")
        self.broken: set[int] = set()
        """Buckets in which a value was not a number that can be drawn."""
        self.last_step = 0
        self.last: float | None = None
        """The value that arrived last, finite or not."""
        self.smallest, self.largest = _EMPTY_LOW, _EMPTY_HIGH
        self._drawn_key: tuple[int, int, int, int] | None = None
        self._drawn: list[Column] = []
        self._changed = 0
        """The first bucket that differs from what was drawn last."""

    def add(self, step: int, value: float) -> None:
        """Take in one value; O(1), and O(capacity) each time the run's length doubles."""
        if step < 1:
            return
        index = (step - 1) // self.width
        while index >= self.capacity:
            self._double()
            index = (step - 1) // self.width
        missing = index + 1 - len(self.low)
        if missing > 0:
            self.low.extend([_EMPTY_LOW] * missing)
            self.high.extend([_EMPTY_HIGH] * missing)
        self.last = value
        if step > self.last_step:
            self.last_step = step
        if not -LARGEST <= value <= LARGEST:
            self.broken.add(index)
            return
        if index < self._changed:
            self._changed = index
        if value < self.low[index]:
            self.low[index] = value
            if value < self.smallest:
                self.smallest = value
        if value > self.high[index]:
            self.high[index] = value
            if value > self.largest:
                self.largest = value

    def extend(self, steps: Sequence[int], values: Sequence[float]) -> None:
        """Take in many values, as `add` does one by one."""
        low, high, width, last = self.low, self.high, self.width, self.last
        for step, value in zip(steps, values, strict=True):
            if step < 1:
                continue
            last, index = value, (step - 1) // width
            if index >= len(low) or not -LARGEST <= value <= LARGEST:
                self.add(step, value)
                low, high, width = self.low, self.high, self.width
                continue
            if index < self._changed:
                self._changed = index
            if value < low[index]:
                low[index] = value
                if value < self.smallest:
                    self.smallest = value
            if value > high[index]:
                high[index] = value
                if value > self.largest:
                    self.largest = value
        self.last, self.last_step = last, max(self.last_step, *steps, 0)

    def _double(self) -> None:
        if len(self.low) % 2:
            self.low.append(_EMPTY_LOW)
            self.high.append(_EMPTY_HIGH)
        self.low = array("d", map(min, self.low[::2], self.low[1::2]))
        self.high = array("d", map(max, self.high[::2], self.high[1::2]))
        self.broken = {index // 2 for index in self.broken}
        self.width *= 2

    @property
    def extremes(self) -> tuple[float, float] | None:
        """Smallest and largest finite value so far."""
        return (self.smallest, self.largest) if self.smallest <= self.largest else None

    def columns(self, dots: int, steps: int, first: int = 1) -> list[Column]:
        """(low, high) for each of ``dots`` equal parts of ``steps`` steps from ``first`` on; None where
        nothing is.

        Where a step is wider than a dot, its value stands at its first dot and the dots up to the
        next step lie on the straight line between the two.
        """
        found, start = self._remembered(dots, steps, first)
        low, high, width, previous = self.low, self.high, self.width, None
        if start and low[start - 1] <= high[start - 1]:
            before = ((start - 1) * width - first + 1) * dots // steps
            previous = (start - 1, before) if 0 <= before < dots else None
        for index in range(start, len(low)):
            bottom, top = low[index], high[index]
            x = (index * width - first + 1) * dots // steps
            if bottom > top or not 0 <= x < dots:
                continue
            here = found[x]
            found[x] = (bottom, top) if here is None else (min(bottom, here[0]), max(top, here[1]))
            if previous is not None and previous[0] == index - 1:
                _bridge(found, previous[1], x)
            previous = (index, x)
        return found

    def _remembered(self, dots: int, steps: int, first: int) -> tuple[list[Column], int]:
        """What was drawn last of the same steps, emptied from the first change on, and the bucket that
        begins there."""
        key, changed = (dots, steps, first, self.width), self._changed
        self._changed = len(self.low)
        x = (changed * self.width - first + 1) * dots // steps
        if key != self._drawn_key or x < 0:
            self._drawn_key, self._drawn = key, [None] * dots
            return self._drawn, 0
        if x >= dots:
            return self._drawn, len(self.low)
        while changed and ((changed - 1) * self.width - first + 1) * dots // steps == x:
            changed -= 1
        self._drawn[x:] = [None] * (dots - x)
        return self._drawn, changed

    def broken_columns(self, dots: int, steps: int, first: int = 1) -> set[int]:
        """The dots at which a value was not a number."""
        at = {(index * self.width - first + 1) * dots // steps for index in self.broken}
        return {x for x in at if 0 <= x < dots}

    def at(self, step: int) -> Column:
        """The smallest and largest value of the bucket of this step: the value itself, while a bucket
        is a step wide; None where nothing finite is known."""
        index = (step - 1) // self.width
        if not 0 <= index < len(self.low) or self.low[index] > self.high[index]:
            return None
        return self.low[index], self.high[index]

    def positive(self) -> tuple[float, float] | None:
        """As `extremes`, of what is above 0: what a logarithmic axis can show."""
        found = [value for values in (self.low, self.high) for value in values if 0 < value < math.inf]
        return (min(found), max(found)) if found else None

    def tail(self, cells: int) -> list[float | None]:
        """The whole history in at most ``cells`` values for a sparkline: the middle of each part's
        range, but where that is wide the end of it that departs more from the part before."""
        steps = max(1, self.last_step)
        columns = self.columns(min(cells, steps), steps)
        wide = (self.largest - self.smallest) / 4
        values: list[float | None] = []
        previous: float | None = None
        for column in columns:
            previous = None if column is None else _stand_in(column, previous, wide)
            values.append(previous)
        return values


def _stand_in(column: tuple[float, float], previous: float | None, wide: float) -> float:
    low, high = column
    if previous is None or high - low < wide:
        return (low + high) / 2
    return high if abs(high - previous) >= abs(low - previous) else low


def _bridge(columns: list[Column], left: int, right: int) -> None:
    start, end = columns[left], columns[right]
    if start is None or end is None or right - left < 2:
        return
    a, b = (start[0] + start[1]) / 2, (end[0] + end[1]) / 2
    for x in range(left + 1, right):
        value = a + (b - a) * (x - left) / (right - left)
        columns[x] = (value, value)
