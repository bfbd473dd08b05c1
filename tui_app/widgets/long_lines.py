"""Lines that are longer than the screen is wide: cut with a mark, seen from further right, or wrapped. Pure.

cut_line(head, body, 80)            # what fits, and › where there is more
cut_line(head, body, 80, 40)        # the same from cell 40 of the body on, with ‹ before it; the head stays
wrapped_line(head, body, 80)        # all of it, each further row below where the body begins
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from rich.cells import cell_len, set_cell_size

from tui_app.render.spans import Line, width
from tui_app.widgets.wrapping import folded_at_blanks

Item = TypeVar("Item")
MORE, BEFORE = ("›", "accent-strong"), ("‹", "accent-strong")


def cut_line(head: Line, body: Line, cells: int, start: int = 0) -> Line:
    """One row: the head, and as much of the body as fits, from its cell ``start`` on."""
    room = max(0, cells - width(head))
    before = [BEFORE] if start and room > 1 else []
    room -= len(before)
    first = start + len(before)
    if width(body) - first <= room:
        return [*head, *before, *window(body, first, room)]
    return [*head, *before, *window(body, first, room - 1), MORE] if room else list(head)


def wrapped_line(head: Line, body: Line, cells: int) -> list[Line]:
    """All of it in rows that end at blanks where they can; only a blank at a row's end may be left out."""
    indent = width(head)
    room = room_beside(indent, cells)
    pieces = folded_at_blanks("".join(text for text, _ in body), room)
    rows = [window(row, 0, room) for row in _shared(body, [len(piece) for piece in pieces])]
    return [[*(head if not index else [(" " * indent, "text")]), *row] for index, row in enumerate(rows)]


def room_beside(indent: int, cells: int) -> int:
    """Cells for the body beside its head, at least two: one wide character."""
    return max(2, cells - indent)


def height(text: str, room: int) -> int:
    """How many rows of ``room`` cells `wrapped_line` makes of this text."""
    return 1 if len(text) <= room and text.isascii() else len(folded_at_blanks(text, room))


def window(line: Line, start: int, cells: int) -> Line:
    """The ``cells`` cells of a line from ``start`` on; half of a wide character is a blank."""
    kept: Line = []
    at, end = 0, start + cells
    for text, role in line:
        length = cell_len(text)
        if at < end and at + length > start:
            kept.append((_part(text, max(0, start - at), min(length, end - at)), role))
        at += length
    return kept


def _part(text: str, start: int, end: int) -> str:
    """The cells of a text from ``start`` to before ``end``."""
    if text.isascii():
        return text[start:end]
    whole = set_cell_size(text, end)
    skipped = 0
    for index, character in enumerate(whole):
        if skipped >= start:
            return " " * (skipped - start) + whole[index:]
        skipped += cell_len(character)
    return " " * max(0, skipped - start)


def _shared(line: Line, lengths: Sequence[int]) -> list[Line]:
    """The line in parts of so many characters each."""
    rows: list[Line] = [[] for _ in lengths]
    row, left = 0, lengths[0]
    for text, role in line:
        while text:
            while not left and row + 1 < len(lengths):
                row += 1
                left = lengths[row]
            part = text[: left or len(text)]
            rows[row].append((part, role))
            text, left = text[len(part) :], max(0, left - len(part))
    return rows


class Heights:
    """Where each of a growing list of lines begins, in rows."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._ends: list[int] = []
        self._gone = 0

    def extend(self, texts: Iterable[str]) -> None:
        """Further lines at the end."""
        end = self._ends[-1] if self._ends else self._gone
        for text in texts:
            end += height(text, self.room)
            self._ends.append(end)

    def drop(self, count: int) -> None:
        """The first lines are gone."""
        if count:
            self._gone = self._ends[count - 1]
            del self._ends[:count]

    def __len__(self) -> int:
        """Rows of all lines."""
        return self._ends[-1] - self._gone if self._ends else 0

    @property
    def lines(self) -> int:
        """How many lines there are."""
        return len(self._ends)

    def row_of(self, line: int) -> int:
        """The row in which a line begins."""
        return self._ends[line - 1] - self._gone if line else 0

    def line_at(self, row: int) -> int:
        """The line that this row is of; the last one beyond the end."""
        return min(bisect_right(self._ends, row + self._gone), max(0, len(self._ends) - 1))


class Wrapped(Generic[Item]):
    """The rows of wrapped lines, drawn only where they are looked at."""

    def __init__(self, items: Sequence[Item], heights: Heights, draw: Callable[[Item], list[Line]]) -> None:
        self._items, self._heights, self._draw = items, heights, draw

    def __len__(self) -> int:
        return len(self._heights)

    def __getitem__(self, part: slice) -> Sequence[Line]:
        start, end, _ = part.indices(len(self))
        first = self._heights.line_at(start)
        skipped = start - self._heights.row_of(first)
        rows: list[Line] = []
        for item in self._items[first : first + max(0, end - start)]:
            rows += self._draw(item)
            if len(rows) >= skipped + end - start:
                break
        return rows[skipped : skipped + end - start]
