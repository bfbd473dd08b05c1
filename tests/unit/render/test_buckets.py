"""Buckets keep every extreme of a run of any length in a fixed space."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from tui_app.render.buckets import Series
from tui_app.render.track import Mark, Track

VALUES = st.floats(-1e6, 1e6, allow_nan=False)


def filled(values: list[float], capacity: int = 8) -> Series:
    series = Series(capacity)
    for step, value in enumerate(values, start=1):
        series.add(step, value)
    return series


@given(st.lists(VALUES, min_size=1, max_size=300))
def test_every_value_lies_inside_its_bucket(values: list[float]) -> None:
    series = filled(values)
    for step, value in enumerate(values, start=1):
        index = (step - 1) // series.width
        assert series.low[index] <= value <= series.high[index]


@given(st.lists(VALUES, min_size=1, max_size=300), st.integers(4, 200), st.integers(0, 299))
def test_a_spike_is_never_lost_whatever_the_width(values: list[float], dots: int, place: int) -> None:
    values[place % len(values)] = 1e9
    columns = filled(values).columns(dots, len(values))
    assert max(column[1] for column in columns if column is not None) == 1e9


def test_a_naive_mean_of_each_bucket_would_lose_the_spike() -> None:
    values = [0.0] * 64
    values[17] = 1e9
    means = [sum(values[i : i + 8]) / 8 for i in range(0, 64, 8)]
    assert max(means) < 1e9


@given(st.lists(VALUES, min_size=1, max_size=300), st.sampled_from([2, 8, 64]))
def test_space_does_not_grow_with_the_run(values: list[float], capacity: int) -> None:
    series = filled(values, capacity)
    assert len(series.low) == len(series.high) <= capacity
    assert series.width & (series.width - 1) == 0


@given(st.lists(VALUES, min_size=1, max_size=300))
def test_the_extremes_are_those_of_the_values(values: list[float]) -> None:
    assert filled(values).extremes == (min(values), max(values))


@given(st.lists(VALUES, min_size=2, max_size=100), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(values: list[float], random: object) -> None:
    steps = list(enumerate(values, start=1))
    random.shuffle(steps)  # type: ignore[attr-defined]
    series = Series(8)
    for step, value in steps:
        series.add(step, value)
    straight = filled(values)
    assert (series.low, series.high, series.width) == (straight.low, straight.high, straight.width)


def test_what_is_no_number_leaves_a_gap_and_a_mark() -> None:
    series = filled([1.0, math.nan, 3.0, math.inf, 5.0])
    columns = series.columns(5, 5)
    assert columns[1] is None
    assert columns[3] is None
    assert series.broken_columns(5, 5) == {1, 3}
    assert series.extremes == (1.0, 5.0)


def test_a_mark_of_a_broken_value_survives_doubling() -> None:
    series = filled([0.0] * 5 + [math.nan] + [0.0] * 94)
    assert series.broken_columns(10, 100) == {0}


def test_a_hole_in_the_steps_is_not_bridged() -> None:
    series = Series(64)
    for step in (1, 2, 5, 6):
        series.add(step, 1.0)
    columns = series.columns(60, 6)
    assert columns[25] is None
    assert columns[5] is not None


def test_steps_wider_than_a_dot_are_joined_by_a_straight_line() -> None:
    series = filled([0.0, 10.0])
    columns = series.columns(10, 2)
    assert columns[0] == (0.0, 0.0)
    assert columns[5] == (10.0, 10.0)
    assert columns[3] == (6.0, 6.0)


def test_a_sparkline_shows_a_spike_that_a_mean_would_hide() -> None:
    values = [0.0] * 100
    values[50] = 8.0
    assert max(v for v in filled(values, 128).tail(10) if v is not None) == 8.0


def test_steps_below_one_are_ignored() -> None:
    series = Series()
    series.add(0, 1.0)
    series.add(-3, 1.0)
    assert series.extremes is None


def test_a_later_attempt_that_repeats_steps_is_marked_as_a_rewind() -> None:
    track = Track()
    for step in range(1, 35):
        track.add(step, 1, {"loss": 0.1})
    for step in range(31, 40):
        track.add(step, 2, {"loss": 0.1})
    assert track.marks == [Mark(1, 1, 0), Mark(2, 31, 34)]
    assert track.last_step == 39


def test_a_late_step_of_an_older_attempt_marks_nothing() -> None:
    track = Track()
    track.add(1, 1, {})
    track.add(2, 2, {})
    track.add(2, 1, {"loss": 3.0})
    assert [mark.attempt for mark in track.marks] == [1, 2]
    assert track.series["loss"].last == 3.0
