"""When keys may act: always on LOCAL, on MODAL only while somebody who armed it is there."""

import pytest

from tui_app.arming import IDLE_SECONDS, Arming

NOW = 1_000_000.0


def test_local_is_armed_always_and_says_nothing_of_it() -> None:
    arming = Arming("local")
    assert arming.armed(NOW)
    assert arming.note(NOW) is None
    assert arming.refusal("stop", NOW) is None
    assert arming.touched(NOW).armed(NOW + 10 * IDLE_SECONDS)


def test_modal_is_disarmed_until_somebody_arms_it_and_says_how() -> None:
    arming = Arming("modal")
    assert not arming.armed(NOW)
    assert arming.note(NOW) == "DISARMED, W arms"
    refusal = arming.refusal("stop", NOW)
    assert refusal is not None
    assert refusal.startswith("stop: MODAL is disarmed; W arms it until 10 idle minutes")
    assert arming.toggled(NOW).armed(NOW)
    assert arming.toggled(NOW).note(NOW) == "ARMED 10 min"
    assert not arming.toggled(NOW).toggled(NOW).armed(NOW)


def test_idle_time_counts_from_the_last_key_and_a_key_after_it_does_not_arm_again() -> None:
    arming = Arming("modal").toggled(NOW)
    for minute in range(1, 30):
        arming = arming.touched(NOW + 60 * minute)
    last = NOW + 60 * 29
    assert arming.armed(last + IDLE_SECONDS - 1)
    assert arming.note(last + IDLE_SECONDS - 61) == "ARMED 2 min"
    assert not arming.armed(last + IDLE_SECONDS)
    late = arming.touched(last + IDLE_SECONDS)
    assert not late.armed(last + IDLE_SECONDS)
    assert not late.touched(last + IDLE_SECONDS + 1).armed(last + IDLE_SECONDS + 1)


@pytest.mark.parametrize("target", ["local", "modal"])
def test_read_only_wins(target: str) -> None:
    arming = Arming(target, read_only=True, armed_at=NOW)
    assert not arming.armed(NOW)
    assert not arming.toggled(NOW).armed(NOW)
    assert arming.note(NOW) == "READ-ONLY"
    assert arming.refusal("stop", NOW) == "stop: this dashboard is read-only"
