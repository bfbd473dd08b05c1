"""A panel beside the charts, and how panels share the rows that there are. Pure text.

stack([Panel(heading, must, extra), ...], 20)    # the most important lines of each that fit into 20 rows
"""

from __future__ import annotations

import msgspec

from tui_app.render.spans import Line

LABEL_CELLS = 12


class Panel(msgspec.Struct, frozen=True):
    """A heading, the lines that it cannot do without, and those that room decides about."""

    heading: Line
    must: list[Line]
    extra: list[Line]
    first: bool = True
    """Whether it comes before other panels' extra lines."""


def fact(name: str, value: str) -> Line:
    """A line of a panel: what it is, and its value in the column of values."""
    return [(f"{name:<{LABEL_CELLS}}", "quiet"), (value, "text")]


def stack(blocks: list[Panel], rows: int) -> list[Line]:
    """The panels under each other in ``rows`` rows: what the first ones must show and then their extra
    lines, the same for the others, and an empty row before each heading if there is room for all."""
    spare = rows
    room: list[int | None] = [None] * len(blocks)
    for first in (True, False):
        turn = [index for index, block in enumerate(blocks) if block.first is first]
        for index in turn:
            if 1 + len(blocks[index].must) <= spare:
                spare -= 1 + len(blocks[index].must)
                room[index] = 0
        for index in turn:
            if room[index] is not None:
                room[index] = min(spare, len(blocks[index].extra))
                spare -= room[index] or 0
    shown = [(block, extra) for block, extra in zip(blocks, room, strict=True) if extra is not None]
    airy = spare >= len(shown) - 1
    lines: list[Line] = []
    for block, extra in shown:
        lines += [[]] if airy and lines else []
        lines += [block.heading, *block.must, *block.extra[:extra]]
    return lines
