"""Lines that are longer than the screen: nothing is lost without a mark, rows are counted as drawn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui_app.render.spans import Line, width
from tui_app.widgets.long_lines import Heights, Wrapped, cut_line, height, window, wrapped_line

HEAD: Line = [("12:00 ", "quiet")]
TEXTS = st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=60)
SPANS = st.lists(st.tuples(TEXTS, st.sampled_from(["text", "key"])), max_size=5)


def said(line: Line) -> str:
    return "".join(text for text, _ in line)


def test_what_fits_has_no_mark() -> None:
    assert said(cut_line(HEAD, [("as it is", "text")], 14)) == "12:00 as it is"


def test_what_is_cut_is_marked_where_it_goes_on_and_where_it_began() -> None:
    body: Line = [("one two", "text"), (" three four", "key")]
    assert said(cut_line(HEAD, body, 16)) == "12:00 one two t›"
    assert said(cut_line(HEAD, body, 16, 4)) == "12:00 ‹wo three›"
    assert said(cut_line(HEAD, body, 16, 9)) == "12:00 ‹ree four"
    assert said(cut_line(HEAD, body, 16, 90)) == "12:00 ‹"


def test_wrapped_rows_stand_below_where_the_text_begins() -> None:
    rows = wrapped_line(HEAD, [("one two", "text"), (" three", "key")], 11)
    assert [said(row) for row in rows] == ["12:00 one ", "      two ", "      three"]
    assert [role for _, role in rows[1][1:]] == ["text", "key"]
    long = wrapped_line(HEAD, [("a/path/without/blanks", "text")], 16)
    assert [said(row) for row in long] == ["12:00 a/path/wit", "      hout/blank", "      s"]


@given(SPANS, st.integers(7, 30), st.integers(0, 40))
def test_no_row_is_wider_than_the_screen(body: Line, cells: int, start: int) -> None:
    assert width(cut_line(HEAD, body, cells, start)) <= cells
    assert all(width(row) <= max(cells, width(HEAD) + 2) for row in wrapped_line(HEAD, body, cells))


@given(SPANS, st.integers(8, 30))
def test_wrapping_loses_nothing_and_takes_the_rows_that_were_counted(body: Line, cells: int) -> None:
    rows = wrapped_line(HEAD, body, cells)
    kept = "".join(said(row)[len("12:00 ") :] for row in rows)
    assert kept.replace(" ", "") == said(body).replace(" ", "")
    assert len(rows) == height(said(body), cells - width(HEAD))


@given(SPANS, st.integers(0, 80))
def test_windows_beside_each_other_are_the_line(body: Line, at: int) -> None:
    whole = width(body)
    parts = said(window(body, 0, at)) + said(window(body, at, max(0, whole - at)))
    assert width([(parts, "text")]) == whole
    if said(body).isascii():
        assert parts == said(body)


@given(st.lists(TEXTS, max_size=30), st.integers(2, 12), st.integers(0, 10), st.data())
def test_any_stretch_of_wrapped_rows_is_that_of_all_of_them(
    texts: list[str], room: int, gone: int, data: st.DataObject
) -> None:
    heights = Heights(room)
    heights.extend(texts)
    gone = min(gone, len(texts))
    heights.drop(gone)
    kept = texts[gone:]

    def draw(text: str) -> list[Line]:
        return wrapped_line([], [(text, "text")], room)

    every = [row for text in kept for row in draw(text)]
    rows = Wrapped(kept, heights, draw)
    assert (len(rows), heights.lines) == (len(every), len(kept))
    start = data.draw(st.integers(0, len(every)))
    end = data.draw(st.integers(start, len(every)))
    assert rows[start:end] == every[start:end]
    for line in range(len(kept)):
        assert heights.line_at(heights.row_of(line)) == line
