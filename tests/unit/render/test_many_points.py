"""Taking in a whole history at once comes to the same as step by step."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from tui_app.render.track import Track

POINTS = st.lists(
    st.tuples(
        st.integers(-1, 90),
        st.integers(1, 3),
        st.dictionaries(
            st.sampled_from(["loss", "reward/mean"]),
            st.one_of(st.floats(-9, 9), st.sampled_from([math.nan, math.inf, -math.inf])),
        ),
    ),
    max_size=60,
)


def picture(track: Track) -> object:
    """Everything that can be seen of a track; NaN by its name, because it equals nothing."""
    series = {
        name: (
            *(each.low, each.high, each.width, each.broken, each.last_step, each.smallest, each.largest),
            repr(each.last),
            each.columns(40, 128),
        )
        for name, each in track.series.items()
    }
    return series, track.marks, track.attempt, track.last_step, track.version


@given(POINTS, POINTS, st.sampled_from([4, 16, 1024]))
def test_a_history_at_once_is_a_history_step_by_step(
    first: list[tuple[int, int, dict[str, float]]],
    then: list[tuple[int, int, dict[str, float]]],
    capacity: int,
) -> None:
    at_once, one_by_one = Track(capacity), Track(capacity)
    for part in (first, then):
        at_once.extend(part)
        for step, attempt, metrics in part:
            one_by_one.add(step, attempt, metrics)
        assert picture(at_once) == picture(one_by_one)
