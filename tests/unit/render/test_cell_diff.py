"""What only sends differences leaves the same picture on the terminal as Textual's own rendering would."""

from __future__ import annotations

from collections.abc import Sequence

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region, Size
from textual.strip import Strip

from tui_app.render.cell_diff import FrontBuffer
from tui_app.terminal import Painter

COLUMNS, ROWS = 24, 5
STYLES = [
    None,
    *(Style.parse(each) for each in ("red", "bold red on blue", "on blue", "underline", "reverse green")),
    *(Style.parse(each) for each in ("italic", "dim", "bold")),
]
TEXT = st.text(st.sampled_from("ab  ─⣿┈·x…"), min_size=1, max_size=9)
ODD_TEXT = st.lists(st.sampled_from(["a", " ", "漢", "e\u0301", "⣿"]), min_size=1, max_size=6).map("".join)
SEGMENTS = st.lists(st.tuples(TEXT, st.sampled_from(STYLES)), min_size=1, max_size=5)
ODD_SEGMENTS = st.lists(st.tuples(st.one_of(TEXT, ODD_TEXT), st.sampled_from(STYLES)), min_size=1, max_size=5)


def strip_of(segments: Sequence[tuple[str, Style | None]], cells: int) -> Strip:
    strip = Strip([Segment(text, style) for text, style in segments])
    return strip.adjust_cell_length(cells, Style())


Segments = list[tuple[str, Style | None]]
Update = LayoutUpdate | ChopsUpdate
PLACES = st.tuples(st.integers(0, ROWS - 1), st.integers(0, COLUMNS - 1), st.integers(1, COLUMNS))


class Emulated:
    """A terminal in memory."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.Stream(self.screen)
        self.feed("\x1b[?7l")  # as Textual's driver does: no line is wrapped

    def feed(self, text: str) -> None:
        self._stream.feed(text)

    @property
    def cells(self) -> list[tuple[object, ...]]:
        """Every cell as it can be seen: the colour of a blank's letters cannot."""
        return [self._seen(self.screen.buffer[y][x]) for y in range(ROWS) for x in range(COLUMNS)]

    @staticmethod
    def _seen(cell: pyte.screens.Char) -> tuple[object, ...]:
        if cell.data == " " and not (cell.underscore or cell.reverse or cell.strikethrough):
            return (" ", cell.bg)
        return tuple(cell)


def whole(rows: list[Strip]) -> LayoutUpdate:
    return LayoutUpdate([[row] for row in rows], Region(0, 0, COLUMNS, ROWS))


def part(y: int, start: int, end: int, row: Strip, cut: int) -> ChopsUpdate:
    """A span of a row that is made of two fragments, as the compositor gives it."""
    left, right = row.divide([cut, COLUMNS]) if 0 < cut < COLUMNS else (row, None)
    chops: list[dict[int, Strip | None]] = [{0: None} for _ in range(ROWS)]
    ends = [[COLUMNS] for _ in range(ROWS)]
    chops[y] = {0: left} if right is None else {0: left, cut: right}
    ends[y] = [COLUMNS] if right is None else [cut, COLUMNS]
    return ChopsUpdate(chops, [(y, start, end)], ends)


@st.composite
def updates(draw: st.DrawFn, segments: st.SearchStrategy[Segments]) -> Update:
    if draw(st.booleans()):
        return whole([strip_of(draw(segments), COLUMNS) for _ in range(ROWS)])
    y, start, length = draw(PLACES)
    row = strip_of(draw(segments), COLUMNS)
    return part(y, start, min(COLUMNS, start + length), row, draw(st.integers(0, COLUMNS)))


def console() -> Console:
    return Console(width=COLUMNS, height=ROWS, force_terminal=True, color_system="truecolor")


def expected_of(before: list[Strip], update: Update) -> list[Strip]:
    """The rows after an update: only its spans differ."""
    if isinstance(update, LayoutUpdate):
        return [Strip.join(list(line)) for line in update.strips]
    rows = list(before)
    for y, start, end in update.spans:
        new = Strip.join([strip for strip in update.chops[y].values() if strip is not None])
        old = rows[y]
        rows[y] = Strip.join([old.crop(0, start), new.crop(start, end), old.crop(end, COLUMNS)])
    return rows


@settings(max_examples=200, deadline=None)
@given(st.lists(updates(SEGMENTS), min_size=1, max_size=8), st.sets(st.integers(0, 7)))
def test_any_updates_leave_the_picture_that_a_full_repaint_would(
    sent: list[Update], forgotten: set[int]
) -> None:
    ours, painter, rows = Emulated(), Painter(), [Strip.blank(COLUMNS)] * ROWS
    for number, update in enumerate([whole(rows), *sent]):
        if number in forgotten:
            painter.forget()
        rows = expected_of(rows, update)
        ours.feed(painter.render(update, Size(COLUMNS, ROWS), console()))
        stock = Emulated()
        stock.feed(whole(rows).render_segments(console()).replace("\n", "\r\n"))
        assert ours.cells == stock.cells
        assert painter.active


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(ODD_SEGMENTS, min_size=ROWS, max_size=ROWS), min_size=1, max_size=5))
def test_wide_and_combining_characters_come_out_as_textual_sends_them(pictures: list[list[Segments]]) -> None:
    ours, stock, painter = Emulated(), Emulated(), Painter()
    for picture in pictures:
        rows = [strip_of(segments, COLUMNS) for segments in picture]
        ours.feed(painter.render(whole(rows), Size(COLUMNS, ROWS), console()))
        stock.feed(whole(rows).render_segments(console()).replace("\n", "\r\n"))
        assert ours.cells == stock.cells


def test_what_stands_there_already_is_not_sent_again() -> None:
    front = FrontBuffer(COLUMNS, ROWS)
    line = [("loss 0.1", STYLES[1]), ("   ", None)]
    assert front.paint([(0, 0, line)])
    assert front.paint([(0, 0, line)]) == ""
    assert front.paint([(0, 0, [("loss 0.2", STYLES[1]), ("   ", None)])]) == "\x1b[1;8H\x1b[31m2\x1b[0m"
    front.forget()
    assert "loss" in front.paint([(0, 0, line)])


def test_a_colour_system_with_fewer_colours_gets_only_those() -> None:
    front = FrontBuffer(COLUMNS, ROWS, ColorSystem.STANDARD)
    assert "38;2" not in front.paint([(0, 0, [("x", Style.parse("#ff8800"))])])


def test_with_another_textual_it_draws_by_itself() -> None:
    update = whole([Strip.blank(COLUMNS)] * ROWS)
    assert Painter(frozenset({"8.2.7", "9.0.0"})).diffed(update, Size(COLUMNS, ROWS)) is update
    assert Painter().diffed(update, Size(COLUMNS, ROWS)) is not update


def test_a_diff_that_fails_is_left_to_textual_for_good() -> None:
    class Broken(ChopsUpdate):
        def render_segments(self, console: Console) -> str:
            return "stock"

    painter = Painter()
    broken = Broken([], [(99, 0, 1)], [])
    assert painter.render(broken, Size(COLUMNS, ROWS), console()) == "stock"
    assert not painter.active
