"""What happened to a run, a sentence each, newest at the bottom; it follows until scrolled. A sentence that
is too long is cut with a mark, or wrapped."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from itertools import islice

import msgspec
from textual import events

from tui_app.render.formats import plural
from tui_app.render.spans import Line, fit, rule
from tui_app.widgets.lines import LineWidget
from tui_app.widgets.long_lines import cut_line, room_beside, wrapped_line
from tui_app.widgets.long_lines import height as height_of

KEPT = 5000
HEAD_CELLS = 15
MARK_ROLES = {"ok": "good", "!!": "warn-strong"}


class EventLine(msgspec.Struct, frozen=True):
    """One sentence: ``t`` unix seconds, ``mark`` is "!!", "ok", "--" or empty; the text is clean already.
    ``step`` is where the run stood."""

    t: float
    attempt: int
    mark: str
    text: str
    step: int = 0


class EventList(LineWidget):
    """A view on the newest `KEPT` sentences."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._events: deque[EventLine] = deque(maxlen=KEPT)
        self._below = 0
        """Lines hidden below the last visible one; 0 follows the newest."""
        self._missing = 0
        self._hint: Line = []
        self._chosen: EventLine | None = None
        self._wraps = False

    def wrap(self, wraps: bool) -> None:
        """Whether long sentences are wrapped."""
        if wraps is not self._wraps:
            self._wraps = wraps
            self._below = min(self._below, self._furthest())
            self.redraw()

    def hint(self, hint: Line) -> None:
        """Words for the heading, where nothing more urgent stands there."""
        if hint != self._hint:
            self._hint = hint
            self.redraw()

    def clear(self) -> None:
        """Forget every line."""
        self._events.clear()
        self._chosen = None
        self._below = 0
        self.redraw()

    def add(self, lines: Iterable[EventLine]) -> None:
        """Take in newer lines. What is being read stays where it is."""
        before = len(self._events)
        arrived = list(lines)
        self._events.extend(arrived)
        if self._below:
            self._below = min(self._below + len(arrived), self._furthest())
        if arrived or before != len(self._events):
            self.redraw()

    def note_missing(self, count: int) -> None:
        """How many events are known to exist and have not arrived."""
        if count != self._missing:
            self._missing = count
            self.redraw()

    def scroll_lines(self, lines: int) -> None:
        """Move towards older (negative) or newer (positive) lines."""
        self._below = max(0, min(self._furthest(), self._below - lines))
        self.redraw()

    def scroll_oldest(self) -> None:
        """Show the oldest line that is kept."""
        self._below = self._furthest()
        self.redraw()

    def scroll_newest(self) -> None:
        """Show the newest line and follow."""
        self._below = 0
        self.redraw()

    @property
    def kept(self) -> list[EventLine]:
        """Every line, oldest first."""
        return list(self._events)

    def choose(self, line: EventLine | None) -> None:
        """Mark a line and bring it into sight; None marks none and follows again."""
        self._chosen = line
        if line is None:
            self.scroll_newest()
            return
        after = len(self._events) - 1 - next((i for i, known in enumerate(self._events) if known is line), 0)
        if not self._below <= after < self._below + self._visible(self._below):
            below = after if self._wraps else after - self.page // 2
            self._below = max(0, min(self._furthest(), below))
        self.redraw()

    def anomaly(self, direction: int) -> EventLine | None:
        """The next (1) or previous (-1) line that something is wrong in, seen from the chosen one, or
        the newest of all; None if there is none."""
        wrong = [line for line in self._events if line.mark == "!!"]
        at = next((i for i, line in enumerate(self._events) if line is self._chosen), None)
        if at is None:
            return wrong[-1] if wrong else None
        rest = list(islice(self._events, at + 1, None)) if direction > 0 else list(islice(self._events, at))
        beyond = [line for line in rest if line.mark == "!!"]
        if not beyond:
            return None
        return beyond[0] if direction > 0 else beyond[-1]

    def at_step(self, step: int) -> EventLine | None:
        """The last line that was said by this step."""
        return next((line for line in reversed(self._events) if line.step <= step), None)

    @property
    def page(self) -> int:
        """Rows for lines."""
        return max(1, self.size.height - 1)

    def _furthest(self) -> int:
        """How many lines can be below the last visible one: the oldest ones then fill the page."""
        return max(0, len(self._events) - self._fitting(self._events))

    def _visible(self, below: int) -> int:
        """How many lines are in sight above so many."""
        return self._fitting(islice(reversed(self._events), below, None))

    def _fitting(self, lines: Iterable[EventLine]) -> int:
        """How many of these lines, in their order, are in sight at once; at least one."""
        room, count = self.page, 0
        beside = room_beside(HEAD_CELLS, self.size.width)
        for line in lines:
            room -= height_of(line.text, beside) if self._wraps else 1
            if room < 0:
                break
            count += 1
        return max(1, count)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Towards newer lines."""
        self.scroll_lines(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Towards older lines."""
        self.scroll_lines(-3)

    def lines(self, width: int, height: int) -> list[Line]:
        """A heading and the visible sentences."""
        room = max(1, height - 1)
        rows: list[Line] = []
        for line in islice(reversed(self._events), min(self._below, self._furthest()), None):
            own = self._rows(line, width)
            rows = [*(own[:room] if not rows else own), *rows]
            if len(rows) >= room:
                break
        return [self._heading(width), *rows[-room:]]

    def _rows(self, line: EventLine, cells: int) -> list[Line]:
        head, body = _head(line), [(line.text, "warn" if line.mark == "!!" else "text")]
        if line is self._chosen:
            head[0] = (head[0][0].rstrip() + "▸", "accent")
        rows = wrapped_line(head, body, cells) if self._wraps else [cut_line(head, body, cells)]
        if line is not self._chosen:
            return rows
        return [[(text, f"{role}+cursor") for text, role in fit(row, cells)] for row in rows]

    def _heading(self, cells: int) -> Line:
        right: Line = []
        if self._missing:
            right.append((f"{plural(self._missing, 'event')} missing · ", "warn"))
        right.append(
            (f"{plural(self._below, 'newer line')} below, end follows", "accent")
            if self._below
            else ("following", "quiet")
        )
        if self._hint and not self._missing and not self._below:
            right = [*self._hint, (" ── ", "rule"), *right]
        return rule([("events", "strong")], right, cells)


def _head(line: EventLine) -> Line:
    """Clock, attempt and mark, `HEAD_CELLS` wide."""
    clock = datetime.fromtimestamp(line.t).strftime("%H:%M:%S")
    attempt = f"{line.attempt:>2} " if line.attempt else "   "
    return [
        (f"{clock} ", "quiet"),
        (attempt, "quiet"),
        (f"{line.mark:<2} ", MARK_ROLES.get(line.mark, "quiet")),
    ]
