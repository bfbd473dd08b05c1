"""Dots stand where they were put, in braille and in ASCII."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_app.render.raster import Raster

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 12))


def lit(raster: Raster) -> set[tuple[int, int]]:
    """The dots of a braille picture, read back from its characters."""
    bits = {0x01: (0, 0), 0x02: (0, 1), 0x04: (0, 2), 0x08: (1, 0), 0x10: (1, 1), 0x20: (1, 2)}
    bits |= {0x40: (0, 3), 0x80: (1, 3)}
    return {
        (2 * column + dx, 4 * row + dy)
        for row, text in enumerate(raster.rows())
        for column, char in enumerate(text)
        for bit, (dx, dy) in bits.items()
        if char != " " and (ord(char) - 0x2800) & bit
    }


@given(SIZES, st.sets(st.tuples(st.integers(0, 79), st.integers(0, 47)), max_size=60))
def test_exactly_the_dots_that_were_set_are_lit(size: tuple[int, int], dots: set[tuple[int, int]]) -> None:
    raster = Raster(*size)
    for x, y in dots:
        raster.set(x, y)
    width, height = raster.dots
    assert lit(raster) == {(x, y) for x, y in dots if x < width and y < height}


@given(SIZES, st.booleans())
def test_a_picture_has_exactly_its_size(size: tuple[int, int], ascii_art: bool) -> None:
    rows = Raster(*size, ascii_art=ascii_art).rows()
    assert [len(row) for row in rows] == [size[0]] * size[1]
    assert all(row == " " * size[0] for row in rows)


@given(SIZES, st.lists(st.tuples(st.integers(0, 39), st.integers(0, 35)), max_size=60))
def test_ascii_shows_every_dot_as_something_and_only_ascii(
    size: tuple[int, int], dots: list[tuple[int, int]]
) -> None:
    raster = Raster(*size, ascii_art=True)
    for x, y in dots:
        raster.set(x, y)
    rows = raster.rows()
    assert all(row.isascii() for row in rows)
    width, height = raster.dots
    assert all(rows[y // 3][x] != " " for x, y in dots if x < width and y < height)


@pytest.mark.parametrize(("top", "bottom"), [(2, 9), (9, 2)])
def test_a_vertical_line_lights_both_ends_and_all_between(top: int, bottom: int) -> None:
    raster = Raster(4, 4)
    raster.vertical(3, top, bottom)
    assert lit(raster) == {(3, y) for y in range(2, 10)}


def test_dots_outside_are_ignored() -> None:
    raster = Raster(2, 2)
    for x, y in ((-1, 0), (0, -1), (4, 0), (0, 8)):
        raster.set(x, y)
    assert lit(raster) == set()
