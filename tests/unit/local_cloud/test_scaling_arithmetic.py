"""How many containers are started and kept: by what waits, what is free, and what was configured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modal_proto import api_pb2

from remote.local_cloud.scaling import MOST_CONTAINERS, Scaling

COUNTS = st.integers(0, 40)


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, st.integers(1, 9), st.integers(1, 20))
def test_never_more_than_the_maximum_and_enough_for_what_waits(
    waiting, open_slots, containers, idle, minimum, buffer, target, maximum
):
    scaling = Scaling(minimum=min(minimum, maximum), maximum=maximum, buffer=buffer, slots=9, target=target)
    idle = min(idle, containers)
    started = scaling.to_start(waiting=waiting, open_slots=open_slots, containers=containers, idle=idle)
    assert 0 <= started <= max(0, maximum - containers)
    if containers + started < maximum:
        assert open_slots + started * target >= waiting
        assert containers + started >= scaling.minimum


def test_a_buffer_is_kept_while_others_work_and_not_otherwise():
    scaling = Scaling(maximum=10, buffer=2)
    assert scaling.to_start(waiting=1, open_slots=0, containers=0, idle=0) == 3
    assert scaling.to_start(waiting=0, open_slots=2, containers=3, idle=2) == 0
    assert scaling.to_start(waiting=0, open_slots=1, containers=3, idle=1) == 1
    assert scaling.to_start(waiting=0, open_slots=0, containers=0, idle=0) == 0
    assert scaling.to_keep_idle(containers=3, idle=2) == 2
    assert scaling.to_keep_idle(containers=2, idle=2) == 0


def test_a_minimum_is_kept_whatever_works():
    scaling = Scaling(minimum=3, maximum=10)
    assert scaling.to_start(waiting=0, open_slots=0, containers=1, idle=0) == 2
    assert scaling.to_keep_idle(containers=4, idle=2) == 1
    assert scaling.to_keep_idle(containers=2, idle=2) == 3


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (api_pb2.Function(), Scaling(maximum=MOST_CONTAINERS)),
        (api_pb2.Function(max_concurrent_inputs=4), Scaling(slots=4, target=4)),
        (api_pb2.Function(max_concurrent_inputs=4, target_concurrent_inputs=2), Scaling(slots=4, target=2)),
        (api_pb2.Function(batch_max_size=5), Scaling(slots=5, target=5)),
        (api_pb2.Function(single_use_containers=True), Scaling(single_use=True)),
        (api_pb2.Function(warm_pool_size=2, concurrency_limit=3), Scaling(minimum=2, maximum=3)),
        (api_pb2.Function(task_idle_timeout_secs=7), Scaling(idle_seconds=7)),
    ],
)
def test_settings_are_read_under_all_their_names(definition, expected):
    assert Scaling.of(definition) == expected


def test_what_is_set_later_wins_also_when_it_is_zero():
    definition = api_pb2.Function(autoscaler_settings=api_pb2.AutoscalerSettings(min_containers=2))
    later = api_pb2.AutoscalerSettings(min_containers=0, scaledown_window=9)
    assert Scaling.of(definition, later) == Scaling(minimum=0, idle_seconds=9)


def test_the_room_that_is_left_is_that_of_each_container_and_never_less_than_none():
    scaling = Scaling(slots=4)
    assert scaling.headroom([]) == 0
    assert scaling.headroom([0, 3, 4, 5]) == 5
