"""A stream is drawn as often as its frames are cheap."""

from collections.abc import Iterator
from itertools import accumulate, chain, repeat

import pytest

from tui_app.pacing import BUSY, FASTEST_SECONDS, SLOWEST_SECONDS, Pace


def paced(*costs: float, then: float = 0.0, frames: int = 60) -> float:
    """Seconds between frames after frames of these costs, and then of one cost."""
    spent: Iterator[float] = accumulate(chain((1.0,), costs, repeat(then)))
    pace = Pace(lambda: next(spent))
    for _ in range(1 + len(costs) + (frames if then else 0)):
        pace.frame()
    return pace.seconds


def test_cheap_frames_come_eight_times_a_second() -> None:
    assert paced() == paced(then=0.002) == paced(then=0.006) == FASTEST_SECONDS


@pytest.mark.parametrize("cost", [0.008, 0.010, 0.020])
def test_dear_frames_come_so_often_that_they_take_no_more_than_their_part_of_a_core(cost: float) -> None:
    assert cost / paced(then=cost) == pytest.approx(BUSY, rel=0.01)


def test_however_dear_there_are_two_a_second() -> None:
    assert paced(then=0.2) == SLOWEST_SECONDS


def test_a_dear_start_is_soon_forgotten() -> None:
    assert paced(0.04) < 2 * FASTEST_SECONDS
    assert paced(0.04, then=0.005, frames=5) == FASTEST_SECONDS
