"""A plot is exactly as large as asked, shows what is there and says where attempts began."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from tui_app.render.axes import sticky
from tui_app.render.glyphs import to_ascii
from tui_app.render.plot import plot
from tui_app.render.spans import Line, width
from tui_app.render.track import Track


def drawn(track: Track, columns: int = 60, rows: int = 9, **more: object) -> list[Line]:
    series = track.series["m"]
    bounds = sticky(None, *(series.extremes or (0.0, 1.0)))
    return plot(series, track.marks, columns=columns, rows=rows, bounds=bounds, **more)  # type: ignore[arg-type]


def text(lines: list[Line]) -> list[str]:
    return ["".join(part for part, _ in line) for line in lines]


def track_of(values: list[float]) -> Track:
    track = Track(64)
    for step, value in enumerate(values, start=1):
        track.add(step, 1, {"m": value})
    return track


@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=200),
    st.integers(16, 160),
    st.integers(2, 20),
    st.booleans(),
)
def test_a_plot_has_exactly_the_size_that_was_asked_for(
    values: list[float], columns: int, rows: int, ascii_art: bool
) -> None:
    lines = drawn(track_of(values), columns, rows, ascii_art=ascii_art)
    assert len(lines) == rows
    assert all(width(line) == columns for line in lines)
    if ascii_art:
        assert all(to_ascii(line).isascii() for line in text(lines))


@given(st.integers(0, 399), st.integers(20, 120))
def test_a_spike_reaches_the_top_of_the_picture(place: int, columns: int) -> None:
    values = [0.0] * 400
    values[place] = 100.0
    lines = drawn(track_of(values), columns)
    top = "".join(part for part, role in lines[0] if role == "curve")
    assert any("\u2800" < char < "\u2900" for char in top)


def test_a_flat_line_is_visible() -> None:
    assert any(
        role == "curve" and part.strip() for line in drawn(track_of([0.5] * 30)) for part, role in line
    )


def test_what_is_no_number_is_marked() -> None:
    values = [1.0] * 10 + [math.nan] * 10 + [2.0] * 10
    assert any(role == "bad" and "✗" in part for line in drawn(track_of(values)) for part, role in line)


def test_the_step_axis_names_where_an_attempt_began_and_what_it_repeated() -> None:
    track = track_of([0.1] * 34)
    for step in range(31, 80):
        track.add(step, 2, {"m": 0.2})
    axis = drawn(track)[-2]
    assert ("2", "mark") in axis
    assert any(role == "redone" and set(part) == {"═"} for part, role in axis)


def test_more_steps_do_not_move_what_is_drawn_until_the_axis_doubles() -> None:
    track = track_of([math.sin(step / 3) for step in range(65)])
    bounds = sticky(None, -1.0, 1.0)
    before = text(plot(track.series["m"], (), columns=60, rows=9, bounds=bounds))
    track.add(66, 1, {"m": 0.0})
    after = text(plot(track.series["m"], (), columns=60, rows=9, bounds=bounds))
    changed = {x for a, b in zip(before, after, strict=True) for x in range(60) if a[x] != b[x]}
    assert max(changed) - min(changed) <= 1
