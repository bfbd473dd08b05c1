"""`modal.clustered`: ranks that start together, know each other, take each input together, end together."""

from collections.abc import Iterator

import psutil
import pytest
from contract_cloud import HERE, LocalCloud, make_cloud, wait_for

CLUSTER = """
function = lambda name: modal.Function.from_name('cluster', name)
notes = modal.Dict.from_name('cluster', create_if_missing=True)
pids = lambda name: [start[1] for rank in range(3) for start in notes.get(f'{name}/{rank}', [])[:1]]
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    for made in make_cloud():
        made.deploy(HERE / "cluster_app.py")
        yield made


def test_ranks_know_each_other_meet_over_a_socket_and_rank_0_answers(cloud):
    code = "say([function('meet').remote('first', 2), [notes[f'first/info/{n}'] for n in range(3)]])"
    (rank, total), infos = cloud.client(CLUSTER + code)
    assert (rank, total) == (0, 222)
    assert [info[0] for info in infos] == [0, 1, 2]
    assert len({info[1] for info in infos}) == 1
    assert infos[0][1].startswith("cu-")
    for info in infos:
        addresses, addresses_v4, containers, summed = info[2:]
        assert [addresses, addresses_v4, containers] == infos[0][2:5]
        assert len(addresses) == len(addresses_v4) == len(set(containers)) == 3
        assert summed == 222


def test_no_rank_begins_before_all_are_there(cloud):
    """One of the first three dies while it is imported, so the other two must not have begun."""
    code = """
go('die-at-import')
result = function('fails_never').remote('none', 1)
say([result, os.path.exists('flags/die-at-import.taken'), [len(notes[f'none/{n}']) for n in range(3)]])
"""
    assert cloud.client(CLUSTER + code) == [[0, 111], True, [1, 1, 1]]


def test_every_input_is_given_to_every_rank_and_the_cluster_is_used_again(cloud):
    code = """
totals = [function('meet').remote('again', number)[1] for number in (1, 2, 3)]
say([totals, [len({start[0] for start in notes[f'again/{n}']}) for n in range(3)],
     [len(notes[f'again/{n}']) for n in range(3)]])
"""
    assert cloud.client(CLUSTER + code) == [[111, 222, 333], [1, 1, 1], [3, 3, 3]]


def test_a_clustered_class_runs_its_hooks_and_its_one_method_in_each_rank(cloud):
    code = "say(modal.Cls.from_name('cluster', 'Pair')().both.remote(4))"
    assert cloud.client(CLUSTER + code) == [0, 8]


@pytest.mark.parametrize("killer", [0, 2])
def test_when_one_rank_dies_all_are_ended_and_a_whole_new_cluster_takes_the_input(cloud, killer):
    code = """
name = f'dies-{sys.argv[1]}'
result = function('hold').spawn(name, int(sys.argv[1])).get(timeout=60)
starts = [notes[f'{name}/{n}'] for n in range(3)]
say([result, [len(s) for s in starts], len({s[0] for start in starts for s in start}), pids(name)])
"""
    result, counts, containers, pids = cloud.client(CLUSTER + code, killer)
    assert result == [0, 3]
    assert counts == [2, 2, 2]
    assert containers == 6
    wait_for(lambda: not [pid for pid in pids if psutil.pid_exists(pid)])


def test_a_preempted_rank_interrupts_all_and_uses_no_retry(cloud):
    code = """
call = function('hold').spawn('preempted', -1)
wait_for(lambda: len(pids('preempted')) == 3)
task = notes['preempted/1'][0][0]
subprocess.run([sys.executable, '-m', 'modal', 'container', 'stop', task, '--yes'], check=True)
say([call.get(timeout=60), [notes.get(f'preempted/interrupted/{n}') for n in range(3)]])
"""
    assert cloud.client(CLUSTER + code) == [[0, 3], [True, True, True]]


def test_a_cancelled_call_ends_in_every_rank(cloud):
    code = """
call = function('hold').spawn('cancelled', -1)
wait_for(lambda: len(pids('cancelled')) == 3)
call.cancel()
try:
    call.get(timeout=30)
except modal.exception.RemoteError:
    say([function('meet').remote('after', 1), pids('cancelled')])
"""
    assert cloud.client(CLUSTER + code)[0] == [0, 111]


def test_a_failure_of_rank_0_is_the_failure_of_the_call(cloud):
    code = """
try:
    function('fails_in_rank_0').remote('fails')
except ValueError as error:
    say(str(error))
"""
    assert cloud.client(CLUSTER + code) == "rank 0 fails"


def test_a_rank_that_is_slower_than_rank_0_may_finish_what_it_does(cloud):
    code = """
before = function('slow_follower').remote('slow')
function('slow_follower')
notes['slow/go'] = True
wait_for(lambda: notes.get('slow/finished'))
say([before, function('slow_follower').remote('slow')])
"""
    assert cloud.client(CLUSTER + code) == ["slow", "slow"]


def test_a_cluster_is_adopted_by_the_next_daemon_and_still_ends_as_one(cloud):
    code = """
call = function('hold').spawn('adopted', -1)
wait_for(lambda: len(pids('adopted')) == 3)
say([call.object_id, notes['adopted/2'][0][0]])
"""
    call_id, task = cloud.client(CLUSTER + code)
    cloud.kill()
    cloud.up()
    cloud.modal("container", "stop", task, "--yes")
    code = "say(modal.FunctionCall.from_id(sys.argv[1]).get(timeout=60))"
    assert cloud.client(CLUSTER + code, call_id) == [0, 3]


def test_what_is_left_of_a_cluster_is_ended_by_the_next_daemon(cloud):
    """The negative control of the adoption: a member died with the daemon."""
    code = """
call = function('hold').spawn('torn', -1)
wait_for(lambda: len(pids('torn')) == 3)
say([call.object_id, notes['torn/1'][0][0]])
"""
    call_id, task = cloud.client(CLUSTER + code)
    cloud.kill()
    cloud.kill_container(task)
    cloud.up()
    code = "say([modal.FunctionCall.from_id(sys.argv[1]).get(timeout=60), len(notes['torn/0'])])"
    assert cloud.client(CLUSTER + code, call_id) == [[0, 3], 2]
