"""The daemon may die at any instant: nothing that it has answered is lost, nothing happens twice."""

import contextlib
import random
import sqlite3
import time

import psutil
import pytest

JOB = """
Job = modal.Cls.from_name('sample', 'Job')()
notes = modal.Dict.from_name('sample', create_if_missing=True)
"""
HAMMER = """
import contextlib
until, name = time.monotonic() + float(sys.argv[1]), sys.argv[2]
entries = modal.Dict.from_name(name, create_if_missing=True)
written, calls, spawns = [], [], 0

def again(action):
    while True:
        with contextlib.suppress(Exception):
            return action()

n = 0
while time.monotonic() < until:
    n += 1
    key, mine = f'{n:06d}', os.urandom(8)
    again(lambda: entries.put(key, mine, skip_if_exists=True))
    written.append([key, mine.hex()])
    if n % 40 == 1:
        spawns += 1
        with contextlib.suppress(Exception):
            calls.append([n, square.spawn(n).object_id])
stored = {key: value.hex() for key, value in again(lambda: dict(entries.items())).items()}
results = [[n, again(lambda: modal.FunctionCall.from_id(call_id).get(timeout=40))] for n, call_id in calls]
say({'written': written, 'stored': stored, 'results': results, 'spawns': spawns})
"""
SQUARE = "square = modal.Function.from_name('sample', 'square')\n"


def count(cloud, query: str) -> int:
    with contextlib.closing(sqlite3.connect(cloud.places.database)) as db:
        return int(db.execute(query).fetchone()[0])


def hammer_and_kill(cloud, seed: int, kills: int) -> None:
    """A client writes and spawns without a pause while the daemon is killed at random instants."""
    chance = random.Random(seed)
    calls_before = count(cloud, "SELECT count(*) FROM calls")
    long_call, long_name = None, f"long-{seed}"
    code = JOB + "say(Job.commit_often.spawn(sys.argv[1], int(sys.argv[2])).object_id)"
    long_call = cloud.client(code, long_name, 40 * kills)
    client = cloud.start(SQUARE + HAMMER, 1.8 * kills, f"hammer-{seed}")
    for _ in range(kills):
        time.sleep(chance.uniform(0.2, 1.0))
        cloud.kill()
        cloud.up()
    seen = client.result()
    assert dict(seen["written"]) == seen["stored"]
    assert len(seen["written"]) > 20
    assert all(result == n * n for n, result in seen["results"])
    assert count(cloud, "SELECT count(*) FROM calls") - calls_before <= seen["spawns"] + 1
    code = "say(modal.FunctionCall.from_id(sys.argv[1]).get(timeout=60))"
    assert cloud.client(code, long_call) == [40 * kills, 1]


def test_a_daemon_that_is_killed_again_and_again_loses_and_doubles_nothing(cloud):
    hammer_and_kill(cloud, seed=1, kills=3)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(2, 7))
def test_the_same_with_many_more_kills(cloud, seed):
    hammer_and_kill(cloud, seed=seed, kills=12)


def test_a_call_whose_daemon_was_killed_is_found_in_the_same_container_afterwards(cloud):
    call_id = cloud.client(JOB + "say(Job.wait.spawn('survives').object_id)")
    cloud.client(JOB + "say(bool(wait_for(lambda: notes.get('survives/starts'))))")
    cloud.kill()
    cloud.up()
    code = "go('survives'); say(modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30))"
    assert cloud.client(JOB + code, call_id) == 1


def test_a_container_that_died_with_the_daemon_gives_its_input_to_another(cloud):
    """The negative control of the adoption: the process is gone, so it must not be waited for."""
    code = """
call = Job.wait.spawn('dies-too')
wait_for(lambda: notes.get('dies-too/starts'))
say([call.object_id, notes['dies-too/starts'][0]])
"""
    call_id, task_id = cloud.client(JOB + code)
    cloud.kill()
    cloud.kill_container(task_id)
    cloud.up()
    code = "go('dies-too'); say(modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30))"
    assert cloud.client(JOB + code, call_id) == 2


def test_a_call_goes_on_after_the_cloud_was_taken_down_and_up(cloud):
    call_id = cloud.client(JOB + "say(Job.wait.spawn('paused').object_id)")
    cloud.client(JOB + "say(bool(wait_for(lambda: notes.get('paused/starts'))))")
    assert cloud("down").returncode == 0
    assert not containers_of(cloud)
    cloud.up()
    code = "go('paused'); say(modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30))"
    assert cloud.client(JOB + code, call_id) == 2


def test_down_also_ends_the_containers_of_a_daemon_that_was_killed(cloud):
    cloud.client(JOB + "Job.wait.spawn('orphan'); say(bool(wait_for(lambda: notes.get('orphan/starts'))))")
    cloud.kill()
    assert containers_of(cloud)
    assert "stopped" in cloud("down").stdout
    assert not containers_of(cloud)
    cloud.up()
    cloud.client(JOB + "go('orphan'); say(True)")


def test_a_wrong_token_is_refused(cloud):
    code = """
try:
    modal.Dict.from_name('sample').len()
except modal.exception.AuthError as error:
    say(str(error))
"""
    right = cloud.environment["MODAL_TOKEN_SECRET"]
    cloud.environment["MODAL_TOKEN_SECRET"] = "as-wrong"
    try:
        assert "token" in cloud.client(code)
    finally:
        cloud.environment["MODAL_TOKEN_SECRET"] = right


def test_sockets_and_state_are_closed_to_other_users(cloud):
    sockets = cloud.places.sockets()
    private = [sockets, cloud.places.state, *cloud.places.state.iterdir(), *sockets.iterdir()]
    assert len(private) > 10
    assert [path for path in private if path.lstat().st_mode & 0o077] == []


def test_what_is_not_implemented_says_so_by_name_and_is_counted(cloud):
    result = cloud.run_modal("environment", "create", "x")
    assert result.returncode != 0
    assert "EnvironmentCreate is not implemented by the local cloud" in result.stdout + result.stderr
    deadline = time.monotonic() + 20
    while "EnvironmentCreate" not in cloud.status()["unimplemented"]:
        assert time.monotonic() < deadline


def test_one_directory_has_one_daemon(cloud):
    result = cloud("serve")
    assert result.returncode == 1
    assert "another local cloud serves" in result.stderr


def containers_of(cloud) -> list[int]:
    """Pids of containers of this very cloud."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "environ"]):
        environment = process.info["environ"] or {}
        if str(cloud.root) in environment.get("MODAL_SERVER_URL", ""):
            found += [process.pid] if "modal._container_entrypoint" in (process.info["cmdline"] or []) else []
    return found
