"""A point read from a line is the point of its event, however odd the line."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from remote.vocabulary.events import Event, decode, encode
from tui_app.state.points import point_in, point_of

VALUES = st.one_of(st.floats(), st.integers(-5, 5), st.booleans(), st.none(), st.text(max_size=3))
METRICS = st.dictionaries(st.sampled_from(["loss", "reward/mean", "entropy", "lr", "x"]), VALUES)


@given(st.one_of(st.integers(-2, 9), st.text(max_size=2)), st.one_of(METRICS, st.lists(VALUES, max_size=2)))
def test_a_line_gives_the_point_of_its_event(step: object, metrics: object) -> None:
    line = encode(
        Event(
            run="r", attempt=2, source="trainer", seq=1, t=1.0, mono=1.0, type="step.completed",
            data={"step": step, "of": 9, "metrics": metrics},
        )
    )  # fmt: skip
    assert repr(point_in(line)) == repr(point_of(decode(line)))


def test_what_json_has_no_number_for_survives() -> None:
    data = {"step": 3, "metrics": {"loss": math.nan, "entropy": math.inf}}
    event = Event(
        run="r", attempt=1, source="trainer", seq=1, t=1.0, mono=1.0, type="step.completed", data=data
    )
    point = point_in(encode(event))
    assert point is not None
    assert math.isnan(point.metrics["loss"])
    assert point.metrics["entropy"] == math.inf
