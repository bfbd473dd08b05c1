"""Dots on a character grid: braille where the terminal has it, ASCII where it has not.

raster = Raster(40, 6)               # cells; 80 × 24 dots in braille
raster.vertical(3, 5, 9)             # x from the left, y from the top, in dots
raster.rows()                        # six strings of 40 characters; an empty cell is a space
"""

from __future__ import annotations

_BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK = 0x2800
_ASCII = {0: " ", 1: "'", 2: "-", 3: "'", 4: ".", 5: ":", 6: ".", 7: "|"}


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
        for y in range(min(top, bottom), max(top, bottom) + 1):
            self.set(x, y)

    def rows(self) -> list[str]:
        """The picture, one string a row. A blank cell is one byte, not braille's three."""
        return ["".join(map(self._char, row)) for row in self.cells]

    def _char(self, bits: int) -> str:
        if self.ascii_art:
            return _ASCII[bits]
        return chr(_BLANK | bits) if bits else " "
