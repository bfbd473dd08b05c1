"""Estimates from what was measured."""

import contextlib

from remote.training.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def measured(*durations: float) -> tuple[Pace, Clock]:
    clock = Clock()
    pace = Pace(clock)
    for seconds in durations:
        with pace.timed("save"):
            clock.now += seconds
    return pace, clock


def test_a_deadline_is_judged_by_the_slowest_and_a_forecast_by_the_median() -> None:
    pace, _ = measured(1.0, 5.0, 2.0)
    assert pace.expected("save") == 5.0
    assert pace.typical("save") == 2.0


def test_what_was_never_seen_is_unknown() -> None:
    pace, _ = measured()
    assert pace.expected("save") is None
    with pace.timed("save"):
        assert pace.remaining() is None


def test_nothing_under_way_is_over_at_once() -> None:
    assert measured()[0].remaining() == 0.0


def test_what_remains_shrinks_and_grows_again_when_it_is_overdue() -> None:
    pace, clock = measured(4.0)
    with pace.timed("save"):
        clock.now += 1.0
        assert pace.remaining() == 3.0
        clock.now += 5.0
        assert pace.remaining() == 2.0


def test_what_was_broken_off_is_not_counted() -> None:
    pace, clock = measured(1.0)
    with contextlib.suppress(OSError), pace.timed("save"):
        clock.now += 100.0
        raise OSError("disk")
    assert pace.expected("save") == 1.0
    assert pace.activity is None


def test_an_activity_can_go_over_into_the_next() -> None:
    pace, clock = measured()
    with pace.timed("step"), pace.timed("rollout"):
        clock.now += 1.0
        pace.begin("update")
        assert pace.activity == "update"
        clock.now += 3.0
    assert (pace.expected("rollout"), pace.expected("update"), pace.expected("step")) == (1.0, 3.0, 4.0)


def test_old_durations_are_forgotten() -> None:
    pace, _ = measured(9.0, *[1.0] * 8)
    assert pace.expected("save") == 1.0
