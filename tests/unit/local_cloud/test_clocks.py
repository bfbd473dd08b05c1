"""One clock times and never jumps; the other tells the time, whatever it is set to."""

import json
from pathlib import Path

import pytest
from modal_proto import api_pb2

from remote.local_cloud.apps import Apps
from remote.local_cloud.calls import Calls
from remote.local_cloud.clocks import Clocks
from remote.local_cloud.schedules import Schedules
from remote.local_cloud.store import Store


class Machine:
    """A machine that was started a while ago; its wall clock can be set."""

    def __init__(self, up: float = 1000.0, wall: float = 1_700_000_000.0) -> None:
        self.up, self.clock = up, wall

    def passes(self, seconds: float) -> None:
        self.up += seconds
        self.clock += seconds

    def clocks(self) -> Clocks:
        return Clocks(lambda: self.up, lambda: self.clock)


@pytest.mark.parametrize("step", [86_400.0, -86_400.0])
def test_what_is_timed_does_not_notice_that_the_wall_clock_is_set(step: float) -> None:
    machine = Machine()
    clocks = machine.clocks()
    began = clocks.now()
    machine.passes(5)
    machine.clock += step
    assert clocks.now() - began == 5
    assert clocks.wall() - began == 5 + step


def test_a_jump_on_purpose_moves_the_wall_clock_and_nothing_else() -> None:
    clocks = Machine().clocks()
    began = clocks.now()
    clocks.jump(-3600)
    assert clocks.now() == began
    assert clocks.wall() == began - 3600
    clocks.jump(-clocks.jumped)
    assert clocks.wall() == began


def test_a_timed_moment_is_shown_as_the_wall_clock_has_it() -> None:
    machine = Machine()
    clocks = machine.clocks()
    started = clocks.now()
    machine.clock += 600
    machine.passes(30)
    assert clocks.wall() - clocks.shown(started) == 30
    assert clocks.shown(0.0) == 0.0


def test_the_next_daemon_counts_on_although_the_wall_clock_was_set_meanwhile(tmp_path: Path) -> None:
    machine, path = Machine(), tmp_path / "clock.json"
    first = machine.clocks()
    first.go_on_from(path, "boot-1")
    due = first.now() + 60
    machine.clock += 86_400
    machine.passes(20)
    second = machine.clocks()
    second.go_on_from(path, "boot-1")
    assert due - second.now() == 40


@pytest.mark.parametrize(("before", "boot"), [('{"boot": "boot-1", "offset": 5}', "boot-2"), ("torn {", "b")])
def test_after_a_reboot_or_with_a_torn_note_it_begins_with_the_wall_clock(
    tmp_path: Path, before: str, boot: str
) -> None:
    path, machine = tmp_path / "clock.json", Machine()
    path.write_text(before)
    clocks = machine.clocks()
    clocks.go_on_from(path, boot)
    assert clocks.now() == machine.clock
    assert json.loads(path.read_text())["boot"] == boot


def test_a_period_goes_on_when_the_clock_was_set_back_and_a_cron_line_is_not_called_twice(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path / "cloud.db")
    apps = Apps(store)
    schedules = Schedules(store, apps, Calls(store))
    app_id = apps.create("timed", api_pb2.APP_STATE_DEPLOYED)
    ids = {}
    for name, schedule in (
        ("period", api_pb2.Schedule(period=api_pb2.Schedule.Period(minutes=10))),
        ("cron", api_pb2.Schedule(cron=api_pb2.Schedule.Cron(cron_string="*/10 * * * *"))),
    ):
        handle = api_pb2.FunctionHandleMetadata()
        ids[name] = apps.reserve_function(app_id, name, "", handle)
        definition = api_pb2.Function(function_name=name, schedule=schedule)
        apps.define_function(ids[name], definition, handle, api_pb2.FunctionData())
    apps.publish(
        api_pb2.AppPublishRequest(app_id=app_id, app_state=api_pb2.APP_STATE_DEPLOYED, function_ids=ids)
    )
    now = apps.get(app_id)["deployed_at"]
    assert len(schedules.call_due(now + 700)) == 2
    assert len(schedules.call_due(now + 701)) == 0
    back = now - 86_400
    assert len(schedules.call_due(back)) == 0
    assert len(schedules.call_due(back + 86_400 + 50)) <= 1
