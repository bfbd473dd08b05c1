"""Axes have round numbers, and stay where they are for as long as they can."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from tui_app.render.axes import WORTH_SHRINKING, around, labels, nice_step, steps_shown, sticky, ticks

NUMBERS = st.floats(-1e9, 1e9, allow_nan=False)


@given(NUMBERS, NUMBERS)
def test_bounds_enclose_the_data(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    bounds = around(low, high)
    slack = bounds.reach * 1e-6
    assert bounds.low - slack <= low
    assert high <= bounds.high + slack
    assert bounds.low < bounds.high


@given(NUMBERS, st.floats(1e-6, 1e9), st.integers(2, 12))
def test_ticks_are_few_even_and_inside(low: float, reach: float, at_most: int) -> None:
    assume(reach > abs(low) * 1e-6)
    found = ticks(low, low + reach, at_most)
    assert len(found) <= at_most
    slack = reach * 1e-6
    assert all(low - slack <= value <= low + reach + slack for value in found)
    gaps = [b - a for a, b in pairwise(found)]
    assert all(abs(gap - gaps[0]) <= abs(gaps[0]) * 1e-6 for gap in gaps)


@given(st.floats(1e-9, 1e9))
def test_a_nice_step_is_one_two_or_five_times_a_power_of_ten(raw: float) -> None:
    step = nice_step(raw)
    digits = f"{step:.0e}"[0]
    assert digits in "125"
    assert raw * (1 - 1e-6) <= step <= raw * 5.1


@given(st.lists(st.floats(0.0, 100.0), min_size=1, max_size=50))
def test_a_range_changes_only_when_data_leaves_it_or_hardly_uses_it(values: list[float]) -> None:
    bounds, low, high = None, values[0], values[0]
    for value in values:
        low, high = min(low, value), max(high, value)
        before, bounds = bounds, sticky(bounds, low, high, include=(0.0,))
        if before is not None and bounds != before:
            assert value not in before or high - min(low, 0.0) < WORTH_SHRINKING * before.reach
        assert low in bounds
        assert high in bounds


def test_anchors_are_always_visible() -> None:
    bounds = sticky(None, 0.4, 0.5, include=(0.0, 1.0))
    assert (bounds.low, bounds.high) == (0.0, 1.0)


def test_a_range_that_is_hardly_used_any_more_shrinks() -> None:
    wide = sticky(None, 0.0, 100.0)
    assert sticky(wide, 0.0, 5.0).high < 10


@given(st.integers(1, 200_000), st.integers(8, 400), st.one_of(st.none(), st.integers(1, 200_000)))
def test_the_step_axis_holds_every_step_and_wastes_at_most_half(
    last: int, dots: int, total: int | None
) -> None:
    shown = steps_shown(last, dots, total)
    assert shown >= last
    assert shown <= max(2 * last, 8)


@given(st.integers(8, 400), st.integers(2, 3000))
def test_the_step_axis_only_doubles(dots: int, steps: int) -> None:
    seen = [steps_shown(last, dots) for last in range(1, steps)]
    changes = [(a, b) for a, b in pairwise(seen) if a != b]
    assert all(a < b <= 2 * a for a, b in changes)
    assert len(changes) <= 14


def test_the_step_axis_does_not_pass_the_goal() -> None:
    assert steps_shown(140, 120, total=250) == 240
    assert steps_shown(241, 120, total=250) == 250


def test_labels_have_the_decimals_that_their_distance_needs() -> None:
    assert labels([0.0, 0.5, 1.0]) == ["0.0", "0.5", "1.0"]
    assert labels([0.0, 0.005]) == ["0.000", "0.005"]
    assert labels([0.0, 20_000.0]) == ["0", "20k"]
