"""Dots on a character grid: braille where the terminal has it, ASCII where it has not.

raster = Raster(40, 6)               # cells; 80 × 24 dots in braille
raster.vertical(3, 5, 9)             # x from the left, y from the top, in dots
raster.rows()                        # six strings of 40 characters; an empty cell is a space
"""

from __future__ import annotations

from collections.abc import Sequence

_BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK = 0x2800
_ASCII_CHARS = " '-'.:.|"
_BRAILLE_CHARS = " " + "".join(chr(_BLANK | bits) for bits in range(1, 256))


def _spans(columns: Sequence[Sequence[int]]) -> list[list[list[int]]]:
    """By side, first and last dot: the bits of a cell's column between them."""
    high = len(columns[0])
    return [[[sum(bits[a : b + 1]) for b in range(high)] for a in range(high)] for bits in columns]


_SPANS = (_spans(list(zip(*_BRAILLE, strict=True))), _spans([[1, 2, 4]]))


class Raster:
    """A grid of ``columns`` × ``rows`` cells."""

    def __init__(self, columns: int, rows: int, *, ascii_art: bool = False) -> None:
        self.columns, self.rows_count, self.ascii_art = columns, rows, ascii_art
        self.per_column, self.per_row = (1, 3) if ascii_art else (2, 4)
        self.cells = [[0] * columns for _ in range(rows)]

    @property
    def dots(self) -> tuple[int, int]:
        """Width and height in dots."""
        return self.columns * self.per_column, self.rows_count * self.per_row

    def set(self, x: int, y: int) -> None:
        """Light one dot; outside of the grid nothing happens."""
        width, height = self.dots
        if 0 <= x < width and 0 <= y < height:
            column, row = x // self.per_column, y // self.per_row
            self.cells[row][column] |= self._bit(x % self.per_column, y % self.per_row)

    def _bit(self, x: int, y: int) -> int:
        return 1 << y if self.ascii_art else _BRAILLE[y][x]

    def vertical(self, x: int, top: int, bottom: int) -> None:
        """Light the dots of one column from ``top`` to ``bottom``, both included, in either order."""
        width, height = self.dots
        if top > bottom:
            top, bottom = bottom, top
        top, bottom = max(top, 0), min(bottom, height - 1)
        if not 0 <= x < width or top > bottom:
            return
        column, side, high = x // self.per_column, x % self.per_column, self.per_row
        for row in range(top // high, bottom // high + 1):
            first, last = max(top - row * high, 0), min(bottom - row * high, high - 1)
            self.cells[row][column] |= _SPANS[self.ascii_art][side][first][last]

    def rows(self) -> list[str]:
        """The picture, one string a row. A blank cell is one byte, not braille's three."""
        chars = _ASCII_CHARS if self.ascii_art else _BRAILLE_CHARS
        return ["".join([chars[bits] for bits in row]) for row in self.cells]
