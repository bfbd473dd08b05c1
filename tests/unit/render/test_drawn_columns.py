"""What is remembered of a curve from one picture to the next is what a fresh look would find."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from tui_app.render.buckets import Series

POINTS = st.lists(
    st.tuples(st.integers(1, 300), st.one_of(st.floats(-5, 5), st.just(math.nan))), min_size=1, max_size=40
)
LOOKS = st.tuples(st.integers(1, 90), st.integers(1, 320), st.integers(1, 120))


@given(st.lists(st.tuples(POINTS, LOOKS), min_size=1, max_size=6), st.sampled_from([8, 64, 1024]))
def test_a_picture_that_goes_on_equals_one_drawn_anew(
    turns: list[tuple[list[tuple[int, float]], tuple[int, int, int]]], capacity: int
) -> None:
    going_on, told = Series(capacity), []
    for points, look in turns:
        for step, value in points:
            going_on.add(step, value)
        told += points
        anew = Series(capacity)
        for step, value in told:
            anew.add(step, value)
        assert going_on.columns(*look) == anew.columns(*look)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=400), st.integers(2, 90))
def test_a_curve_that_grows_step_by_step_equals_one_drawn_anew(values: list[float], dots: int) -> None:
    going_on = Series(64)
    for step, value in enumerate(values, start=1):
        going_on.add(step, value)
        if step % 3 == 0:
            going_on.columns(dots, 256)
    anew = Series(64)
    for step, value in enumerate(values, start=1):
        anew.add(step, value)
    assert going_on.columns(dots, 256) == anew.columns(dots, 256)
