"""What a user sees of a start that takes too long, of options at the call, and of faults that only slow
things down or come at random."""

import time

import pytest
from contract_cloud import HERE

pytestmark = pytest.mark.usefixtures("healthy_again")


@pytest.fixture(autouse=True, scope="module")
def late(cloud):
    cloud.deploy(HERE / "late_app.py")


def test_a_start_beyond_its_limit_fails_the_call_and_says_so(cloud):
    code = """
SlowStart = modal.Cls.from_name('late', 'SlowStart')
try:
    SlowStart().never.spawn().get(timeout=60)
except Exception as error:
    say([type(error).__name__, str(error)])
"""
    kind, text = cloud.client(code)
    assert "the container was not ready within 2 s" in text, kind
    starts = cloud.client("say(modal.Dict.from_name('late')['slow/starts'])")
    assert starts >= 1


def test_a_volume_that_only_the_call_asks_for_is_mounted_and_committed(cloud):
    code = """
Plain = modal.Cls.from_name('late', 'Plain')
volume = modal.Volume.from_name('late', create_if_missing=True, version=2)
path, _ = Plain.with_options(volumes={'/asked': volume})().write.remote('by-options')
say([path, b''.join(volume.read_file('by-options')).decode(), Plain().mounts.remote()])
"""
    assert cloud.client(code) == ["/asked", "by-options", {}]


def test_a_slow_commit_takes_longer_and_succeeds(cloud):
    code = """
Plain = modal.Cls.from_name('late', 'Plain')
volume = modal.Volume.from_name('late', create_if_missing=True, version=2)
say(Plain.with_options(volumes={'/asked': volume})().write.remote(sys.argv[1])[1])
"""
    quick = cloud.client(code, "quick")
    cloud.fault("commit-slow", volume="late", seconds=1.5)
    slow = cloud.client(code, "slow")
    assert slow >= 1.5
    assert quick < slow
    assert cloud.client("say(b''.join(modal.Volume.from_name('late').read_file('slow')).decode())") == "slow"


def test_preemptions_at_random_come_and_use_no_retry(cloud):
    """At 3,600 an hour each container lives for about a second; the class allows no retry at all."""
    cloud.fault("preempt-rate", per_hour=3600.0)
    code = "say(modal.Cls.from_name('late', 'Steady')().until.spawn('steady', 3).get(timeout=50))"
    assert cloud.client(code) == 3


def test_without_the_fault_nothing_is_preempted(cloud):
    """Its control: the second start never comes."""
    code = """
call = modal.Cls.from_name('late', 'Steady')().until.spawn('calm', 2)
notes = modal.Dict.from_name('late', create_if_missing=True)
wait_for(lambda: notes.get('calm'))
try:
    call.get(timeout=4)
except TimeoutError:
    say(notes['calm'])
call.cancel(terminate_containers=True)
"""
    assert cloud.client(code) == 1


def test_a_slow_network_delays_every_request_and_loses_none(cloud):
    code = """
table = modal.Dict.from_name('late', create_if_missing=True)
began = time.monotonic()
for n in range(5):
    table[f'slow-network/{n}'] = n
say([time.monotonic() - began, [table[f'slow-network/{n}'] for n in range(5)]])
"""
    assert cloud.client(code)[1] == [0, 1, 2, 3, 4]
    cloud.fault("slow-network", ms=300.0)
    began = time.monotonic()
    seconds, values = cloud.client(code)
    assert values == [0, 1, 2, 3, 4]
    assert seconds >= 5 * 0.3
    assert time.monotonic() - began >= seconds
