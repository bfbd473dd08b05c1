"""The wall clock is set while work runs: nothing is lost or runs twice, and what is shown follows it."""

import time

import pytest
from contract_cloud import HERE, wait_for

DAY = 86_400
SAMPLE = """
Job = modal.Cls.from_name('sample', 'Job')()
notes = modal.Dict.from_name('sample', create_if_missing=True)
wide = lambda name: modal.Function.from_name('wide', name)
seen = modal.Dict.from_name('wide', create_if_missing=True)
line = modal.Queue.from_name('timed', create_if_missing=True)
"""


@pytest.fixture(autouse=True, scope="module")
def wide(cloud):
    cloud.deploy(HERE / "wide_app.py")


@pytest.fixture(autouse=True)
def right_again(cloud):
    yield
    assert cloud("fault", "clear").returncode == 0


def jump(cloud, seconds: float) -> None:
    result = cloud("fault", "clock-jump", str(seconds))
    assert f"jumped by {seconds:+g} s" in result.stdout, result.stderr


@pytest.mark.parametrize("seconds", [DAY, -DAY])
def test_an_input_that_runs_is_not_timed_out_and_not_run_again(cloud, seconds):
    name = f"runs{seconds}"
    code = "call = Job.wait.spawn(sys.argv[1]); wait_for(lambda: notes.get(sys.argv[1] + '/starts'))\n"
    call_id = cloud.client(SAMPLE + code + "say(call.object_id)", name)
    jump(cloud, seconds)
    code = """
assert modal.Function.from_name('sample', 'square').remote(3) == 9  # the pool has had its rounds since
go(sys.argv[2])
say(modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30))
"""
    assert cloud.client(SAMPLE + code, call_id, name) == 1


@pytest.mark.parametrize("seconds", [DAY, -DAY])
def test_a_retry_that_waits_comes_when_it_was_due_and_once(cloud, seconds):
    code = "call = wide('fail').spawn(sys.argv[1], 1)\nwait_for(lambda: seen.get(sys.argv[1] + '/starts'))\n"
    name = f"retried{seconds}"
    call_id = cloud.client(SAMPLE + code + "say(call.object_id)", name)
    jump(cloud, seconds)
    code = """
say([modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30), len(seen[sys.argv[2] + '/starts'])])
"""
    assert cloud.client(SAMPLE + code, call_id, name) == [2, 2]


def test_entries_of_queues_and_idle_containers_live_on(cloud):
    code = "line.put('kept'); say(wide('task').remote())"
    task = cloud.client(SAMPLE + code)
    jump(cloud, 2 * DAY)
    code = "say([wide('task').remote(), line.get(block=False)])"
    assert cloud.client(SAMPLE + code) == [task, "kept"]


def test_a_link_for_a_large_argument_stays_good(cloud):
    jump(cloud, 2 * DAY)
    code = "say(len(Job.echo.remote(b'x' * 3_000_000)))"
    assert cloud.client(SAMPLE + code) == 3_000_000


def test_what_is_shown_follows_the_wall_clock(cloud):
    """The control: the clock was set indeed. Back, for a client asks for lines up to its own present."""
    code = """
call = Job.wait.spawn(sys.argv[1])
wait_for(lambda: notes.get(sys.argv[1] + '/starts'))
go(sys.argv[1])
call.get(timeout=30)
say(wait_for(lambda: [entry.timestamp.timestamp() for entry in call.logs.tail(5)])[-1])
"""
    before = cloud.client(SAMPLE + code, "shown-before")
    assert abs(before - time.time()) < DAY / 2
    jump(cloud, -DAY)
    assert before - cloud.client(SAMPLE + code, "shown-after") > DAY / 2
    wait_for(lambda: f"the wall clock is -{DAY} s off" in cloud("status").stdout)


def test_a_daemon_that_is_killed_while_its_clock_is_wrong_loses_nothing(cloud):
    code = (
        "call = Job.wait.spawn('skewed'); wait_for(lambda: notes.get('skewed/starts')); say(call.object_id)"
    )
    call_id = cloud.client(SAMPLE + code)
    jump(cloud, DAY)
    cloud.kill()
    cloud.up()
    code = "go('skewed'); say(modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30))"
    assert cloud.client(SAMPLE + code, call_id) == 1
